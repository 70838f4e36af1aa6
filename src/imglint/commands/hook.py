"""`imglint hook`: a pre-push hook of Git, and what it runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from ..analyzer import InputError
from ..config import Configuration
from ..exits import Exit, worst
from ..pushed import Ref, at, checked_out, commits, hook_path, refs
from ..reports import Report
from .show import fail, look_of

_MARK = "# imglint pre-push hook"
_SCRIPT = """\
#!/bin/sh
{mark}: audits the commits that are pushed. `imglint hook uninstall` removes it.
if [ -x {python} ]; then
    {python} -P -m imglint hook run{options} -- "$@"
elif command -v imglint >/dev/null 2>&1; then
    imglint hook run{options} -- "$@"
else
    echo "imglint: it is gone, and with it what this hook runs; install it, or remove $0" >&2
    false
fi
code=$?
case $code in
    0) exit 0 ;;
    1) echo "imglint: the push was stopped; mend what failed, or push anyway: git push --no-verify" >&2 ;;
    *) echo "imglint: could not audit (exit code $code); to push anyway: git push --no-verify" >&2 ;;
esac
exit 1
"""


def install(*, run: bool, fail_level: str | None, force: bool) -> Exit:
    """Write the hook; one that is not imglint's is only replaced by force, and kept beside it."""
    options = (" --run" if run else "") + (f" --fail-level {fail_level}" if fail_level else "")
    script = _SCRIPT.format(mark=_MARK, python=shlex.quote(sys.executable), options=options)
    try:
        path = hook_path()
        kept = _kept(path, force=force)
        from ..output import write

        _in_file(os.makedirs, os.path.dirname(path), exist_ok=True)
        write(script, path)
        _in_file(os.chmod, path, 0o755)
    except InputError as error:
        return fail(error)
    sys.stdout.write(f"{path}: audits what `git push` sends from now on{kept}\n")
    return Exit.CLEAN


def _kept(path: str, *, force: bool) -> str:
    if not os.path.lexists(path) or _ours(path):
        return ""
    if not force:
        raise InputError(
            path,
            "there is another hook already",
            '--force puts imglint in its place; or call `imglint hook run -- "$@"` from it',
        )
    beside = _beside(path)
    if os.path.lexists(beside):
        raise InputError(beside, "is there already, from an earlier time", "move it away")
    _in_file(os.replace, path, beside)
    return f"; the hook that was there is kept as {beside}"


def uninstall() -> Exit:
    """Remove the hook, and put back the one that was there before."""
    try:
        path = hook_path()
        if not os.path.lexists(path):
            raise InputError(path, "there is no hook", "`imglint hook install` writes it")
        if not _ours(path):
            raise InputError(
                path, "was not written by imglint, and stays", "remove it yourself if you mean it"
            )
        _in_file(os.unlink, path)
        back = os.path.lexists(_beside(path))
        if back:
            _in_file(os.replace, _beside(path), path)
    except InputError as error:
        return fail(error)
    sys.stdout.write(f"{path}: {'the hook that was there before is back' if back else 'removed'}\n")
    return Exit.CLEAN


def _beside(path: str) -> str:
    return f"{path}.before-imglint"


def _ours(path: str) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        return f"\n{_MARK}".encode() in stream.read(4096)
    return False


def _in_file(change: Any, path: str, *rest: Any, **named: Any) -> None:
    """Change something in the file system; the error names the path."""
    try:
        change(path, *rest, **named)
    except OSError as error:
        problem = f"can't be changed: {(error.strerror or str(error)).lower()}"
        raise InputError(path, problem, "check who owns it") from error


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
            sys.stdout.write(f"imglint: {where} holds no Dockerfile\n")
            return Exit.NOTHING
        codes = [_dockerfile(name, here, chosen, start=start, engine=engine) for name in names]
        failed = sum(code is not Exit.CLEAN for code in codes)
        told = f"{failed} of {len(names)} fail" if failed else f"{len(names)} pass"
        sys.stdout.write(f"imglint: {where}: of its Dockerfiles {told} the audit\n")
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
    if report.exit_code:
        _show(report)
    return Exit(report.exit_code)


def _show(report: Report) -> None:
    from ..output import write
    from ..reports import matrix_text, text

    view = matrix_text.render if report.images else text.render
    write(view(report, look_of()), "-")
