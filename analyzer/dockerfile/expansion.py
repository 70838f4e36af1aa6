"""Expanding $name and ${name} the way BuildKit does, where an unknown value stays unknown."""

import re
from collections.abc import Mapping

# A name that is missing is undefined (empty, as BuildKit has it); a name with the value None is
# defined, but nobody can tell here what it holds.
Variables = Mapping[str, str | None]

_REFERENCE = re.compile(
    r"\\.|'[^']*'|\$(?:(?P<name>[A-Za-z_]\w*)|\{(?P<inner>[A-Za-z_]\w*)(?P<rest>[^{}]*)\})", re.DOTALL
)


def references(raw: str) -> list[tuple[str, int, int]]:
    """The variables that a raw word uses: name, start and end of the reference in the word."""
    return [
        (match["name"] or match["inner"], match.start(), match.end())
        for match in _REFERENCE.finditer(raw)
        if match["name"] or match["inner"]
    ]


def expand(value: str, variables: Variables) -> str | None:
    """An unquoted word with its variables replaced; None when one of them is unknown."""
    if "$" not in value:
        return value
    out = []
    at = 0
    for match in _REFERENCE.finditer(value):
        out.append(value[at : match.start()])
        at = match.end()
        name = match["name"] or match["inner"]
        if not name:
            out.append(match[0][1:] if match[0] == "\\$" else match[0])
            continue
        replacement = _replaced(name, match["rest"] or "", variables)
        if replacement is None:
            return None
        out.append(replacement)
    out.append(value[at:])
    return "".join(out)


def _replaced(name: str, rest: str, variables: Variables) -> str | None:
    known = name in variables
    value = variables[name] if known else ""
    if not rest:
        return value
    for operator in (":-", ":+", "-", "+"):
        if not rest.startswith(operator):
            continue
        other = expand(rest[len(operator) :], variables)
        if known and value is None:
            return None
        present = known and (value != "" or operator in ("-", "+"))
        if operator in ("+", ":+"):
            return other if present else ""
        return value if present else other
    return None  # the pattern modifiers (#, %, /) need the deeper reading
