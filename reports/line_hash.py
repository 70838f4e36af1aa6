"""The fingerprint of a line that GitHub's upload of SARIF computes: a hash of the text from the line on."""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter
from itertools import chain, repeat

_WINDOW = 100  # characters, over the ends of lines
_BASE = 37
_MASK = (1 << 64) - 1
_LEAVES = pow(_BASE, _WINDOW, 1 << 64)  # the weight of the character that leaves the window
_END = "\uffff"  # stands for the end of the file


def line_hashes(data: bytes) -> list[str]:
    """For each line of a file "HASH:COUNT": a hash of 100 characters from its start, and how often that came so far.

    Blanks and tabs don't count, and each kind of line end is one character. The characters are UTF-16's.
    """
    text = re.sub(r"\r\n?", "\n", data.decode("utf-8", "replace"))
    text = re.sub(r"[ \t]", "", text) + _END
    units = array("H", text.encode("utf-16-le"))
    if sys.byteorder == "big":
        units.byteswap()
    rolling = 0
    hashes: list[str] = []
    counts: Counter[int] = Counter()
    newline = ord("\n")
    starts = {0} | {at + 1 for at, unit in enumerate(units) if unit == newline}
    padded = chain(units, repeat(0, _WINDOW))
    gone = chain(repeat(0, _WINDOW), units)
    for at, (entering, leaving) in enumerate(zip(padded, gone, strict=True), 1 - _WINDOW):
        rolling = (rolling * _BASE + entering - leaving * _LEAVES) & _MASK
        if at in starts:
            counts[rolling] += 1
            hashes.append(f"{rolling:x}:{counts[rolling]}")
    return hashes
