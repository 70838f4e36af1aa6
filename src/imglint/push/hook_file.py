"""The pre-push hook in a Git repository: written, and taken out again."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator

from ..analyzer import InputError
from ..git import git
from ..output import write_own

_MARK = "# imglint pre-push hook"
_SCRIPT = """\
#!/bin/sh
{mark}: looks at what is pushed. `imglint hook uninstall` removes it.
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
    1) echo "imglint: the push was stopped; fix what is told above, or push anyway: git push --no-verify" >&2 ;;
    *) echo "imglint: could not look at it all (exit code $code); to push anyway: git push --no-verify" >&2 ;;
esac
exit 1
"""


def path() -> str:
    """Where the pre-push hook of the repository here belongs.

    Raises:
        InputError: there is no repository here.
    """
    return os.path.join(git("rev-parse", "--git-path", "hooks").removesuffix("\n"), "pre-push")


def install(options: str, *, force: bool) -> str | None:
    """Write the hook; where the one that was there is kept, if it was somebody else's.

    Args:
        options: for `imglint hook run`, as a shell has them.
        force: replace somebody else's hook.

    Raises:
        InputError: there is another hook, or the file can't be written.
    """
    hook = path()
    kept = None
    if os.path.lexists(hook) and not _ours(hook):
        if not force:
            raise InputError(
                hook,
                "there is another hook already",
                '--force puts imglint in its place; or call `imglint hook run -- "$@"` from it',
            )
        kept = _beside(hook)
        if os.path.lexists(kept):
            raise InputError(kept, "is there already, from an earlier time", "move it away")
    with _changing(hook):
        if kept is not None:
            os.replace(hook, kept)
        os.makedirs(os.path.dirname(hook), exist_ok=True)
        write_own(_SCRIPT.format(mark=_MARK, python=shlex.quote(sys.executable), options=options), hook)
        os.chmod(hook, 0o755)  # noqa: S103  (Git runs it)
    return kept


def uninstall() -> bool:
    """Remove the hook; whether the one that was there before is back.

    Raises:
        InputError: there is no hook of imglint's, or it can't be removed.
    """
    hook = path()
    if not os.path.lexists(hook):
        raise InputError(hook, "there is no hook", "`imglint hook install` writes it")
    if not _ours(hook):
        raise InputError(hook, "was not written by imglint, and stays", "remove it yourself if you mean it")
    with _changing(hook):
        os.unlink(hook)
        back = os.path.lexists(_beside(hook))
        if back:
            os.replace(_beside(hook), hook)
    return back


def _beside(hook: str) -> str:
    return f"{hook}.before-imglint"


def _ours(hook: str) -> bool:
    with contextlib.suppress(OSError), open(hook, "rb") as stream:
        return f"\n{_MARK}".encode() in stream.read(4096)
    return False


@contextlib.contextmanager
def _changing(hook: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"can't be changed: {(error.strerror or str(error)).lower()}"
        raise InputError(hook, problem, "check who owns it") from error
