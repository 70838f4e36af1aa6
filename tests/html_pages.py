"""Reads a page as a browser would, and says what it must be in any case."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import html5lib


def parsed(text: str) -> ElementTree.Element:
    """The page's elements, without namespaces."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page: ElementTree.Element = parser.parse(text)
    # Of what the parser counts as an error all but this is one: SVG's "title" and what CSS needs are no elements of HTML.
    assert parser.errors == [], parser.errors[:3]
    return page


def words(element: ElementTree.Element) -> str:
    """The text of an element."""
    return "".join(element.itertext())


def sound(text: str) -> ElementTree.Element:
    """A page that is whole: it can be read, each id is there once, links lead somewhere, and nothing runs but its own."""
    page = parsed(text)
    ids = [one.get("id", "") for one in page.iter() if one.get("id") is not None]
    assert len(ids) == len(set(ids))
    links = [one.get("href", "") for one in page.iter("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links), links
    assert [len(list(page.iter(tag))) for tag in ("script", "style", "h1", "main", "title")][:4] == [
        1,
        1,
        1,
        1,
    ]
    for one in page.iter():
        tag = str(one.tag).rpartition("}")[2]
        assert tag not in ("img", "iframe", "object", "embed", "link", "base", "form", "image", "use"), tag
        names = {str(name).lower() for name in one.attrib}
        assert not any(name.startswith("on") or name in ("style", "src", "srcdoc") for name in names), (
            one.attrib
        )
    flat = re.sub("[\n\t]", "", text)
    assert flat.isprintable(), sorted({char for char in flat if not char.isprintable()})
    return page


def numbers(page: ElementTree.Element, tag: str = "data") -> list[str]:
    """The exact values that stand behind what is shown."""
    return [one.get("value", "") for one in page.iter(tag)]
