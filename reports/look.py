"""How text looks: what a terminal can show, and what a file or a pipe is spared."""

from __future__ import annotations

from typing import NamedTuple

from ..rules.rule import Severity

_COLORS = {
    Severity.ERROR: "1;31",
    Severity.WARNING: "33",
    Severity.INFO: "36",
    Severity.STYLE: "2",
}
_GOOD, _BAD, _OPEN = "32", "1;31", "33"
_WORDS = {
    "pass": _GOOD, "passed": _GOOD, "proved": _GOOD, "holds": _GOOD,
    "fail": _BAD, "FAILED": _BAD, "disproved": _BAD, "fails": _BAD,
    "unknown": _OPEN, "not observed": _OPEN, "engine cannot tell": _OPEN,
}  # fmt: skip


class Look(NamedTuple):
    """How to write text for people."""

    full: bool = False  # with the source, the proofs and all rows
    framed: bool = False  # with the source of each finding, and its fix
    color: bool = False
    width: int | None = None  # columns of the terminal; None where nothing is folded or cut

    def severity(self, text: str, severity: Severity) -> str:
        """Text in the colour of a severity."""
        return self._in(_COLORS[severity], text)

    def verdict(self, word: str, text: str | None = None) -> str:
        """A verdict's word, which may be padded, or a text, in the verdict's colour."""
        return self._in(_WORDS.get(word.strip(), ""), word if text is None else text)

    def strong(self, text: str) -> str:
        """What the eye should find."""
        return self._in("1", text)

    def faint(self, text: str) -> str:
        """What the eye may pass over."""
        return self._in("2", text)

    def folded(self, line: str, indent: str = "    ") -> str:
        """A line that is broken between words where the terminal ends."""
        if self.width is None or len(line) <= self.width:
            return line
        import textwrap

        from ..analyzer.credentials import mask_shapes

        return "\n".join(
            textwrap.wrap(
                mask_shapes(line),  # before it is broken, in the midst of what could tell a key
                max(self.width, 40),
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
            )
        )

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text


PLAIN = Look()
