"""Writes rules/index.py: the table that lets a run import only the rules it can use.

Run as `python -m imglint.rules.indexing`; a test says when the table is stale.
"""

from importlib import import_module
from pathlib import Path

from .rule import Rule

_HEADER = '''"""Every rule, and what in a Dockerfile can set it off. Written by indexing.py; do not edit."""

from .entry import Entry

# fmt: off
INDEX = (
'''


def every_rule() -> list[tuple[str, Rule]]:
    """All rules with their modules, by code.

    Raises:
        ValueError: two rules have one code, or one name.
    """
    here = Path(__file__).parent / "checks"
    found: dict[str, tuple[str, Rule]] = {}
    names: set[str] = set()
    for path in sorted(here.glob("*.py")):
        module = path.stem
        if module == "__init__":
            continue
        for value in vars(import_module(f".checks.{module}", __package__)).values():
            if not isinstance(value, Rule):
                continue
            if value.code in found or value.name in names:
                raise ValueError(f"{module}: {value.code} {value.name} is there twice")
            found[value.code] = (module, value)
            names.add(value.name)
    return [found[code] for code in sorted(found)]


def source() -> str:
    """What index.py has to hold."""
    lines = [_HEADER]
    for module, rule in every_rule():
        fields = (
            rule.code, rule.name, module, rule.default, rule.antipattern, rule.aliases,
            tuple(sorted(rule.evidence)), _keywords(rule), _programs(rule), _needs_policy(rule),
        )  # fmt: skip
        # One entry a line, so that a difference shows the rules that it is about. No name has a quote in it.
        lines.append(f"    Entry{fields!r},\n".replace("'", '"'))
    lines.append(")\n")
    return "".join(lines)


def _keywords(rule: Rule) -> tuple[str, ...]:
    if rule.whole_file_checks:
        return ()
    keywords = {keyword for words, _ in rule.instruction_checks for keyword in words}
    if rule.command_checks:
        keywords.add("RUN")
    return tuple(sorted(keywords))


def _programs(rule: Rule) -> tuple[str, ...]:
    """The programs without which a rule has nothing to look at; () for a rule that looks at more."""
    named = [programs for programs, _ in rule.command_checks]
    if rule.whole_file_checks or rule.instruction_checks or not all(named):
        return ()
    # A name that holds another one is found with it.
    names = {name for programs in named for name in programs}
    return tuple(sorted(name for name in names if not any(one in name for one in names - {name})))


def _needs_policy(rule: Rule) -> bool:
    others = (
        rule.dockerfile_checks, rule.stage_checks, rule.target_checks, rule.instruction_checks, rule.command_checks
    )  # fmt: skip
    return bool(rule.policy_checks) and not any(others)


if __name__ == "__main__":
    (Path(__file__).parent / "index.py").write_text(source(), encoding="utf-8")
