"""The command. Lint and `image` are parsed here, since importing typer takes longer than linting."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .exits import Exit

_COMMANDS = frozenset(
    {
        "lint",
        "fix",
        "image",
        "diff",
        "history",
        "files",
        "cat",
        "extract",
        "verify",
        "audit",
        "trend",
        "hook",
        "push",
        "explain",
        "rules",
        "why",
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run imglint with these arguments; the exit code, as in exits.py."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return int(_dispatch(arguments))
    except KeyboardInterrupt:
        _tell("imglint: interrupted\n")
        return Exit.INTERRUPTED
    except Exception as error:
        return _failed(error, arguments)


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0].startswith("-"):
        from .lint_options import command_first

        arguments = command_first(arguments, _COMMANDS)
    command = arguments[0] if arguments else ""
    if command in ("help", "version"):
        return _about(command, arguments[1:])
    if arguments in (["--version"], ["-V"]):
        return _about("version", [])
    if command == "explain" and len(arguments) == 2 and not arguments[1].startswith("-"):
        from .commands.explain import explain

        return explain(arguments[1], "text")
    if (
        command in _COMMANDS - {"lint", "image"}
        or any(one in arguments for one in ("--help", "-h", "--version", "-V"))
        or (command.startswith("--") and "completion" in command)
        or "_IMGLINT_COMPLETE" in os.environ  # the shell asks what could stand here
    ):
        return _by_typer(arguments)
    if command == "image":
        return _image(arguments)
    if command not in _COMMANDS and not command.startswith("-") and command and not os.path.lexists(command):
        _suggest(command)
    from .commands.lint import lint
    from .lint_options import UsageError, parse

    try:
        options = parse(arguments[1:] if command == "lint" else arguments)
    except UsageError as error:
        _tell(f"imglint: {error}\n  `imglint lint --help` lists the options\n")
        return Exit.INPUT
    return lint(options)


def _by_typer(arguments: list[str]) -> int:
    from .cli import run

    return run(arguments)


def _image(arguments: list[str]) -> int:
    from .image_options import parse
    from .light import refuse_image

    refuse_image()
    options = parse(arguments[1:])
    if options is None:
        return _by_typer(arguments)
    from .commands.image import image

    return image(
        options.sources, options.settings, options.outputs, verify=options.verify, engine=options.engine,
        view=options.view,
    )  # fmt: skip


def _about(word: str, rest: list[str]) -> int:
    """`imglint help [COMMAND]` and `imglint version`: what people try before they know the options for it."""
    if word == "version" and rest:
        _tell("imglint: version takes nothing behind it\n")
        return Exit.INPUT
    if rest and rest[0] not in _COMMANDS:
        _tell(f"imglint: there is no command {rest[0]}\n")
        _suggest(rest[0])
        _tell("  `imglint help` lists them\n")
        return Exit.INPUT
    if word == "version":
        from .output import write_own

        write_own(f"imglint {_version()}\n")
        return Exit.CLEAN
    return _by_typer([*rest, "--help"])


def _suggest(word: str) -> None:
    """A misspelt command looks like a path that is not there."""
    import difflib

    close = difflib.get_close_matches(word, sorted({*_COMMANDS, "help", "version"}), 1, 0.7)
    if close:
        _tell(f"imglint: did you mean the command `imglint {close[0]}`?\n")


def _failed(error: Exception, arguments: list[str]) -> int:
    from .analyzer import InputError
    from .light import left_out, short_help

    named = [one for one in arguments if one in _COMMANDS][:1] or ["lint"]
    missing = left_out(error, *named)
    if missing is not None and named == ["lint"] and {"--help", "-h", "help"}.intersection(arguments):
        from .output import write_own

        write_own(short_help())
        return Exit.CLEAN
    told = missing or error
    if not isinstance(told, InputError):
        return _broken(error)
    from .commands.show import fail

    return fail(told)


def _broken(error: Exception) -> int:
    """An error of ours: say so, with what a report needs, and without the credentials of what was read."""
    import platform
    import traceback

    from .analyzer.credentials import mask

    _tell(
        "imglint: internal error; please report it with what follows\n"
        f"  imglint {_version()}, Python {platform.python_version()}, {platform.platform()}\n"
        + mask("".join(traceback.format_exception(error)))
    )
    return Exit.INTERNAL


def _tell(text: str) -> None:
    from .output import tell

    tell(text)


def _version() -> str:
    from . import __version__

    return __version__


def script() -> None:
    """What the command `imglint` calls: run it, then end the process.

    A second Ctrl-C while Python takes itself down would change the exit code, which is told already.
    """
    import gc

    gc.set_threshold(50_000, 20, 50)  # a lint of a few files never comes to a collection
    code = main()
    if "threading" in sys.modules:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(code)
    # Nothing waits for the end but streams: taking every module down costs a tenth of a lint.
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # there is nobody to tell
            pass


if __name__ == "__main__":
    script()
