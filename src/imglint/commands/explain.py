"""`imglint explain CODE` and `imglint rules`."""

from __future__ import annotations

from ..exits import Exit
from ..output import write_own
from ..rules.index import INDEX
from ..rules.registry import UnknownCodeError, find, load
from .lint import unknown_code


def explain(code: str) -> Exit:
    """Print the page of a rule."""
    from ..reports.rules_text import page

    try:
        entry = find(code)
    except UnknownCodeError as error:
        return unknown_code(error)
    write_own(page(load([entry])[0]), "-")
    return Exit.CLEAN


def rules(form: str) -> Exit:
    """Print all rules."""
    from ..reports.rules_text import as_json, table

    every = load(INDEX)
    write_own(as_json(every) if form == "json" else table(every), "-")
    return Exit.CLEAN
