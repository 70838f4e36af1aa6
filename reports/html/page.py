"""The page: what the JSON report says, its numbers among them, with the image's bytes as maps.

One file with its style and its script inside, and a policy that lets nothing else be fetched or run. Each string of the
report is masked and made visible where it becomes a part of the page, before it is escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from ...analyzer.credentials import mask, mask_lines, mask_shapes
from ...rules.gates import weigh
from ...rules.matrix import ANTIPATTERNS, EVIDENCE
from .. import image_text, text
from ..diff_text import signed
from ..gates_text import measured
from ..json_v1 import document
from ..report import Report
from ..tables import clipped, size
from . import treemap

if TYPE_CHECKING:
    from jinja2 import Environment

    from ...analyzer.image import Image

_ROWS = 500  # of a table; the rest is counted
_LINES = 2000  # of a Dockerfile
_MAPPED = 4  # images that get maps
_LONGEST = 4000  # characters of a string


def render(report: Report) -> str:
    """The report as one page, with a final newline."""
    style, script = (_own_file(name) for name in ("style.css", "zoom.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none';"
        " form-action 'none'"
    )
    page = _environment().get_template("page.html.j2")
    return page.render(_facts(report), style=style, script=script, policy=policy) + "\n"


def _own_file(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _hash(inside: str) -> str:
    """What a policy calls the text inside of an element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"weight": _weight, "growth": _growth, "size": size, "some": _some, "value": _value}
    made.globals |= {"rows": _ROWS, "measured": measured}
    return made


def _shown(value: Any) -> Any:
    """What stands in the page for a value: without credentials, and with nothing that can't be seen or turns text around."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    masked = mask_shapes(value)
    if len(masked) > _LONGEST:
        masked = masked[: _LONGEST - 1] + "…"
    if masked.isprintable():
        return masked
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in masked)


def _weight(count: int | None) -> Any:
    """A number of bytes: for people, and exactly."""
    from markupsafe import Markup

    if count is None:
        return "–"
    return Markup('<data value="{}" title="{} bytes">{}</data>').format(count, f"{count:,}", size(count))


def _growth(count: int) -> Any:
    """The same of a difference, with its sign."""
    from markupsafe import Markup

    return Markup('<data value="{}" title="{} bytes">{}</data>').format(count, f"{count:+,}", signed(count))


def _some(rows: Sequence[Any]) -> Sequence[Any]:
    """As many rows as a table has; `more` in parts.html.j2 counts the rest."""
    return rows[:_ROWS]


def _value(value: Any) -> str:
    """A value of a proof in one string."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _facts(report: Report) -> dict[str, Any]:
    """What the templates tell, and nothing that the JSON report would say otherwise."""
    told = document(report)
    images = [
        _image(number, image, fact, report)
        for number, (image, fact) in enumerate(zip(report.images, told.get("images", ()), strict=True), 1)
        if report.diff is None or image is report.diff.new
    ]
    # Where the command's text says nothing before its last line, that line is the sentence.
    told_before = report.matrix or report.images or report.diff is not None
    several = len(report.images) > 1 and report.diff is None and not report.matrix
    shared = image_text.shared(report.images) if several else ""
    return {
        "report": told,
        "sentence": _sentence(report, shared),
        "shared": shared,
        "summary": text.summary(report) if told_before else "",
        "asked": [mask(word) for word in report.asked],
        "images": images,
        "files": [_source(number, name, report) for number, name in enumerate(report.texts, 1)],
        "anchors": {name: number for number, name in enumerate(report.texts, 1)},
        "last_lines": {name: min(len(one.lines), _LINES) for name, one in report.texts.items()},
        "matrix": _matrix(told.get("matrix", ())),
        "evidence": EVIDENCE,
        "diff": _diff(report),
    }


