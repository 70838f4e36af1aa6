"""Texts of which some stretches are not known: the value of a variable that only the base image has."""

GAP = "\0"


def fits(expected: str, text: str) -> bool:
    """Whether a text is the expected one, whatever stands in its gaps."""
    if GAP not in expected:
        return expected == text
    first, *middle, last = expected.split(GAP)
    if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
        return False
    at = len(first)
    end = len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
