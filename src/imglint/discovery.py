"""Which files a path means."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .analyzer import InputError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SKIPPED_DIRECTORIES = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})
# What these end is code, a document, a template or somebody's backup, unless it begins as a Dockerfile does.
_OTHER_SUFFIXES = frozenset(
    # code
    "py pyi pyx pyc ipynb js mjs cjs jsx ts mts cts tsx vue svelte rs go java kt kts scala groovy gradle clj"
    " rb php pl pm lua r jl c h cc cpp cxx hh hpp hxx cs fs vb swift m mm dart ex exs erl hrl hs ml mli nim zig"
    " d v sh bash zsh fish ps1 psm1 bat cmd awk sed tcl sql vim el lisp scm mk cmake bzl nix tf hcl bicep"
    " proto graphql css scss sass less wasm class o so"
    # documents and pictures
    " md markdown mdx rst txt text adoc asciidoc org tex html htm xhtml pdf doc docx odt rtf svg png jpg jpeg gif"
    # templates
    " j2 jinja jinja2 tmpl tpl tmp template erb in mustache hbs handlebars ejs liquid njk gotmpl gotpl mako twig"
    " jsonnet libsonnet m4 dtl"
    # data and settings
    " yml yaml json json5 jsonc toml xml csv tsv ini cfg conf properties env plist lock sum log snap map"
    " dockerignore gitignore sha256 sha512 md5 asc sig tar gz tgz bz2 xz zst zip"
    # backups, differences
    " bak bkp backup orig rej old save swp swo swn diff patch".split()
)
_BEGINNING = 64 * 1024
# FROM and ARG with as many words as a builder takes: Python and SQL have lines that begin with FROM, too.
_FIRST = (
    rb"(?i)[ \t]*(?:FROM(?:[ \t]+--[\w-]+=\S+)*[ \t]+(?:\\$|[^\s{@%<]\S*[ \t]*(?:[ \t]AS[ \t]+\S+[ \t]*)?\\?$)"
    rb"|ARG[ \t]+(?:\\$|[A-Z_]\w*[ \t]*(?:=|\\?$|[ \t][A-Z_]\w*)))"
)
_TEMPLATE = rb"\{\{|\{%|\{#|<%|@[A-Za-z_]\w*@"


class Found(NamedTuple):
    """The Dockerfiles that a path stands for; `named`: somebody named the file itself.

    What nobody named and what turns out to hold no Dockerfile is told in notes, and fails nothing.
    """

    files: tuple[str, ...]
    named: bool = False
    notes: tuple[str, ...] = ()


def dockerfiles(path: str, *, found: bool = False) -> Found:
    """The Dockerfiles that a path stands for: itself, those below a directory, or a glob's.

    No files: the directory or glob holds none.

    Args:
        path: a file, a directory or a glob.
        found: a program has found the path, so that a file may turn out to be something else.

    Raises:
        InputError: there is nothing of this name.
    """
    notes: list[str] = []
    if os.path.isdir(path):
        return Found(tuple(sorted(_below(path, notes))), notes=tuple(notes))
    if os.path.exists(path) or os.path.islink(path):
        if not found:
            return Found((path,), named=True)
        return Found(tuple(_taken([path], notes)), notes=tuple(notes))
    if glob.has_magic(path):
        matching = (name for name in sorted(glob.glob(path, recursive=True)) if not os.path.isdir(name))
        return Found(tuple(_taken(matching, notes)), notes=tuple(notes))
    raise InputError(
        path, "no such file or directory", "give a Dockerfile, a directory, or - for standard input"
    )


def looks_like_dockerfile(name: str) -> bool:
    """By its name: Dockerfile, Dockerfile.*, *.Dockerfile, and the same for Containerfile, in any case."""
    lower = name.lower()
    if lower.endswith(".dockerignore"):
        return False
    return any(
        lower == word or lower.startswith(f"{word}.") or lower.endswith(f".{word}")
        for word in ("dockerfile", "containerfile")
    )


def looks_otherwise(name: str) -> bool:
    """By the end of its name: code, a document, a template, a backup. How it begins decides then."""
    return name.endswith("~") or name.lower().rpartition(".")[2] in _OTHER_SUFFIXES


def begins_as_dockerfile(beginning: bytes) -> bool:
    """Whether the first instruction is FROM or ARG, and no template's mark stands before the end of FROM."""
    first = True
    for line in _lines(beginning):
        if re.search(_TEMPLATE, line):
            return False
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        if first and not re.match(_FIRST, line):
            return False
        if re.match(rb"(?i)[ \t]*FROM\s", line):
            return True
        first = False
    return not first