def _sentence(report: Report, shared: str) -> str:
    """What the text of the command says first; of several images the last line of what they share."""
    if report.matrix:
        from ..push_verdict import push_verdict

        return push_verdict(report).sentence
    if report.diff is not None:
        old, new, grown = report.diff.old, report.diff.new, report.diff.grown
        names = [clipped(" ".join(image.tags) or image.id[:19], 60) for image in (old, new)]
        change = f"content {size(old.content_bytes)} → {size(new.content_bytes)}, {signed(grown)}"
        return f"{names[0]} → {names[1]}: {change}."
    if len(report.images) == 1:
        totals = image_text.heading(report.images[0]).splitlines()[1]
        return f"{totals[:1].upper()}{totals[1:]}."
    if shared:
        return f"{shared.splitlines()[-1]}."
    return f"{text.summary(report)}."


def _image(number: int, image: Image, fact: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """An image as JSON has it, its steps as Dockerfiles have them, its maps, and what it was before."""
    steps = [mask(image.made_by(layer)) or "unknown: the history does not say" for layer in image.layers]
    maps = []
    if image.content_bytes and (number <= _MAPPED or report.diff is not None):
        tops = {"by directory": treemap.by_directory(image)}
        if sum(layer.content_bytes > 0 for layer in image.layers) > 1:
            tops["by layer"] = treemap.by_layer(image, steps)
        maps = [{"title": title, "top": top, "cells": treemap.cells(top)} for title, top in tops.items()]
    before = report.earlier.get(image.id)
    now = weigh(image)
    return {
        "number": number,
        "name": (" ".join(image.tags) or image.id[:19]) + image.which
        if image.has_configuration
        else image.source,
        "fact": fact,
        "steps": steps,
        "history": [
            {
                "index": step.index,
                "created": (step.created or "")[:19].replace("T", " "),
                "layer": step.layer if step.layer is not None else step.within,
                "text": mask(step.text) or (f"({step.comment})" if step.comment else "(no command)"),
            }
            for step in image.steps
        ],
        "largest": max((layer.content_bytes for layer in image.layers), default=0),
        "saved": image_text.saved(image) if image.savings.found else "",
        "maps": maps,
        "before": before
        and [
            ("content", before.content_bytes, now.content_bytes),
            ("live", before.live_bytes, now.live_bytes),
            ("wasted", before.wasted_bytes, now.wasted_bytes),
        ],
    }


def _source(number: int, name: str, report: Report) -> dict[str, Any]:
    """A Dockerfile's lines, with the content that each put into the image."""
    weights: dict[int, int] = {}
    for image in report.images:
        origin = report.origins.get(image.id)
        if origin is None or origin.file != name:
            continue
        for layer in image.layers:
            if (span := origin.layers.get(layer.index)) is not None:
                weights[span.line] = weights.get(span.line, 0) + layer.content_bytes
    lines = [line.rstrip("\r") for line in mask_lines(report.texts[name].value)]
    return {"number": number, "name": name, "lines": lines[:_LINES], "all": len(lines), "weights": weights}


def _matrix(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ten rows, each with its cells in the order of the evidence."""
    found = {(cell["antipattern"], cell["evidence"]): cell for cell in cells}
    return [
        {"number": number, "name": name, "cells": [found[number, kind] for kind in EVIDENCE]}
        for number, name in enumerate(ANTIPATTERNS, 1)
        if cells
    ]


def _diff(report: Report) -> dict[str, Any] | None:
    """What a comparison says of its layers beside JSON's numbers."""
    if report.diff is None:
        return None
    return {"layers": list(_changed_layers(report)), "old": report.diff.old, "new": report.diff.new}


def _changed_layers(report: Report) -> Iterator[dict[str, Any]]:
    assert report.diff is not None
    grown = report.diff.by_step()
    for one in report.diff.layers:
        image, index = (report.diff.new, one.new) if one.new is not None else (report.diff.old, one.old or 0)
        layer = image.layers[index]
        yield {
            "kind": "same" if one.same else "removed" if one.new is None else "added",
            "old": one.old,
            "new": one.new,
            "bytes": layer.content_bytes,
            "grown": grown.get(index) if one.new is not None else None,
            "step": mask(image.made_by(layer)) or "unknown",
        }
