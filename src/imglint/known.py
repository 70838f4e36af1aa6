"""Findings that were there before: in a recorded baseline, or in the file as a Git revision has it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .analyzer import InputError
from .analyzer.credentials import mask_shapes
from .git import answer
from .rules.checks.house import RULE_FAILED

if TYPE_CHECKING:
    from .analyzer.dockerfile import Text
    from .rules.rule import Finding

_VERSION = 1
_WRITES_ONE = "--write-baseline writes one"


class Trace(NamedTuple):
    """What is left of a finding: its fingerprint, and a looser one of its code and word alone.

    The second keeps a finding known when its instruction was changed somewhere else.
    """

    fingerprint: str
    near: str


def trace(finding: Finding, text: Text | None) -> Trace:
    """The trace of a finding in this text."""
    import hashlib

    span = finding.place.span
    word = ""
    if text is not None and span is not None:
        word = text.lines[span.line - 1][
            span.column - 1 : span.end_column - 1 if span.line == span.end_line else None
        ]
    near = hashlib.sha256(f"{finding.rule.code}\0{word}".encode("utf-8", "replace")).hexdigest()[:16]
    return Trace(finding.fingerprint, near)


def new_findings(
    findings: Iterable[Finding], text: Text | None, known: Iterable[Trace]
) -> tuple[Finding, ...]:
    """The findings of a file that are not among the known ones; each known one stands for one finding."""
    findings = tuple(findings)
    known = list(known)
    exact = {one.fingerprint for one in known}
    matched = {finding.fingerprint for finding in findings} & exact
    # A known finding that is still there as it was can't excuse another one.
    loose = Counter(one.near for one in known if one.fingerprint not in matched)
    out = []
    for finding in findings:
        if finding.rule is RULE_FAILED:  # the answer is not whole, today as before
            out.append(finding)
            continue
        if finding.fingerprint in matched:
            continue
        near = trace(finding, text).near
        if loose[near] > 0:
            loose[near] -= 1
        else:
            out.append(finding)
    return tuple(out)


class Baseline:
    """A recorded baseline: the traces of each file, by its path from the baseline's directory.

    Raises:
        InputError: the file can't be read, or is no baseline.
    """

    def __init__(self, path: str) -> None:
        self._directory = os.path.dirname(os.path.abspath(path))
        try:
            with open(path, encoding="utf-8") as stream:
                content = json.load(stream)
        except FileNotFoundError as error:
            raise InputError(path, "is not there", "--write-baseline writes it") from error
        except OSError as error:
            raise InputError(path, (error.strerror or str(error)).lower(), "check --baseline") from error
        except (ValueError, RecursionError) as error:
            raise InputError(path, "is no baseline of imglint's: it is no JSON", _WRITES_ONE) from error
        try:
            version = content["version"]
            self._files = {
                name: [Trace(str(entry["fingerprint"]), str(entry["near"])) for entry in entries]
                for name, entries in content["files"].items()
            }
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(path, "is no baseline of imglint's", _WRITES_ONE) from error
        if version != _VERSION:
            problem = f"is a baseline of version {version!r}; this imglint reads version {_VERSION}"
            raise InputError(path, problem, "write it anew with --write-baseline")

    def of(self, file: str) -> list[Trace]:
        """What is known of a file."""
        return self._files.get(_relative(file, self._directory), [])


def is_baseline(path: str) -> bool:
    """Whether a file is a baseline, of any version."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"version", "files"} <= content.keys()


def baseline_text(findings: Iterable[Finding], texts: Mapping[str, Text], path: str) -> str:
    """The baseline of these findings, as the file at `path` has to hold it."""
    directory = os.path.dirname(os.path.abspath(path))
    files: dict[str, list[dict[str, str]]] = {
        name: [] for name in sorted(_relative(text, directory) for text in texts)
    }
    for finding in findings:
        mark = trace(finding, texts.get(finding.file))
        entry = {"code": finding.rule.code, "fingerprint": mark.fingerprint, "near": mark.near}
        files.setdefault(_relative(finding.file, directory), []).append(entry)
    return json.dumps({"version": _VERSION, "files": files}, indent=1) + "\n"


def baseline_of_traces(files: Mapping[str, Iterable[Trace]]) -> str:
    """The baseline of what is known of files, by their paths from the baseline's directory."""
    entries = {name: [one._asdict() for one in traces] for name, traces in files.items()}
    return json.dumps({"version": _VERSION, "files": entries}) + "\n"


def _relative(file: str, directory: str) -> str:
    # As it stands in the file, where credentials are masked.
    return mask_shapes(os.path.relpath(os.path.abspath(file), directory).replace(os.sep, "/"))


def text_at_revision(file: str, revision: str) -> bytes | None:
    """A file as a Git revision has it, also under an earlier name; None when it was not there.

    Raises:
        InputError: Git is not there, the file is in no repository, or there is no such revision.
    """
    directory = os.path.dirname(os.path.abspath(file))
    if answer("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", cwd=directory) is None:
        inside = answer("rev-parse", "--is-inside-work-tree", cwd=directory) is not None
        problem = f"names no commit: {revision}" if inside else f"{directory} is in no Git repository"
        raise InputError("--since", problem, "give a branch, a tag or a commit")
    prefix = (
        (answer("rev-parse", "--show-prefix", cwd=directory) or b"")
        .decode("utf-8", "surrogateescape")
        .strip()
    )
    path = prefix + os.path.basename(file)
    content = answer("show", f"{revision}:{path}", cwd=directory)
    if content is None:
        renamed = answer(
            "-c", "core.quotePath=false", "diff", "--find-renames=30%", "--diff-filter=R", "--name-status",
            revision, "--", cwd=directory,
        )  # fmt: skip
        for line in (renamed or b"").decode("utf-8", "surrogateescape").splitlines():
            _, old, new = (*line.split("\t"), "", "")[:3]
            if new == path:
                return answer("show", f"{revision}:{old}", cwd=directory)
    return content
