"""Draws what a terminal shows: text with ANSI colours as an SVG that needs no font and no network."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_STYLES = {
    "1": "strong", "2": "faint", "32": "good", "33": "warn", "36": "note", "1;31": "bad",
}  # fmt: skip
_CHAR, _LINE, _MARGIN = 8.4, 19, 18  # pixels
_LOOK = """
    text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d4d7dc }
    .strong { font-weight: bold; fill: #fff } .faint { fill: #8b929c } .good { fill: #7fd17f }
    .warn { fill: #e5c76b } .note { fill: #6cc7d9 } .bad { fill: #ff7b72; font-weight: bold }
"""


def svg(text: str, title: str) -> str:
    """A picture of the text.

    Args:
        text: lines, coloured as a terminal takes it.
        title: what it shows, for whoever can't see it.
    """
    lines = text.rstrip("\n").split("\n")
    width = round(max(len(_CODE.sub("", line)) for line in lines) * _CHAR + 2 * _MARGIN)
    height = len(lines) * _LINE + 2 * _MARGIN
    drawn = "".join(
        f'  <text x="{_MARGIN}" y="{_MARGIN + number * _LINE + 14}" xml:space="preserve">{_spans(line)}</text>\n'
        for number, line in enumerate(lines)
        if line.strip()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">\n'
        f"  <title>{escape(title)}</title>\n  <style>{_LOOK}  </style>\n"
        f'  <rect width="100%" height="100%" rx="8" fill="#161b22"/>\n{drawn}</svg>\n'
    )


def _spans(line: str) -> str:
    """A line's parts, each with its style, and where it begins: fonts differ in how wide they are."""
    out, column, style = [], 0, ""
    for index, part in enumerate(_CODE.split(line)):
        if index % 2:
            style = _STYLES.get(part, "")
        elif part:
            place = f'x="{_MARGIN + column * _CHAR:.1f}" textLength="{len(part) * _CHAR:.1f}"'
            out.append(
                f"<tspan {place}{f' class={chr(34)}{style}{chr(34)}' if style else ''}>{escape(part)}</tspan>"
            )
            column += len(part)
    return "".join(out)
