"""A check's page, and the list of all checks: for the terminal and for docs/checks/."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from ..rules.check_pages import CheckPage
from ..rules.verdicts import CAUSES, ENDED_WELL, EXPECTATIONS, FINDINGS, REFUTED_BY

_WIDTH = 100


def page(check: CheckPage) -> str:
    """The page of one check, in Markdown; `imglint explain` prints it and docs/checks/ holds it."""
    lines = [f"# {check.name}", "", _sentence(check.claim.text), "", " · ".join(_facts(check)), ""]
    lines += _folded(check.does)
    for title, cases in _sections(check):
        lines += ["", f"## {title}", ""]
        for case in cases:
            lines += _folded(case, "- ")
        if not cases:
            lines.append("Never.")
    return "\n".join(lines) + "\n"


def _sections(check: CheckPage) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The cases by their headings. A verdict without a case is among them, too."""
    yield "Proved", check.proved
    yield "Disproved", check.disproved
    yield "Not observed", check.not_observed
    yield "Engine cannot tell", check.cannot_tell
    yield "What it can't know", check.limits


def _facts(check: CheckPage) -> list[str]:
    """What the tables of verdicts say of it."""
    facts = [f"about: {check.subject}", f"disproved: {level(check)}"]
    if check.name.startswith(EXPECTATIONS):
        facts.append("undecided: fails a run without `--allow-unknown`")
    for names, before in (
        (FINDINGS.get(check.name, ()), "the same fault as"),
        (_quoted(CAUSES.get(check.name, ())), "no second fault beside"),
        (_quoted(REFUTED_BY.get(check.name, ())), "outweighed by a proof of"),
        (_quoted(check.covers), "checks:"),
    ):
        if names:
            facts.append(f"{before} {', '.join(names)}")
    return facts


def level(check: CheckPage) -> str:
    """How bad it is when the check is disproved."""
    claimed = check.claim.level
    if claimed is None:
        return "no fault"
    if check.name.startswith(EXPECTATIONS):
        return f"{claimed.label}, whatever `--fail-on` says"
    if check.name == "container.stays" and ENDED_WELL.level is not None:
        return f"{claimed.label}; {ENDED_WELL.level.label} where PID 1 ended by itself with exit code 0"
    return claimed.label


def _quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _folded(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=bullet, subsequent_indent=" " * len(bullet),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def as_json(check: CheckPage) -> str:
    """A check and its page as one JSON object."""
    claimed = check.claim
    return (
        json.dumps(
            {
                "name": check.name,
                "claim": claimed.text,
                "level": claimed.level.label if claimed.level is not None else None,
                "subject": check.subject,
                "checks": list(check.covers),
                "does": check.does,
                "proved": list(check.proved),
                "disproved": list(check.disproved),
                "not_observed": list(check.not_observed),
                "cannot_tell": list(check.cannot_tell),
                "limits": list(check.limits),
                "page": page(check),
            },
            indent=1,
        )
        + "\n"
    )


def index(checks: Iterable[CheckPage]) -> str:
    """The list of all checks, in Markdown."""
    lines = [
        "# Checks",
        "",
        "What `imglint verify` puts to the test in a running container. `imglint explain NAME` shows the same page,",
        "`--format full` the proof of each verdict. A check has one of four verdicts: *proved*, *disproved*,",
        "*not observed* where the run did not show it, *engine cannot tell* where this engine, or imglint's own",
        "limits, hide it. The last two are never a pass. What follows where a check is disproved is told in",
        "[configuration](../configuration.md#what-makes-a-run-fail). A check is missing where the engine failed before.",
        "",
        "| check | what it puts to the test | disproved | about |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [{check.name}]({check.file}) | {check.claim.text} | {level(check)} | {check.subject} |"
        for check in checks
    ]
    return "\n".join(lines) + "\n"
