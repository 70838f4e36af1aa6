"""`imglint explain CODE` and `imglint rules`."""

from __future__ import annotations

import difflib

from ..exits import Exit
from ..output import tell, write_own
from ..rules.check_pages import check_names, find_page, nearest_check
from ..rules.index import INDEX
from ..rules.registry import UnknownCodeError, find, load


def explain(name: str, form: str) -> Exit:
    """Print the page of a rule, or of a check of a container."""
    from ..reports import checks_text, rules_text

    check = find_page(name)
    if check is not None:
        write_own(checks_text.as_json(check) if form == "json" else checks_text.page(check), "-")
        return Exit.CLEAN
    try:
        rule = load([find(name)])[0]
    except UnknownCodeError as error:
        return _unknown(error)
    write_own(rules_text.page_as_json(rule) if form == "json" else rules_text.page(rule), "-")
    return Exit.CLEAN


def explained() -> list[str]:
    """What can be explained: the codes of rules, and the names of checks."""
    return [*(one.code for one in INDEX), *(name for name in check_names() if not name.endswith("*"))]


def _unknown(error: UnknownCodeError) -> Exit:
    """Tell that nothing has a name, what was meant perhaps, and what there is."""
    name, rule = error.code, error.nearest
    check, likeness = nearest_check(name)
    nearest = check if likeness > difflib.SequenceMatcher(None, name, rule).ratio() else rule
    kind = name.partition(".")[0].lower()
    same = [one for one in check_names() if one.partition(".")[0] == kind]
    hints = ["`imglint rules` lists the rules"]
    if nearest:
        hints[0] = f"did you mean {nearest}? {hints[0]}"
    if same:
        hints.append(f"there are the checks {', '.join(same)}")
    elif not nearest:
        kinds = dict.fromkeys(one.partition(".")[0] for one in check_names())
        hints.append(f"names of checks begin with {', '.join(kinds)}")
    tell(f"imglint: no rule has the code {name!r}, and no check the name\n  {'; '.join(hints)}\n")
    return Exit.INPUT


def rules(form: str) -> Exit:
    """Print all rules."""
    from ..reports.rules_text import as_json, table

    every = load(INDEX)
    write_own(as_json(every) if form == "json" else table(every), "-")
    return Exit.CLEAN
