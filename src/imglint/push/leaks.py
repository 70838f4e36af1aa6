"""Credentials in what a push sends: in each version of each Dockerfile, also in one that is gone again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ..analyzer.dockerfile import Dockerfile, Text
from ..config import Settings
from ..rules.checks.house import RULE_FAILED
from ..rules.judge import judge_dockerfile
from ..rules.registry import load, select
from ..rules.rule import Finding, Severity
from .pushed import Pushed, Version

if TYPE_CHECKING:
    from ..rules.entry import Entry
    from .committed import CommittedFiles
    from .texts import PushedTexts

_CREDENTIALS = 8  # of the ten things to avoid
# What the instructions behind it depend on; FROM also says which shell reads a RUN.
_KEPT = re.compile(r"(?i)(?:[ \t]*#[^\n]*\n|[ \t\r]*\n)*[ \t]*(?:FROM|ARG|SHELL)\b")


class Leak(NamedTuple):
    """A credential, the first version that holds it, and whether no head has it any more."""

    finding: Finding
    version: Version
    removed: bool


_Keyed = tuple[tuple[str, ...], Finding]  # with what makes it the same credential elsewhere


@cache
def credential_rules(ignore: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    """The rules that tell of credentials in a Dockerfile, whatever the profile; without those ignored."""
    return tuple(
        one
        for one in select(ignore=ignore)
        if one.antipattern == _CREDENTIALS and "dockerfile" in one.evidence and not one.policy
    )


def leaks(sent: Pushed, files: Callable[[str], CommittedFiles], texts: PushedTexts) -> tuple[Leak, ...]:
    """The credentials that reach the remote with a push and that its versions don't hold yet, oldest first.

    A version is asked for what no earlier one says: a long history repeats nearly all of its lines.

    Args:
        sent: what the push sends.
        files: the files of a head's commit.
        texts: where the versions' texts are.

    Raises:
        InputError: the configuration of a head can't be read, or an object can't be.
    """
    first: dict[tuple[str, ...], Leak] = {}
    judged: dict[tuple[str, tuple[Entry, ...], bool], list[_Keyed]] = {}
    seen: dict[tuple[Entry, ...], set[str]] = {}
    for version in sent.versions:
        if version.oid in sent.known:
            continue
        here = files(sent.commits[version.commit].commit)
        settings = here.settings(version.path)
        rules = credential_rules(settings.ignore)
        last = _is_last(version, sent, files)
        if (version.oid, rules, last) not in judged:
            text = texts.of(version.oid, version.path, where(version, sent), is_file=version.is_file)
            if text is None:
                continue
            found: list[_Keyed] = []
            if last or _may_hold(text, rules, settings, seen.setdefault(rules, set())):
                found = _credentials(text, rules, settings, last=last)
            judged[version.oid, rules, last] = found
        for key, finding in judged[version.oid, rules, last]:
            recorded = {one.fingerprint for one in here.recorded(version.path)}
            if _stops(finding, settings) and finding.fingerprint not in recorded:
                first.setdefault((version.path, *key), Leak(finding, version, removed=False))
    if not first:
        return ()
    known = {_value(key) for key in _keys_of_the_remote(sent, texts)}
    now = _keys_of_the_heads(sent, files, texts)
    return tuple(
        leak._replace(removed=key[1:] not in now)
        for key, leak in first.items()
        if _value(key[1:]) not in known
    )


def where(version: Version, sent: Pushed) -> str:
    """How a version's commit is called."""
    return f"{sent.commits[version.commit].kind} {version.commit[:9]}"


def _stops(finding: Finding, settings: Settings) -> bool:
    """Whether a credential counts: from warnings on, or lower where a lower level is asked for."""
    level = Severity.WARNING if settings.fail_level is None else settings.fail_level
    return finding.severity >= min(Severity.WARNING, level)


def _is_last(version: Version, sent: Pushed, files: Callable[[str], CommittedFiles]) -> bool:
    """Whether a head still has this version."""
    for head in sent.heads:
        entry = files(head.commit).entries.get(version.path)
        if entry is not None and entry.oid == version.oid:
            return True
    return False


