"""Asks the Git of this machine."""

from __future__ import annotations

import os

from .analyzer import InputError


def git(*arguments: str, cwd: str | None = None, **variables: str) -> str:
    """What a Git command prints; file names that are no UTF-8 as surrogates.

    Args:
        arguments: the command and its arguments.
        cwd: where to call it; None: here.
        variables: of its environment, beside ours.

    Raises:
        InputError: there is no Git, or it can't do it.
    """
    status, printed, told = _run(arguments, cwd, variables)
    if status:
        lines = told.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
        command = next(
            argument for argument in arguments if not argument.startswith("-") and "=" not in argument
        )
        hint = "call it inside a Git repository that holds what is asked for"
        raise InputError(f"git {command}", lines[0].removeprefix("fatal: "), hint)
    return printed.decode("utf-8", "surrogateescape")


def answer(*arguments: str, cwd: str | None = None) -> bytes | None:
    """What a Git command prints; None: it says no.

    Raises:
        InputError: there is no Git.
    """
    status, printed, _ = _run(arguments, cwd, {})
    return None if status else printed


def _run(arguments: tuple[str, ...], cwd: str | None, variables: dict[str, str]) -> tuple[int, bytes, bytes]:
    import subprocess

    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise InputError(
            "git", f"can't be run: {(error.strerror or str(error)).lower()}", "install Git"
        ) from error
    return done.returncode, done.stdout, done.stderr
