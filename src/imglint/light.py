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
    return InputError(
        asked, f"needs the package {module}, which imglint-core leaves out", "Use `pip install imglint`"
    )


def refuse_without(name: str) -> None:
    """See to it that what a name of the Python API needs is installed.

    Raises:
        ImportError: it is not; the text says what to install.
    """
    import importlib.util
    import sys

    module = _NEEDED.get(name)
    if module is not None and module not in sys.modules and importlib.util.find_spec(module) is None:
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