def is_template(beginning: bytes) -> bool:
    """Whether a template's mark stands where the first instruction belongs, whatever the file is called."""
    for line in _lines(beginning):
        if line.strip() and not line.lstrip().startswith(b"#"):
            return re.match(_TEMPLATE, line.lstrip()) is not None
    return False


def _lines(beginning: bytes) -> list[bytes]:
    return beginning.removeprefix(b"\xef\xbb\xbf").splitlines()


def _taken(paths: Iterator[str] | list[str], notes: list[str]) -> Iterator[str]:
    """Of found paths those that are Dockerfiles, as far as that can be told without reading them whole."""
    for path in paths:
        problem = _no_file(path)
        if problem:
            notes.append(f"{path}: {problem}, and was not linted")
        elif not looks_otherwise(os.path.basename(path)) or begins_as_dockerfile(_beginning(path)):
            yield path


def _no_file(path: str) -> str:
    """What stands there instead of a file; "" for a file. Nothing is opened: a pipe would block."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "is a broken link"
    except OSError as error:
        return f"can't be reached: {(error.strerror or str(error)).lower()}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return "" if stat.S_ISREG(mode) else "is not a regular file"


def _beginning(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(_BEGINNING)
    except OSError:
        return b"FROM unreadable"  # taken, so that reading it tells why


def _below(directory: str, notes: list[str]) -> Iterator[str]:
    # Links to directories are not followed: they may lead back up.
    ignored = _Ignored(directory)

    def unreadable(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        notes.append(f"{error.filename}: can't be searched: {reason}")

    for parent, directories, files in os.walk(directory, onerror=unreadable):
        ignored.read(parent)
        directories[:] = [
            name
            for name in directories
            if name not in SKIPPED_DIRECTORIES and not ignored.matches(os.path.join(parent, name) + "/")
        ]
        for name in ("Dockerfile", "Containerfile"):
            if name not in directories:
                continue
            path = os.path.join(parent, name)
            what = "a link to a directory, and was not followed" if os.path.islink(path) else "a directory"
            notes.append(f"{path}: is {what}")
        candidates = [os.path.join(parent, name) for name in files if looks_like_dockerfile(name)]
        yield from _taken([path for path in candidates if not ignored.matches(path)], notes)


class _Ignored:
    """What the .gitignore files of a repository leave out, from its root down."""

    def __init__(self, directory: str) -> None:
        self._specs: list[tuple[str, GitIgnoreSpec]] = []
        # Those above the directory hold, too, up to the root of the repository.
        above: list[str] = []
        at = os.path.abspath(directory)
        while not os.path.exists(os.path.join(at, ".git")):
            if at == os.path.dirname(at):
                above = []  # no repository: only what is found on the way down
                break
            at = os.path.dirname(at)
            above.append(at)
        for one in reversed(above):
            self.read(one)

    def read(self, directory: str) -> None:
        path = os.path.join(directory, ".gitignore")
        if not os.path.isfile(path):
            return
        from pathspec import GitIgnoreSpec

        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                self._specs.append((os.path.abspath(directory), GitIgnoreSpec.from_lines(stream)))
        except OSError:
            return

    def matches(self, path: str) -> bool:
        """Whether a path is left out; directories end with a slash. The nearest file decides."""
        full = os.path.abspath(path) + ("/" if path.endswith("/") else "")
        for directory, spec in reversed(self._specs):
            prefix = directory.rstrip("/") + "/"
            if full.startswith(prefix):
                decided = spec.check_file(full[len(prefix) :]).include
                if decided is not None:
                    return decided
        return False
