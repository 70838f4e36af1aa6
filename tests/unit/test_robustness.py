"""The same file written otherwise gives the same findings; one more fault gives one more finding."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from dockerfiles import ALPINE, NODE, SERVICE
from rule_examples import RULES

from imglint.analyzer.dockerfile import Dockerfile, Instruction
from imglint.rules.judge import judge_dockerfile
from imglint.rules.rule import Finding

FILES = {"service": SERVICE, "node": NODE, "alpine": ALPINE}
FILES |= {
    f"{rule.code}-{number}": text
    for rule in RULES
    for number, text in enumerate(one for one in (*rule.bad, *rule.good) if isinstance(one, str))
    if "escape=" not in text and Dockerfile.from_string(text).escape == "\\"
}
# These rules are about the very things that the rewriting changes.
ABOUT_WRITING = frozenset(
    "ConsistentInstructionCasing FromAsCasing DL3059 InvalidDefinitionDescription NoEmptyContinuation IL003 IL011"
    " DL1001 IL001 LegacyKeyValueFormat".split()
)
ABOUT_FAILURES = frozenset({"DL4006", "IL031", "IL032"})


def word(text: str, finding: Finding) -> str:
    """The start of what a finding points at: rewriting moves ends, and changes keywords' case."""
    span = finding.place.span
    behind = text.split("\n")[span.line - 1][span.column - 1 :].split() if span else []
    return behind[0][:5].lower() if behind else ""


def findings(text: str, rules: list[str] | None = None) -> Counter[tuple[str, str]]:
    wanted = [rule for rule in RULES if rules is None or rule.code in rules]
    judgement = judge_dockerfile(Dockerfile.from_string(text), wanted, pragmas=False)
    return Counter((one.rule.code, word(text, one)) for one in judgement.findings)


def as_crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def in_lower_case(text: str) -> str:
    out = text
    for one in reversed(Dockerfile.from_string(text).instructions):
        for keyword in [one.trigger.word, one.word] if one.trigger else [one.word]:
            start = keyword.joined().offset(0)
            out = out[:start] + keyword.raw.lower() + out[start + len(keyword.raw) :]
    return out


def plain_runs(text: str) -> list[Instruction]:
    file = Dockerfile.from_string(text)
    return [
        one
        for one in reversed(file.instructions)
        if one.keyword == "RUN" and one.json is None and not one.heredocs and not file.faults
    ]


def with_comments_between(text: str) -> str:
    file = Dockerfile.from_string(text)
    bodies = {
        number
        for one in file.instructions
        if one.heredocs
        for number in range(one.span.line, one.span.end_line + 1)
    }
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        out.append(line)
        if (
            number not in bodies
            and re.search(r"(?<!\\)\\[ \t]*$", line)
            and not line.lstrip().startswith("#")
        ):
            out.append("    # between")
    return "\n".join(out)


def joined(text: str) -> str:
    lines = text.split("\n")
    for one in reversed(Dockerfile.from_string(text).instructions):
        if not one.heredocs and one.span.end_line > one.span.line:
            lines[one.span.line - 1 : one.span.end_line] = [one.line.value]
    return "\n".join(lines)


def split(text: str) -> str:
    lines = text.split("\n")
    for one in plain_runs(text):
        number = one.span.line - 1
        if one.span.line == one.span.end_line and "#" not in lines[number] and "'" not in lines[number]:
            lines[number] = re.sub(r" (&&|\|\||\||;) ", r" \\\n  \1 ", lines[number])
    return "\n".join(lines)


def as_heredocs(text: str) -> str:
    lines = text.split("\n")
    for one in plain_runs(text):
        flags = one.line.value[one.word.offset : one.rest[0]].rstrip()
        script = one.line.value[slice(*one.rest)]
        if "<<" not in script and "#" not in script and not one.comments:
            lines[one.span.line - 1 : one.span.end_line] = [f"{flags} <<EOX", script, "EOX"]
    return "\n".join(lines)


REWRITES = [as_crlf, in_lower_case, with_comments_between, joined, split, as_heredocs]


# A rewriting that changes nothing would hold a text against itself.
REWRITTEN = {
    name: [(rewrite.__name__, new) for rewrite in REWRITES if (new := rewrite(text)) != text]
    for name, text in FILES.items()
}