def _may_hold(text: Text, rules: tuple[Entry, ...], settings: Settings, seen: set[str]) -> bool:
    """Whether the instructions that no earlier version had may hold credentials; `seen` takes them in.

    They are judged without the others, which a long history has thousands of times.
    """
    value = text.value
    if "<<" in value or "escape" in value.lower() or any(one.whole_file_checks for one in load(rules)):
        return True  # what is one instruction there, can't be told from its lines
    new = False
    excerpt = []
    for block in _blocks(value):
        if block not in seen:
            new = True
            seen.add(block)
            excerpt.append(block)
        elif _KEPT.match(block):
            excerpt.append(block)
    return new and bool(_credentials(Text("\n".join(excerpt), text.name), rules, settings, last=False))


def _blocks(value: str) -> Iterator[str]:
    """The instructions of a text, or more of it: lines up to one that is surely not continued."""
    block = []
    for line in value.split("\n"):
        block.append(line)
        end = line.strip()
        if end and not end.startswith("#") and not end.endswith(("\\", "`")):
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _credentials(text: Text, rules: tuple[Entry, ...], settings: Settings, *, last: bool) -> list[_Keyed]:
    """The credentials of a text, each with what makes it the same one elsewhere.

    A stage that is not shipped is pushed all the same. In versions that no head has any more, nothing is
    said of what only an image of theirs would hold.
    """
    file = Dockerfile(text, settings.build_args)
    loaded = load(rules)
    judgement = judge_dockerfile(
        file,
        loaded if last else [one for one in loaded if not one.shipped_only],
        pragmas=settings.pragmas,
        severities=settings.severities,
        silent_if_unshipped={one.code for one in loaded if one.shipped_only},
    )
    wanted = {rule.code for rule in rules} | {RULE_FAILED.code}
    return [(_key(file, finding), finding) for finding in judgement.findings if finding.rule.code in wanted]


def _key(file: Dockerfile, finding: Finding) -> tuple[str, ...]:
    """What two findings of the same credential share: its value, where the finding points at that or its name."""
    span = finding.place.span
    owner = file.instruction_at(span.line) if span else None
    for one in (owner, owner.trigger) if owner else ():
        for name, value in one.pairs if one and one.keyword in ("ENV", "ARG", "LABEL") else ():
            if name.span == span and value is not None:
                return finding.rule.code, name.value, value.value
    if finding.rule.name == "credential-value":
        return finding.rule.code, _value_at(file, finding)
    return finding.rule.code, finding.fingerprint


def _value_at(file: Dockerfile, finding: Finding) -> str:
    """The value that a finding points at; of a private key all that its instruction holds."""
    span = finding.place.span
    if span is None:
        return finding.fingerprint
    lines = list(file.text.lines[span.line - 1 : span.end_line])
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    value = "\n".join(lines)
    owner = file.instruction_at(span.line)
    if "PRIVATE KEY" in value and owner is not None:  # all of them begin alike
        value = "\n".join((owner.line.value, *(heredoc.body.value for heredoc in owner.heredocs)))
    return value


def _value(key: tuple[str, ...]) -> str:
    """What of a credential's key is secret: neither its name nor the rule that found it."""
    return key[-1].strip("\"'")


def _keys_of_the_remote(sent: Pushed, texts: PushedTexts) -> set[tuple[str, ...]]:
    """The credentials that the remote's Dockerfiles hold, in whatever file: of those nothing new gets out."""
    oids = sorted(sent.known)
    texts.expect(oids)
    return _keys(texts.of(oid, "Dockerfile") for oid in oids)


def _keys_of_the_heads(
    sent: Pushed, files: Callable[[str], CommittedFiles], texts: PushedTexts
) -> set[tuple[str, ...]]:
    """The credentials that the heads hold, in whatever file."""
    entries = [candidate for head in sent.heads for candidate in files(head.commit).candidates.items()]
    texts.expect(entry.oid for _, entry in entries)
    return _keys(texts.of(entry.oid, path, is_file=entry.is_file) for path, entry in entries)


def _keys(texts: Iterable[Text | None]) -> set[tuple[str, ...]]:
    rules, settings = credential_rules(), Settings(pragmas=False)
    return {
        key
        for text in texts
        if text is not None
        for key, finding in _credentials(text, rules, settings, last=True)
        if finding.rule.code != RULE_FAILED.code
    }
