"""The second piece: programs and code that come into the container after it has started."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .observation import Check, Process, Verdict, Write

_CODE = re.compile(r"\.(?:py|js|mjs|ts|rb|php|pl|sh|jar|war|class|so|wasm|lua|exe|dll)$")


def arrived(writes: Sequence[Write]) -> list[Write]:
    """What was added and can be run: by its mode, or by its name."""
    return [
        write
        for write in writes
        if write.kind == "added" and write.bytes and (write.executable or _CODE.search(write.path))
    ]


def pieces_check(writes: Sequence[Write], processes: Sequence[Process]) -> Check:
    """Whether the image is the whole of the application."""
    new = arrived(writes)
    paths = {one.path for one in new}
    running = sorted({word for process in processes for word in process.argv[:2] if word in paths})
    proof = {"added": [one.path for one in new[:50]], "running": running}
    if not new:
        summary = "no program or code came into the container after its start"
        return Check("pieces.arrived", "writable layer", Verdict.PROVED, summary, proof)
    shown = ", ".join(one.path for one in new[:3]) + (f" and {len(new) - 3} more" if new[3:] else "")
    summary = f"came into the container after its start: {shown}"
    if running:
        summary += f"; {', '.join(running[:3])} is running"
    return Check("pieces.arrived", "writable layer", Verdict.DISPROVED, summary, proof)