@pytest.mark.parametrize("name", [name for name, texts in REWRITTEN.items() if texts])
def test_rewritten_files_give_the_same_findings(name: str) -> None:
    before = about_content(FILES[name])
    for how, text in REWRITTEN[name]:
        # What a here-document makes of a failure is another matter: it goes on, where a lone line ends.
        passed_over = ABOUT_FAILURES if how == "as_heredocs" else frozenset[str]()
        assert without(about_content(text), passed_over) == without(before, passed_over), how


def without(found: Counter[tuple[str, str]], codes: frozenset[str]) -> Counter[tuple[str, str]]:
    return Counter({key: count for key, count in found.items() if key[0] not in codes})


def about_content(text: str) -> Counter[tuple[str, str]]:
    return Counter({key: count for key, count in findings(text).items() if key[0] not in ABOUT_WRITING})


@pytest.mark.parametrize("text", [SERVICE, NODE, ALPINE], ids=["service", "node", "alpine"])
def test_all_rules_together_find_what_each_finds_alone(text: str) -> None:
    alone: Counter[tuple[str, str]] = Counter()
    for rule in RULES:
        alone += findings(text, [rule.code])
    assert findings(text) == alone
    assert len(alone) > 10


FAULTS = [
    ("RUN sudo true", "DL3004", "sudo"),
    ("RUN useradd -u 1234567 x", "DL3046", "1234567"),
    ("WORKDIR ~/zz", "IL014", "~/zz"),
    ("EXPOSE 70001", "DL3011", "70001"),
    ("COPY --from=tools:latest /zz /zz", "DL3007", "--from=tools:latest"),
    ("COPY --from=9 /zz /zz", "DL3022", "--from=9"),
    ("RUN curl -k https://example.org/x -o /x", "CKV2_DOCKER_2", "-k"),
    ("RUN true \\\n # why\n && wget -q --no-check-certificate x", "CKV2_DOCKER_3", "--no-check-certificate"),
    ("ENV ZZ_PASSWORD=hunter2zz", "DL3064", "ZZ_PASSWORD"),
    ("ENV GIT_SSL_NO_VERIFY=1", "CKV2_DOCKER_14", "GIT_SSL_NO_VERIFY"),
    ("ADD zzfile.py /zz/", "DL3020", "ADD"),
    ("WORDIR /x", "IL001", "WORDIR"),
    ("ENV ZZHOST=10.1.2.3", "AV1001", "10.1.2.3"),
    ("COPY id_dsa /root/", "AV0802", "id_dsa"),
    ("RUN <<EOF\ntrue\ndnf install b && dnf clean all\nEOF", "DL3038", "install"),
    ("RUN chpasswd < x", "AV0803", "chpasswd"),
    ("COPY zz $ZZ_UNDEFINED/", "UndefinedVar", "$ZZ_UNDEFINED"),
    ("ENV ZA=1 ZB=$ZA", "DL3044", "$ZA"),
    ("COPY y z /zz", "DL3021", "/zz"),
    ("ONBUILD ONBUILD RUN x", "DL3043", "ONBUILD"),
    ("RUN docker commit a b", "AV0503", "docker commit a b"),
    ("RUN apk add zz", "DL3019", "apk add zz"),
]


@pytest.mark.parametrize(("fault", "code", "where"), FAULTS, ids=[code for _, code, _ in FAULTS])
@pytest.mark.parametrize("name", ["service", "node", "alpine"])
def test_a_fault_anywhere_is_one_finding_on_its_word(name: str, fault: str, code: str, where: str) -> None:
    text = FILES[name]
    file = Dockerfile.from_string(text)
    rules = [rule for rule in RULES if rule.default]

    def told(text: str) -> Counter[tuple[str, str]]:
        found = judge_dockerfile(Dockerfile.from_string(text), rules, pragmas=False).findings
        lines = text.split("\n")
        spans = [(one.rule.code, one.place.span) for one in found if one.place.span]
        return Counter(
            (code, lines[s.line - 1][s.column - 1 : s.end_column - 1 if s.line == s.end_line else None])
            for code, s in spans
        )

    before = told(text)
    assert file.target
    for one in (file.target.source, *file.target.instructions):
        lines = text.split("\n")
        lines[one.span.end_line : one.span.end_line] = fault.split("\n")
        after = told("\n".join(lines))
        assert (after - before, before - after) == (Counter({(code, where): 1}), Counter())
