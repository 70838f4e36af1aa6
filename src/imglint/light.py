"""imglint-core alone: what it leaves out, and how that is told."""

from __future__ import annotations

from .analyzer import InputError

# The modules of what imglint requires and imglint-core does not, and what each name of the Python API needs of them.
LEFT_OUT = frozenset(
    "docker isal jinja2 jsonschema networkx pandas requests tabulate typer urllib3 xxhash zstandard".split()
)
_NEEDED = {
    "audit": "xxhash", "frames": "pandas", "layer_graph": "networkx", "open_image": "xxhash",
    "open_images": "xxhash", "verify": "docker",
}  # fmt: skip


def left_out(error: Exception, asked: str = "this") -> InputError | None:
    """The error to tell where a package is missing that imglint-core does not bring; None for any other error.

    `asked` is what was asked for, as on the command line.
    """
    module = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or module not in LEFT_OUT:
        return None
    return _refusal(asked, module)


def is_core_alone() -> bool:
    """Whether the commands that need more than the core are missing."""
    return _is_missing("typer")


def refuse_image() -> None:
    """See to it that all that measuring needs is here, before a file is opened or a registry asked.

    Raises:
        InputError: it is not.
    """
    for module in ("tabulate", "xxhash", "isal", "zstandard"):
        if _is_missing(module):
            raise _refusal("image", module)


def _refusal(asked: str, module: str) -> InputError:
    return InputError(
        asked, f"needs the package {module}, which imglint-core leaves out", "Use `pip install imglint`"
    )


def _is_missing(module: str) -> bool:
    import importlib.util
    import sys

    return sys.modules.get(module) is None and importlib.util.find_spec(module) is None


def refuse_without(name: str) -> None:
    """See to it that what a name of the Python API needs is installed.

    Raises:
        ImportError: it is not; the text says what to install.
    """
    module = _NEEDED.get(name)
    if module is not None and _is_missing(module):
        raise ImportError(
            f"imglint.{name} needs the package {module}, which imglint-core leaves out. Use `pip install imglint`"
        )


def short_help() -> str:
    """What `imglint --help` says where typer is missing."""
    import textwrap

    from .lint_options import OPTION_NAMES

    names = " ".join(sorted(name for name in OPTION_NAMES if name.startswith("--")))
    options = textwrap.fill(names, 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return (
        "Usage: imglint [OPTION…] [PATH…]\n\n"
        "Lint Dockerfiles: files, directories, globs, or - for standard input.\n\n"
        f"Options:\n{options}\n\n"
        "`imglint explain CODE` says what a rule finds. This is imglint-core, the linter alone.\n"
        "Use `pip install imglint` for all commands, and for help on each.\n"
    )
