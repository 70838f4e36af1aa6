"""`imglint hook`: a pre-push hook of Git, and what it runs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from .. import hook_file
from ..analyzer import InputError
from ..config import Configuration
from ..exits import Exit, worst
from ..output import write
from ..pushed import Ref, at, checked_out, commits, refs
from ..reports import Report
from .show import fail, look_of


def install(*, run: bool, fail_level: str | None, fail_on: str | None, force: bool) -> Exit:
    """Write the hook; one that is not imglint's is only replaced by force, and kept beside it."""
    options = " --run" if run else ""
    options += "".join(
        f" {option} {value}"
        for option, value in (("--fail-level", fail_level), ("--fail-on", fail_on))
        if value
    )
    try:
        kept = hook_file.install(options, force=force)
    except InputError as error:
        return fail(error)
    more = f"; the hook that was there is kept as {kept}" if kept else ""
    write(f"{hook_file.path()}: audits what `git push` sends from now on{more}\n")
    return Exit.CLEAN


def uninstall() -> Exit:
    """Remove the hook, and put back the one that was there before."""
    try:
        back = hook_file.uninstall()
    except InputError as error:
        return fail(error)
    what = "the hook that was there before is back" if back else "removed"
    write(f"{hook_file.path()}: {what}\n")
    return Exit.CLEAN


def run(remote: str, chosen: Mapping[str, Any], *, start: bool, engine: str | None) -> Exit:
    """Audit the commits that standard input names."""
    try:
        found = commits(_told())
        codes = [_commit(one, ref, remote, chosen, start=start, engine=engine) for one, ref in found.items()]
    except InputError as error:
        return fail(error)
    code = worst(codes)
    return Exit.CLEAN if code is Exit.NOTHING else code  # what holds no Dockerfile may be pushed


def _told() -> tuple[Ref, ...]:
    """What is pushed, as Git tells it on standard input, or pre-commit, which reads that, in the environment."""
    if os.environ.get("PRE_COMMIT"):
        names = ("PRE_COMMIT_TO_REF", "PRE_COMMIT_LOCAL_BRANCH")
        return (at(next((os.environ[name] for name in names if os.environ.get(name)), "HEAD")),)
    if sys.stdin.isatty():
        raise InputError(
            "standard input",
            "is a terminal, and Git would name there what is pushed",
            "`imglint hook install` lets Git run this; `imglint audit` is for you",
        )
    return refs(sys.stdin.buffer.read())


def _commit(
    commit: str, ref: str, remote: str, chosen: Mapping[str, Any], *, start: bool, engine: str | None
) -> Exit:
    from ..discovery import dockerfiles

    here = os.getcwd()
    with checked_out(commit) as tree, contextlib.chdir(tree):
        names = [os.path.normpath(name) for name in dockerfiles(".")]
        named = " to ".join(one for one in (ref, remote) if one and one != commit)
        where = f"{commit[:9]} ({named})" if named else commit[:9]
        if not names:
            write(f"imglint: {where} holds no Dockerfile\n")
            return Exit.NOTHING
        codes = [_dockerfile(name, here, chosen, start=start, engine=engine) for name in names]
        failed = sum(code is not Exit.CLEAN for code in codes)
        told = f"{failed} of {len(names)} fail" if failed else f"{len(names)} pass"
        write(f"imglint: {where}: of its Dockerfiles {told} the audit\n")
    return worst(codes)


def _dockerfile(name: str, here: str, chosen: Mapping[str, Any], *, start: bool, engine: str | None) -> Exit:
    """Audit one Dockerfile of the commit, with the image that the commit's configuration maps to it."""
    from ..evidence import audit

    try:
        settings = Configuration(dict(chosen)).settings(name)
        image = settings.image_of(name)
        if image is not None and os.path.exists(os.path.join(here, image)):
            image = os.path.join(here, image)  # what was built lies in the work tree, never in a commit
        report = audit(name, image, settings, run=start and image is not None, engine=engine)
    except InputError as error:
        return fail(error)
    if report.failures():
        _show(report)
    return report.exit_code


def _show(report: Report) -> None:
    from ..reports import matrix_text, text

    view = matrix_text.render if report.images else text.render
    write(view(report, look_of()), "-")
