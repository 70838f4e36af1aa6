"""Images for people: sizes, layers, waste, and history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..analyzer.credentials import mask
from . import packages_text, text
from .gates_text import gates
from .look import PLAIN, Look
from .report import Report
from .tables import clipped, size, table

if TYPE_CHECKING:
    from ..analyzer.image import Image, Layer
    from ..analyzer.image.savings import Saving

_STEP_WIDTH = 60
_SAVINGS_ROWS = 12
_FILES_WIDTH = 56
_LONGEST_PATH = 200
_WIDE = 110  # columns of a terminal


def render(report: Report, look: Look = PLAIN) -> str:
    """Each image's measurements, then the findings."""
    parts = [image_view(image, look) for image in report.images]
    if len(report.images) > 1:
        parts.append(shared(report.images))
    if report.gates:
        parts.append(gates(report.gates, look))
    parts.append(text.render(report, look).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def with_packages(report: Report, look: Look = PLAIN) -> str:
    """Each image's packages, all of them; then the findings that fail, and what is noted."""
    parts = []
    for image in report.images:
        found = packages_text.listing(image, look) if image.packages.packages else "no packages"
        parts.append(f"{heading(image, look)}\n\n{found}")
    if report.gates:
        parts.append(gates(report.gates, look))
    failing = tuple(finding for finding in report.findings if report.fails(finding))
    parts.append(text.render(report._replace(findings=failing), look).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def image_view(image: Image, look: Look = PLAIN) -> str:
    """One image: totals, layers, what could be saved, and what its packages take."""
    lines = [heading(image, look), "", layers(image, look)]
    if image.savings.found:
        lines += ["", savings(image, look)]
    if image.packages.packages:
        lines += ["", packages_text.overview(image, look)]
    return "\n".join(lines)


def heading(image: Image, look: Look = PLAIN) -> str:
    """The name and the totals."""
    name = " ".join(image.tags) or image.id[:19]
    about = f"{look.strong(clipped(name, 100))}  {image.platform}  {image.id[:19]}"
    if not image.has_configuration:
        about = f"{look.strong(clipped(image.source, 100))}  a root file system"
    efficiency = "-" if image.efficiency is None else f"{image.efficiency:.1%}"
    stored = f", {size(image.compressed_bytes)} compressed" if image.compressed_bytes is not None else ""
    other = image.engine_id not in ("", image.id)
    called = f", for the engine {image.engine_id[:19]}" if other else ""
    return (
        f"{about}{called}\n"
        f"content {size(image.content_bytes)}, live {size(image.live_bytes)},"
        f" wasted {size(image.wasted_bytes)}, efficiency {efficiency}{stored}"
    )


def layers(image: Image, look: Look = PLAIN) -> str:
    """A row for each layer, from the bottom."""
    packed = any(layer.compressed_bytes is not None for layer in image.layers)
    headers = ["layer", *(["compressed"] if packed else []), "content", "live", "wasted", "entries", "step"]
    rows = [
        [
            layer.index,
            *([size(layer.compressed_bytes)] if packed else []),
            size(layer.content_bytes),
            size(layer.live_bytes),
            size(layer.wasted_bytes) if layer.wasted_bytes else "",
            layer.entries,
            _step(image, layer),
        ]
        for layer in image.layers
    ]
    right = ("layer", "compressed", "content", "live", "wasted", "entries")
    return table(rows, headers, right, width=look.width, flexible=("step",))


def _step(image: Image, layer: Layer) -> str:
    return clipped(mask(image.made_by(layer)) or "unknown: the history does not say", _STEP_WIDTH)


def savings(image: Image, look: Look = PLAIN) -> str:
    """What could be saved, your own before the base's, and the total."""
    found = image.savings.found
    shown = found if look.full else found[:_SAVINGS_ROWS]
    rows = [
        [
            size(one.bytes),
            one.layer,
            "your own" if one.own else "base",
            _reason(one),
            _files(one.files, one.paths[:2]),
        ]
        for one in shown
    ]
    headers = ["could save", "layer", "of", "what", "files"]
    view = table(rows, headers, right=("could save",))
    if look.width is not None and max(map(len, view.splitlines())) > look.width:
        # The files stand below the reason, so that no path is cut that fits into a line.
        rows = [[*row[:3], f"{row[3]}\n{_below(saving)}"] for row, saving in zip(rows, shown, strict=True)]
        view = table(rows, headers[:4], right=("could save",), width=look.width, flexible=("what",))
    rest = len(found) - len(shown)
    more = f"\n… and {rest} smaller ones: --format full shows them" if rest else ""
    return f"{view}{more}\n{look.folded(saved(image))}"


def _reason(saving: Saving) -> str:
    """Why it could be saved: "deleted (layer 4)", "documentation"."""
    if saving.hidden_by is None:
        return saving.what
    return f"{saving.what} (layer {saving.hidden_by})"


def _plain(path: str) -> str:
    """A path as it is, unless it is longer than any table is wide."""
    return clipped(path, _LONGEST_PATH)


def _below(saving: Saving) -> str:
    """The first of the files, a line each."""
    paths = [f"/{_plain(path)}" for path in saving.paths[:2]]
    return "\n".join([f"{saving.files} files:", *paths] if saving.files > len(paths) else paths)


def saved(image: Image) -> str:
    """How much could be saved altogether, by whom."""
    own, base = image.savings.own_bytes, image.savings.base_bytes
    told = [f"a rebuild could save {size(own)} of the content"] if own else []
    told += [f"another base could save {size(base)}"] if base else []
    guess = " (where the base ends is guessed from the history's dates)" if image.base_is_guessed else ""
    return f"{', '.join(told)}; each byte is counted once{guess}"


def _files(count: int, paths: Sequence[str]) -> str:
    """How many files, and those of the first that fit, whole: "7 files: /srv/a.css, /srv/b.svg, …"."""
    told, named = f"{count} files: " if count > len(paths) else "", 0
    for path in paths:
        more = f"{', ' if named else ''}/{_plain(path)}"
        if named and len(told + more) > _FILES_WIDTH:
            break
        told, named = told + more, named + 1
    return told if named == count else f"{told}, …"


def shared(images: tuple[Image, ...]) -> str:
    """What several images have in common, by the layer graph. One that is given twice has nothing for itself."""
    import pandas as pd

    from ..analyzer.graph import disk_bytes, layer_graph, node_of, shares

    graph = layer_graph(images)
    given = pd.DataFrame({
        "image": [node_of(graph, image) for image in images],
        "name": [clipped((" ".join(image.tags) or image.id[:19]) + image.which, 50) for image in images],
    })  # fmt: skip
    names = given.drop_duplicates("image").set_index("image")["name"]
    found = given.merge(pd.DataFrame(shares(graph)), on="image", how="left")
    own = found["unique_bytes"].where(~given["image"].duplicated(keep=False), 0)
    rows = zip(
        found["name"],
        found["total_bytes"].map(size),
        (found["total_bytes"] - own).map(size),
        own.map(size),
        found["base"].map(names).fillna(""),
        strict=True,
    )
    view = table(
        rows, ["image", "layers", "shared", "its own", "built on"], right=("layers", "shared", "its own")
    )
    return f"{view}\n\n{len(images)} images, {size(disk_bytes(graph))} together; deleting one frees what is its own"


def compared(images: tuple[Image, ...]) -> str:
    """Images side by side: size, system, user."""
    from ..analyzer.image.system import system_of

    rows = []
    for image in images:
        system = system_of(image)
        uid = image.effective_uid()
        user = image.config.user or "root"
        rows.append([
            clipped((" ".join(image.tags) or image.source) + image.which, 40), size(image.content_bytes), len(image.layers),
            system.distribution or "-", system.libc or "-", system.shell or "-", system.package_manager or "-",
            "-" if system.packages is None else system.packages,
            "-" if not image.has_configuration else user if uid is None or str(uid) == user else f"{user} ({uid})",
        ])  # fmt: skip
    headers = ["image", "content", "layers", "distribution", "libc", "sh", "manager", "packages", "user"]
    return table(rows, headers, right=("content", "layers", "packages"))


def history(image: Image, look: Look = PLAIN) -> str:
    """Every step with the layer that it made, from the first."""
    rows = []
    # The step says more than the second in which it was made.
    day = look.width is not None and look.width < _WIDE
    for step in image.steps:
        layer = image.layers[step.layer] if step.layer is not None else None
        joint = image.layers[step.within] if step.within is not None else None
        rows.append(
            [
                step.index,
                (step.created or "")[: 10 if day else 19].replace("T", " "),
                layer.index if layer is not None else joint.index if joint is not None else "",
                "" if layer is None else size(layer.content_bytes),
                "" if layer is None else size(layer.wasted_bytes) if layer.wasted_bytes else "",
                clipped(
                    mask(step.text) or (f"({step.comment})" if step.comment else "(no command)"),
                    _STEP_WIDTH + 20,
                ),
            ]
        )
        if joint is not None and step.index == joint.steps[-1]:
            wasted = size(joint.wasted_bytes) if joint.wasted_bytes else ""
            rows.append(["", "", joint.index, size(joint.content_bytes), wasted, image.made_by(joint)])
    rows += [
        ["?", "", layer.index, size(layer.content_bytes), "", "unknown: the history does not say"]
        for layer in image.layers
        if not layer.steps
    ]
    view = table(
        rows,
        ["step", "created" if day else "created (UTC)", "layer", "content", "wasted", "what"],
        right=("step", "layer", "content", "wasted"),
        width=look.width,
        flexible=("what",),
    )
    notes = [
        "a step without a layer changed only the configuration",
        "`docker history` shows <missing> for steps that another machine made: only the last has an image ID here",
        *_doubts(image),
    ]
    if not image.has_configuration:
        notes = ["a root file system has no history"]
    return f"{heading(image, look)}\n\n{view}\n\n{look.folded('; '.join(notes), '')}"


def _doubts(image: Image) -> list[str]:
    """What the history does not tell of its layers."""
    filled = sum(not step.empty for step in image.steps)
    out = []
    if image.steps and any(step.confidence == "unknown" for step in image.steps):
        out.append(
            f"the history has {filled} steps with a layer where the image has {len(image.layers)} layers,"
            " so nobody can tell which made which"
            if filled != len(image.layers)
            else "the tool that built it writes its steps in another order than its layers"
        )
    elif filled != len(image.layers):
        out.append(
            "history and layers differ in number: the mapping follows the habit of the tool that built it"
        )
    if any(step.within is not None for step in image.steps):
        out.append("steps with the same layer made it together: the build commits once, or was squashed")
    return out
