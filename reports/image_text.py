"""Images for people: sizes, layers, waste, and history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..analyzer.credentials import mask
from . import text
from .gates_text import gates
from .look import PLAIN, Look
from .report import Report
from .tables import clipped, size, table

if TYPE_CHECKING:
    from ..analyzer.image import Image, Layer

_STEP_WIDTH = 60
_WASTE_ROWS = 10
_BALLAST_ROWS = 5


def render(report: Report, look: Look = PLAIN) -> str:
    """Each image's measurements, then the findings."""
    parts = [image_view(image, look) for image in report.images]
    if len(report.images) > 1:
        parts.append(shared(report.images))
    if report.gates:
        parts.append(gates(report.gates, look))
    parts.append(text.render(report, look).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def image_view(image: Image, look: Look = PLAIN) -> str:
    """One image: totals, layers, waste."""
    lines = [heading(image, look), "", layers(image, look)]
    if image.waste:
        lines += ["", waste(image, look)]
    if image.ballast:
        lines += ["", ballast(image, look)]
    return "\n".join(lines)


def heading(image: Image, look: Look = PLAIN) -> str:
    """The name and the totals."""
    name = " ".join(image.tags) or image.id[:19]
    efficiency = "-" if image.efficiency is None else f"{image.efficiency:.1%}"
    stored = f", {size(image.compressed_bytes)} compressed" if image.compressed_bytes is not None else ""
    return (
        f"{look.strong(clipped(name, 100))}  {image.platform}  {image.id[:19]}\n"
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
            _step(image, layer, look.fitted(_STEP_WIDTH, 70 if packed else 57)),
        ]
        for layer in image.layers
    ]
    return table(rows, headers, right=("layer", "compressed", "content", "live", "wasted", "entries"))


def _step(image: Image, layer: Layer, width: int) -> str:
    if layer.step is None:
        return "unknown: the history does not say"
    return clipped(mask(image.steps[layer.step].text) or "(no command)", width)


def waste(image: Image, look: Look = PLAIN) -> str:
    """What is wasted, by cause and pair of layers."""
    shown = image.waste if look.full else image.waste[:_WASTE_ROWS]
    rows = [
        [
            size(one.bytes),
            one.added_by,
            one.hidden_by,
            one.cause,
            clipped(", ".join(f"/{path}" for path in one.paths[:2]), look.fitted(44, 86))
            + (f" and {one.files - 2} more" if one.files > 2 else ""),
        ]
        for one in shown
    ]
    view = table(rows, ["wasted", "in layer", "hidden by", "because it is", "files"], right=("wasted",))
    rest = len(image.waste) - len(shown)
    return view + (f"\n… and {rest} smaller ones: --format full shows them" if rest else "")


def ballast(image: Image, look: Look = PLAIN) -> str:
    """What can be seen and is hardly needed: the largest kinds."""
    shown = image.ballast if look.full else image.ballast[:_BALLAST_ROWS]
    rows = [
        [
            size(one.bytes),
            one.layer,
            one.kind,
            clipped(f"/{one.paths[0]}", look.fitted(44, 70)) + _more(one.files - 1),
        ]
        for one in shown
    ]
    view = table(rows, ["beside it", "in layer", "visible", "files"], right=("beside it",))
    rest = len(image.ballast) - len(shown)
    return view + (f"\n… and {rest} smaller ones: --format full shows them" if rest else "")


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def shared(images: tuple[Image, ...]) -> str:
    """What several images have in common, by chain ID."""
    from ..analyzer.image.sharing import shares, stored_bytes

    found = shares(images)
    names = [clipped(" ".join(image.tags) or image.id[:19], 50) for image in images]
    rows = [
        [names[one.image], size(one.total_bytes), size(one.shared_bytes), size(one.unique_bytes),
         "" if one.base is None else names[one.base]]
        for one in found
    ]  # fmt: skip
    view = table(
        rows, ["image", "layers", "shared", "its own", "built on"], right=("layers", "shared", "its own")
    )
    together = stored_bytes(images)
    return f"{view}\n\n{len(images)} images, {size(together)} together; deleting one frees what is its own"


def compared(images: tuple[Image, ...]) -> str:
    """Images side by side: size, system, user."""
    from ..analyzer.image.system import system_of

    rows = []
    for image in images:
        system = system_of(image)
        uid = image.effective_uid()
        user = image.config.user or "root"
        rows.append([
            clipped(" ".join(image.tags) or image.source, 40), size(image.content_bytes), len(image.layers),
            system.distribution or "-", system.libc or "-", system.shell or "-", system.package_manager or "-",
            "-" if system.packages is None else system.packages,
            user if uid is None or str(uid) == user else f"{user} ({uid})",
        ])  # fmt: skip
    headers = ["image", "content", "layers", "distribution", "libc", "sh", "manager", "packages", "user"]
    return table(rows, headers, right=("content", "layers", "packages"))


def history(image: Image, look: Look = PLAIN) -> str:
    """Every step with the layer that it made, from the first."""
    rows = []
    for step in image.steps:
        layer = image.layers[step.layer] if step.layer is not None else None
        rows.append(
            [
                step.index,
                (step.created or "")[:19].replace("T", " "),
                "" if layer is None else layer.index,
                "" if layer is None else size(layer.content_bytes),
                "" if layer is None else size(layer.wasted_bytes) if layer.wasted_bytes else "",
                clipped(
                    mask(step.text) or (f"({step.comment})" if step.comment else "(no command)"),
                    look.fitted(_STEP_WIDTH + 20, 58),
                ),
            ]
        )
    known = {step.layer for step in image.steps}
    rows += [
        ["?", "", layer.index, size(layer.content_bytes), "", "unknown: the history does not say"]
        for layer in image.layers
        if layer.index not in known
    ]
    view = table(
        rows,
        ["step", "created (UTC)", "layer", "content", "wasted", "what"],
        right=("step", "layer", "content", "wasted"),
    )
    doubt = next((step for step in image.steps if step.confidence != "exact"), None)
    notes = [
        "a step without a layer changed only the configuration",
        "`docker history` shows <missing> for steps that another machine made: only the last has an image ID here",
    ]
    if doubt:
        notes.append(
            "history and layers differ in number: the mapping follows the habit of the tool that built it"
        )
    return f"{heading(image, look)}\n\n{view}\n\n{'; '.join(notes)}"
