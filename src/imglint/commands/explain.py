"""`imglint explain CODE` and `imglint rules`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ..exits import Exit
from ..light import is_core_alone
from ..output import tell, write_own
from ..rules.check_pages import check_names, find_page, nearest_check
from ..rules.entry import Entry
from ..rules.index import INDEX
from ..rules.registry import UnknownCodeError, find, load
from .show import look_of


def explain(name: str, form: str) -> Exit:
    """Print the page of a rule, or of a check of a container."""
    from ..reports import checks_text, rules_text

    check = find_page(name)
    if check is not None:
        return _show(checks_text.as_json(check) if form == "json" else checks_text.page(check), form)
    try:
        rule = load([find(name)])[0]
    except UnknownCodeError as error:
        return _unknown(error)
    return _show(rules_text.page_as_json(rule) if form == "json" else rules_text.page(rule), form)


def _show(page: str, form: str) -> Exit:
    """Print a page: as Markdown into files and pipes, as text on a terminal."""
    look = look_of()
    if form == "text" and look.width is not None:
        from ..reports.page_text import page_text

        page = page_text(page, look)
    write_own(page, "-")
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
    hints = ["docs/rules lists the rules" if is_core_alone() else "`imglint rules` lists the rules"]
    if nearest:
        hints[0] = f"did you mean {nearest}? {hints[0]}"
    if same:
        hints.append(f"there are the checks {', '.join(same)}")
    elif not nearest:
        kinds = dict.fromkeys(one.partition(".")[0] for one in check_names())
        hints.append(f"names of checks begin with {', '.join(kinds)}")
    tell(f"imglint: no rule has the code {name!r}, and no check the name\n  {'; '.join(hints)}\n")
    return Exit.INPUT


def rules(words: Sequence[str], form: str) -> Exit:
    """Print all rules, or those whose code begins with one of the words, or whose name holds it."""
    from ..reports.rules_text import as_json, listed

    for word in words:
        if not any(_is_meant(entry, word) for entry in INDEX):
            hint = "give the beginning of a code, as AV03, or a part of a name, as cache"
            tell(
                f"imglint: no rule has a code that begins with {word!r}, or a name that holds it\n  {hint}\n"
            )
            return Exit.INPUT
    wanted = [entry for entry in INDEX if not words or any(_is_meant(entry, word) for word in words)]
    every = load(wanted)
    write_own(as_json(every) if form == "json" else listed(every, look_of()), "-")
    return Exit.CLEAN


def _is_meant(entry: Entry, word: str) -> bool:
    named = any(code.lower().startswith(word.lower()) for code in (entry.code, *entry.aliases))
    return named or word.lower() in entry.name
