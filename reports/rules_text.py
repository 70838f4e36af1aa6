"""A rule's page, and the list of all rules: for the terminal and for docs/rules/."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..rules.fix import mends
from ..rules.registry import find
from ..rules.rule import ContextExample, Example, ImageExample, PolicyExample, Rule
from .look import PLAIN, Look

_FIXES = {
    "safe": "`imglint fix` mends it",
    "unsafe": "`imglint fix --unsafe` mends it",
    None: "mended by hand",
}


def page(rule: Rule) -> str:
    """The page of one rule, in Markdown; `imglint explain` prints it and docs/rules/ holds it."""
    facts = [f"severity: {rule.severity.label}", "on by default" if rule.default else "off until selected"]
    facts.append(f"looks at: {', '.join(sorted(rule.evidence)) or 'itself'}")
    if rule.antipattern:
        from ..rules.matrix import ANTIPATTERNS

        facts.append(f"antipattern {rule.antipattern}: {ANTIPATTERNS[rule.antipattern - 1]}")
    if rule.aliases:
        facts.append(f"also known as: {', '.join(rule.aliases)}")
    facts.append(_FIXES[mends(rule)])
    facts += [f"since {rule.since}", f"in rules/checks/{find(rule.code).module}.py"]
    summary, _, reason = rule.page.strip().partition("\n")
    lines = [f"# {rule.title}", "", summary, "", " · ".join(facts), "", reason.strip()]
    for title, examples in (("Reported", rule.bad), ("Not reported", rule.good)):
        shown = [_example(example) for example in examples]
        if shown:
            lines += ["", f"## {title}", ""]
            lines += ["\n".join(one) for one in shown]
    return "\n".join(lines).rstrip() + "\n"


def _example(example: Example) -> list[str]:
    if isinstance(example, PolicyExample):
        demands = {name: one for name, one in example.policy._asdict().items() if one}
        return [*_example(example.text), "", f"under the policy `{json.dumps(demands)}`", ""]
    if isinstance(example, ContextExample):
        files = [
            f"`{name}`" + (f" ({content.strip()!r})" if content.strip() else "")
            for name, content in example.files.items()
        ]
        return [*_example(example.text), "", f"in a context with {', '.join(files)}", ""]
    if isinstance(example, str):
        text = example.encode("utf-8", "backslashreplace").decode()
        return ["```dockerfile", *text.rstrip("\n").split("\n"), "```"]
    if isinstance(example, ImageExample):
        shown: dict[str, object] = {}
        if example.config:
            shown["config"] = example.config
        if example.steps is not None or example.empty_steps:
            shown["steps"] = [*example.empty_steps, *(example.steps or ())]
        if example.tags != ImageExample().tags:
            shown["tags"] = example.tags
        if example.layers != ImageExample().layers:
            shown["layers"] = [
                {path: _content(content) for path, content in layer.items()} for layer in example.layers
            ]
        return ["An image with", "", "```json", json.dumps(shown, ensure_ascii=False), "```"]
    return [
        "A container in which was observed",
        "",
        "```json",
        json.dumps(example.facts, ensure_ascii=False),
        "```",
    ]


def _content(content: str | bytes | None) -> str:
    if content is None:
        return "(deleted)"
    text = content if isinstance(content, str) else content.decode("latin-1")
    return text if len(text) <= 40 else f"({len(text)} bytes)"


def listed(rules: Iterable[Rule], look: Look = PLAIN) -> str:
    """Rules, one a line, or where a terminal is too narrow for that, two."""
    rules = tuple(rules)
    view = _table(rules)
    if look.width is None or max(map(len, view.splitlines())) <= look.width:
        return f"{view}\n{_LEGEND}"
    lines = []
    for rule in rules:
        lines.append(f"{look.strong(rule.title)}  {_severity(rule)}  {_letters(rule)}{_mark(rule)}")
        lines.append(look.folded(f"    {rule.summary}"))
    return "\n".join([*lines, look.folded(_LEGEND.rstrip())]) + "\n"


_LEGEND = "D Dockerfile · I image · C container · * `imglint fix` mends it · a severity in brackets: off until selected\n"


def _severity(rule: Rule) -> str:
    return rule.severity.label if rule.default else f"({rule.severity.label})"


def _letters(rule: Rule) -> str:
    return " ".join(kind[0].upper() for kind in ("dockerfile", "image", "container") if kind in rule.evidence)


def _mark(rule: Rule) -> str:
    return " *" if mends(rule) is not None else ""


def _table(rules: Iterable[Rule]) -> str:
    from tabulate import tabulate

    rows = [
        (
            rule.code,
            rule.name,
            _severity(rule),
            rule.antipattern or "",
            f"{_letters(rule)}{_mark(rule)}",
            rule.summary,
        )
        for rule in rules
    ]
    headers = ("code", "name", "severity", "antipattern", "looks at", "fault")
    return str(tabulate(rows, headers=headers, tablefmt="simple"))


def as_json(rules: Iterable[Rule]) -> str:
    """All rules as one JSON array."""
    return json.dumps([_record(rule) for rule in rules], indent=1) + "\n"


def page_as_json(rule: Rule) -> str:
    """A rule and its page as one JSON object."""
    return json.dumps({**_record(rule), "page": page(rule)}, indent=1) + "\n"


def _record(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "aliases": list(rule.aliases),
        "severity": rule.severity.label,
        "default": rule.default,
        "antipattern": rule.antipattern,
        "evidence": sorted(rule.evidence),
        "fix": mends(rule),
        "summary": rule.summary,
        "since": rule.since,
    }
