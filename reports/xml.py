"""XML that every reader takes, whatever the text in it."""

from __future__ import annotations

from xml.etree import ElementTree


def as_text(root: ElementTree.Element) -> str:
    """An XML document, with its declaration and a final newline."""
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def legal(text: str) -> str:
    """Text without the characters that XML 1.0 can't hold, not even escaped."""
    return "".join(one if _legal(ord(one)) else "\ufffd" for one in text)


def _legal(code: int) -> bool:
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
