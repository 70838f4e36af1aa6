"""The picture of a terminal: well-formed whatever it shows, and each part where the terminal has it."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs"))

from picture import svg  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def test_parts_stand_in_their_columns_with_their_colours() -> None:
    picture = ElementTree.fromstring(
        svg("ab \x1b[1;31mred\x1b[0m <c>\n\n  \x1b[36mnote\x1b[0m\n", "two lines & more")
    )
    assert picture.findtext(f"{SVG}title") == "two lines & more"
    first, second = picture.findall(f"{SVG}text")
    assert [("".join(part.itertext()), part.get("class")) for part in first] == [
        ("ab ", None), ("red", "bad"), (" <c>", None),
    ]  # fmt: skip
    at = [float(part.get("x", "")) for part in first]
    wide = [float(part.get("textLength", "")) for part in first]
    assert [round(before + width, 1) for before, width in zip(at, wide, strict=True)][:-1] == at[1:]
    assert [("".join(part.itertext()), part.get("class")) for part in second] == [
        ("  ", None),
        ("note", "note"),
    ]
    assert (
        float(second.get("y", "")) - float(first.get("y", "")) == 38
    )  # the empty line between them takes its place


@given(st.text(st.characters(exclude_categories=["C"])))
def test_any_text_can_be_read_as_xml(text: str) -> None:
    ElementTree.fromstring(svg(text, text))


def test_it_names_no_other_place() -> None:
    shown = (ROOT / "docs/first-screen.svg").read_text().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in shown
    assert "IL010 main-process-forks" in shown
