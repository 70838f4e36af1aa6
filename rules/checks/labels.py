"""Labels: their keys, and the schema that a team may demand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..policy import Policy
from ..rule import Outcome, PolicyExample, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...analyzer.dockerfile import Dockerfile, Instruction, Stage, Word

KEY = Rule(
    code="DL3048",
    name="odd-label-key",
    severity=Severity.STYLE,
    default=False,
    message="the label key {key} {fault}",
    page="""A label's key breaks the customs of label keys.

Keys are in lower case, start with a letter and end with a letter or digit, with single dots and
dashes between words; `com.docker.*`, `io.docker.*` and `org.dockerproject.*` are Docker's own.
Other keys work, and are hard to search for.
""",
    bad=("FROM a\nLABEL Maintainer=me\n", "FROM a\nLABEL a..b=c\n", "FROM a\nLABEL com.docker.x=y\n"),
    good=('FROM a\nLABEL org.opencontainers.image.title="x" a-b=c $K=d\n',),
)


@KEY.instruction("LABEL")
def keys(instruction: Instruction, stage: Stage) -> Outcome:
    for word, _ in instruction.pairs:
        key = word.value
        if "$" in key:
            continue
        fault = ""
        if key.startswith(("com.docker.", "io.docker.", "org.dockerproject.")):
            fault = "lies in a name space that Docker keeps for itself"
        elif not re.fullmatch(r"[a-z](?:[a-z0-9._-]*[a-z0-9])?", key):
            fault = "is not of lower-case letters, digits, dots, dashes and underscores between letters"
        elif ".." in key or "--" in key:
            fault = "holds two separators in a row"
        if fault:
            yield KEY.finding(word.span, key=key, fault=fault)


MISSING = Rule(
    code="DL3049",
    name="missing-label",
    severity=Severity.INFO,
    message="the label {key} is missing, and the configuration demands it",
    page="""A label that the configuration demands is not set.

Idle without a label schema (`[labels]` in imglint.toml, `label-schema` in .hadolint.yaml). Looks
at the shipped stage and those it is built on.
""",
    bad=(PolicyExample("FROM a\nLABEL b=c\n", Policy(labels={"version": "semver"})),),
    good=(
        PolicyExample("FROM a\nLABEL version=1.2.3\n", Policy(labels={"version": "semver"})),
        PolicyExample("FROM a AS b\nLABEL version=1.2.3\nFROM b\n", Policy(labels={"version": "text"})),
        "FROM a\n",
    ),
)
UNKNOWN = Rule(
    code="DL3050",
    name="superfluous-label",
    severity=Severity.INFO,
    message="the label {key} is not one of those that the configuration knows",
    page="""A label that the schema of the configuration does not name.

Idle without a label schema with `strict-labels`.
""",
    bad=(PolicyExample("FROM a\nLABEL b=c\n", Policy(labels={"version": "text"}, strict_labels=True)),),
    good=(
        PolicyExample("FROM a\nLABEL b=c\n", Policy(labels={"version": "text"})),
        PolicyExample("FROM a\nLABEL version=1\n", Policy(labels={"version": "text"}, strict_labels=True)),
    ),
)


@MISSING.policy
def demanded_labels(file: Dockerfile, policy: Policy) -> Outcome:
    if not policy.labels or file.target is None:
        return
    own = {name.value for stage in file.target.lineage for one in stage.all("LABEL") for name, _ in one.pairs}
    for key in policy.labels:
        if key not in own:
            yield MISSING.finding(file.target.source.word.span, key=key)


@UNKNOWN.policy
def strict_labels(file: Dockerfile, policy: Policy) -> Outcome:
    if policy.strict_labels:
        for word, _, _ in _labels(file):
            if word.value not in policy.labels:
                yield UNKNOWN.finding(word.span, key=word.value)


def _labels(file: Dockerfile) -> Iterator[tuple[Word, Word | None, str | None]]:
    """Each label: the word of its key and value, and the value with its variables resolved."""
    for stage in file.stages:
        for one in stage.all("LABEL"):
            for word, value in one.pairs:
                yield word, value, stage.expanded(value, one) if value else ""


def _typed(code: str, kind: str, what: str, bad: str, good: str, holds: Callable[[str], bool]) -> Rule:
    """A rule about labels that the schema gives a type."""
    rule = Rule(
        code=code,
        name=f"label-not-{kind}" if kind != "text" else "empty-label",
        severity=Severity.WARNING,
        message=f"the label {{key}} must be {what}, and {{value}} is not",
        page=f"""A label that the schema says is {what} holds something else.

Idle without a label schema that gives a label the type `{kind}`. Variables are resolved; a value
that only the build knows is not judged.
""",
        bad=(PolicyExample(f'FROM a\nLABEL x="{bad}"\n', Policy(labels={"x": kind})),),
        good=(
            PolicyExample(f'FROM a\nLABEL x="{good}"\n', Policy(labels={"x": kind})),
            PolicyExample(f'FROM a\nARG V="{good}"\nLABEL x=$V\n', Policy(labels={"x": kind})),
            PolicyExample("FROM a\nARG V\nLABEL x=$V\n", Policy(labels={"y": kind})),
        ),
    )

    @rule.policy
    def values(file: Dockerfile, policy: Policy) -> Outcome:
        if kind not in policy.labels.values():
            return
        for word, value, text in _labels(file):
            if policy.labels.get(word.value) != kind or value is None or text is None or holds(text):
                continue
            yield rule.finding(value.span, key=word.value, value=f"`{text}`" if text else "nothing")

    return rule


def _is_spdx(text: str) -> bool:
    # An expression of license names; which names there are changes too often for a table here.
    name = r"(?:LicenseRef-)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9+])?"
    term = rf"\(*{name}(?: WITH {name})?\)*"
    known = re.search(
        r"\d|^(?:MIT|ISC|Zlib|WTFPL|Unlicense|NCSA|Vim|curl|X11|PostgreSQL|Ruby|Sleepycat|Xnet)\b", text
    )
    return bool(known) and re.fullmatch(rf"{term}(?: (?:AND|OR) {term})*", text) is not None


def _is_rfc3339(text: str) -> bool:
    from datetime import datetime

    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


_SEMVER = re.compile(
    r"v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)

EMPTY = _typed("DL3051", "text", "a text", "", "x", bool)
URL = _typed(
    "DL3052", "url", "a URL", "example", "https://example.org/",
    lambda text: re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]+\S*", text, re.IGNORECASE) is not None,
)  # fmt: skip
TIME = _typed("DL3053", "rfc3339", "a time by RFC 3339", "1.2.2025", "2025-02-01T10:00:00Z", _is_rfc3339)
LICENSE = _typed("DL3054", "spdx", "an SPDX license expression", "mine", "Apache-2.0", _is_spdx)
HASH = _typed(
    "DL3055", "hash", "a Git hash of 7 or 40 digits", "main", "0123abc",
    lambda text: re.fullmatch(r"[0-9a-f]{7}|[0-9a-f]{40}", text) is not None,
)  # fmt: skip
VERSION = _typed(
    "DL3056", "semver", "a semantic version", "1.0", "1.0.2-rc.1", lambda text: bool(_SEMVER.fullmatch(text))
)
EMAIL = _typed(
    "DL3058", "email", "an e-mail address", "me", "me@example.org",
    lambda text: re.fullmatch(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+", text) is not None,
)  # fmt: skip
