"""What a run is about to make, written down before it is made: the only thing that tells ours from the user's.

A journal is a file of one run in the user's state directory, a JSON object a line. The run holds a
lock on it, and its guardian inherits that: a journal whose lock can be had belongs to a run that is
gone. Labels would not do: containers inherit them from images.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .errors import EngineError

KINDS = ("container", "network", "image", "volume")  # in the order in which they can be removed
_VERSION = 1
_SUFFIX = ".jsonl"
_DRAFT = ".new"
_OLD_DRAFT = (
    3600.0  # seconds after which nobody finishes a draft any more; nothing is made before it is finished
)
_MAX_BYTES = 4 * 1024 * 1024
_IN_FLIGHT = 600.0  # seconds in which an engine may still make what nobody waits for any more
_NAME = re.compile(r"(?:localhost/)?imglint-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of the engine's: a name that was written down, and what became of it."""

    kind: str  # of KINDS
    name: str
    written: float  # when, in seconds since 1970
    identity: str = ""  # by the engine's word; "" until it has told it
    gone: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing of this name can be in the engine any more, if it is not there now."""
        return bool(self.identity) or time.time() - self.written > _IN_FLIGHT


class JournalError(EngineError):
    """A journal that can't be written, or that is not understood."""


class Journal:
    """The journal of one run. It is there, and locked, as long as something of the run may be left."""

    def __init__(self, path: str, descriptor: int, engine: str, entries: dict[str, Entry]) -> None:
        self.path = path
        self.descriptor = descriptor  # open and locked; a guardian inherits it
        self.engine = engine  # the identity of the engine that it speaks of
        self._entries = entries

    @classmethod
    def begin(cls, engine: str) -> Journal:
        """A new journal, for what is made on this engine.

        Raises:
            JournalError: the state directory can't be used.
        """
        directory = state_directory()
        path = os.path.join(directory, secrets.token_hex(16) + _SUFFIX)
        # Under its last name it is locked from the first moment on.
        draft = path + _DRAFT
        with _told(directory):
            _remove_old_drafts(directory)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(draft, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                journal = cls(path, descriptor, engine, {})
                journal._write({"imglint": _VERSION, "engine": engine})
                os.rename(draft, path)
            except BaseException:
                os.close(descriptor)
                os.unlink(draft)
                raise
        return journal

    @classmethod
    def inherited(cls, path: str, descriptor: int) -> Journal:
        """The journal of a run that was killed, whose lock the caller holds already.

        Raises:
            JournalError: it is not understood.
        """
        engine, entries = _read(path, descriptor)
        return cls(path, descriptor, engine, entries)

    def write_down(self, kind: str) -> str:
        """A name that nothing has, for an object that is made next.

        Raises:
            JournalError: it can't be written, so that nothing may be made.
        """
        name = f"imglint-{secrets.token_hex(16)}"
        if kind == "image":
            name = f"localhost/{name}"  # Podman's own word for what comes from no registry
        entry = Entry(kind, name, time.time())
        with _told(self.path):
            self._write({"will make": kind, "name": name, "at": entry.written})
        self._entries[name] = entry
        return name

    def made(self, name: str, identity: str) -> None:
        """The engine has made it, and calls it so."""
        with _told(self.path):
            self._write({"made": name, "id": identity})
        self._entries[name] = replace(self._entries[name], identity=identity)

    def gone(self, name: str) -> None:
        """It is not there any more, or was never made."""
        with _told(self.path):
            self._write({"gone": name})
        self._entries[name] = replace(self._entries[name], gone=True)

    def left(self) -> tuple[Entry, ...]:
        """What may be in the engine, in the order in which it can be removed."""
        return tuple(
            entry
            for kind in KINDS
            for entry in reversed(self._entries.values())
            if entry.kind == kind and not entry.gone
        )

    def close(self) -> None:
        """Give the lock back; the file goes with it when nothing is left."""
        try:
            if not self.left():
                with _told(self.path), contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
        finally:
            os.close(self.descriptor)

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        if os.write(self.descriptor, data) != len(data):
            raise OSError("only a part could be written")
        os.fdatasync(self.descriptor)


def state_path() -> str:
    """Where the journals are, or would be."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # as the XDG base directory specification has it
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "imglint", "runs")


def state_directory() -> str:
    """The directory of the journals, which is the user's, and which nobody else can look into.

    Raises:
        JournalError: there can be none.
    """
    directory = state_path()
    with _told(directory):
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        if _checked(directory) & 0o077:
            os.chmod(directory, 0o700)
    return directory


def _checked(directory: str) -> int:
    """The mode of a directory that is the user's own."""
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise OSError("it is no directory")
    if found.st_uid != os.geteuid():
        raise OSError(f"it belongs to the user {found.st_uid}")
    return found.st_mode


def abandoned(engine: str) -> Iterator[Journal]:
    """The journals of runs that are gone, on this engine. Each is locked until the caller closes it.

    What is not understood, or not the user's own file, is left as it is: see `unreadable`.
    """
    for path in _paths():
        try:
            descriptor = _open(path)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its run may have ended well, and removed it, between the opening and the lock.
            if not os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                raise FileNotFoundError(path)
            speaks_of, entries = _read(path, descriptor)
        except (OSError, JournalError):
            os.close(descriptor)
            continue
        if speaks_of == engine:
            yield Journal(path, descriptor, speaks_of, entries)
        else:
            os.close(descriptor)


def known_names(engine: str) -> frozenset[str]:
    """All names that a journal here holds for an engine, of runs that go on and of others."""
    names: set[str] = set()
    for path in _paths():
        with contextlib.suppress(OSError, JournalError), _opened(path) as descriptor:
            speaks_of, entries = _read(path, descriptor)
            if speaks_of == engine:
                names |= set(entries)
    return frozenset(names)


def unreadable() -> tuple[str, ...]:
    """The journals that say nothing certain: half written, of another version, or somebody else's file."""
    out = []
    for path in _paths():
        try:
            with _opened(path) as descriptor:
                _read(path, descriptor)
        except FileNotFoundError:
            continue
        except (OSError, JournalError):
            out.append(path)
    return tuple(out)


def looks_like_ours(name: str) -> bool:
    """Whether a name has the form of those that are written down here. That alone makes nothing ours."""
    return _NAME.fullmatch(name) is not None


def _paths() -> list[str]:
    directory = state_path()
    if not os.path.lexists(directory):
        return []
    with _told(directory):
        _checked(directory)
        return sorted(
            os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(_SUFFIX)
        )


def _remove_old_drafts(directory: str) -> None:
    for name in os.listdir(directory):
        if name.endswith(_SUFFIX + _DRAFT):
            path = os.path.join(directory, name)
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(path).st_mtime > _OLD_DRAFT:
                    os.unlink(path)


def _open(path: str) -> int:
    """A journal as a file of the user's own; never what a link leads to, and never waiting for a pipe's end."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        os.close(descriptor)
        raise PermissionError(f"{path} is no file of this user's own")
    return descriptor


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: str, descriptor: int) -> tuple[str, dict[str, Entry]]:
    """The engine and the entries. One line that is not understood, and nothing of the file counts.

    Raises:
        JournalError: so it is.
    """
    data = os.pread(descriptor, _MAX_BYTES + 1, 0)
    entries: dict[str, Entry] = {}
    try:
        if len(data) > _MAX_BYTES or not data.endswith(b"\n"):
            raise ValueError("it does not end with a whole line")
        head, *lines = (json.loads(line) for line in data.splitlines())
        if head["imglint"] != _VERSION:
            raise ValueError(f"it is of version {head['imglint']}")
        engine = str(head["engine"])
        for line in lines:
            if "will make" in line:
                entry = Entry(line["will make"], line["name"], float(line["at"]))
                known = entry.kind in KINDS and looks_like_ours(entry.name) and 0 < entry.written < 1e12
                if not known or entry.name in entries:
                    raise ValueError(f"it holds the name {entry.name!r}")
                entries[entry.name] = entry
            elif "made" in line:
                entries[line["made"]] = replace(entries[line["made"]], identity=str(line["id"]))
            else:
                entries[line["gone"]] = replace(entries[line["gone"]], gone=True)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise JournalError(
            path, f"is not understood: {error}", "see SECURITY.md on what to do with it"
        ) from error
    return engine, entries


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn a failing system call into one error that says what to do."""
    try:
        yield
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        hint = "nothing is started without it; set XDG_STATE_HOME to a directory of your own on a local disk"
        raise JournalError(path, f"can't be written: {problem}", hint) from error
