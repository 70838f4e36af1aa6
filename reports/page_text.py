"""A page in Markdown as a terminal shows it: headings bold, examples set in, lines as long as it is wide."""

from __future__ import annotations

import re
import textwrap

from .look import Look

_WIDTH = 100
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def page_text(markdown: str, look: Look) -> str:
    """The page, folded where the terminal ends. Of Markdown only what our own pages use is known."""
    out: list[str] = []
    for block in _blocks(markdown):
        if block[0].startswith("```"):
            out += [f"    {line}".rstrip() for line in block[1:-1]]
        elif block[0].startswith("#"):
            out.append(look.strong(block[0].lstrip("# ")))
        elif block[0].startswith("|"):
            out += block
        else:
            out += _paragraph(block, look)
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def _blocks(markdown: str) -> list[list[str]]:
    """The lines of each heading, paragraph and example."""
    out: list[list[str]] = [[]]
    fenced = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            if not fenced and out[-1]:
                out.append([])
            out[-1].append(line)
            if fenced:
                out.append([])
            fenced = not fenced
        elif fenced or line:
            out[-1].append(line)
        elif out[-1]:
            out.append([])
    return [block for block in out if block]


def _paragraph(block: list[str], look: Look) -> list[str]:
    """Its items, or its sentences, folded."""
    items: list[str] = []
    for line in block:
        if items and not line.startswith(("- ", "* ")):
            items[-1] += f" {line.strip()}"
        else:
            items.append(line)
    return [
        line
        for item in items
        for line in textwrap.wrap(
            _LINK.sub(r"\1 (\2)", item),
            look.width or _WIDTH,
            subsequent_indent="  " if item.startswith(("- ", "* ")) else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
