"""The commands by which a sceptic repeats what a report says: with sed, tar, sha256sum, docker and curl, without imglint.

They are made of a report in JSON, which somebody else may have written: each word of it is quoted for the shell,
and what can't be shown on a terminal is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_UNPACKERS = {"": "cat", "gzip": "gzip -dc", "zstd": "zstd -dc", "xz": "xz -dc", "bzip2": "bzip2 -dc"}
_BY_KEY = "tr '{},' '\\n\\n\\n' | grep -F "


class Step(NamedTuple):
    """One command for sh, and what it shows."""

    shows: str
    command: str


class Member(NamedTuple):
    """Where bytes of an image are: a member of an archive, or a file of its own (no archive). How they are packed."""

    archive: str | None
    name: str
    packed: str = ""  # as Blob.compression() says it

    def shown(self) -> str:
        """The command that writes its bytes, unpacked."""
        if self.archive is None:
            return f"{_UNPACKERS[self.packed]} < {_word(self.name)}"
        out = f"tar{_unquoting(self.name)} -xOf {_file(self.archive)} -- {_word(self.name)}"
        return f"{out} | {_UNPACKERS[self.packed]}" if self.packed else out


class StoredImage(NamedTuple):
    """The members of an image's archive, as far as they are known: its configuration and its layers, the lowest first."""

    id: str = ""
    config: Member | None = None
    layers: tuple[Member, ...] = ()


class HiddenCharactersError(ValueError):
    """A word that makes a command other than what it looks like: a terminal does not show it, or it is an option."""


def of_text(finding: Mapping[str, Any]) -> Iterator[Step]:
    """A finding about a Dockerfile: its lines, and the word that is meant."""
    places = [finding[key] for key in ("line", "end_line", "column", "end_column")]
    if any(type(one) is not int or one < 1 for one in places) or places[1] < places[0]:
        raise ValueError(f"no place in a text: {places}")
    file, (first, last, column, end_column) = _file(finding["file"]), places
    lines = f"{first}p" if first == last else f"{first},{last}p"
    yield Step("the text that is meant", f"sed -n {lines} {file}")
    before, length = column - 1, end_column - column
    if first == last and length > 0:
        taken = f"s/^.{{{before}}}(.{{{length}}}).*/\\1/p"
        yield Step(
            "the word that is meant", f"sed -n {first}p {file} | LC_ALL=C.UTF-8 sed -nE {shlex.quote(taken)}"
        )


def of_image(finding: Mapping[str, Any], image: StoredImage) -> Iterator[Step]:
    """A finding about an image: its configuration, or the entries of the layers that are meant."""
    if finding["layer"] is None:
        yield from _of_config(finding, image)
        return
    proof = finding["proof"] or {}
    index, path = int(finding["layer"]["index"]), (proof.get("paths") or [finding["path"]])[0]
    yield from _of_layer(image, index, finding["layer"]["diff_id"], path)
    above = proof.get("hidden_by")
    if isinstance(above, int) and path:
        again = str(proof.get("cause")).startswith("overwritten")
        yield from _of_hiding(image, above, path, again=again)


def _of_config(finding: Mapping[str, Any], image: StoredImage) -> Iterator[Step]:
    if image.config is None:
        return
    shown = image.config.shown()
    yield Step(f"the digest of the configuration is the image's ID, {image.id}", f"{shown} | sha256sum")
    keys = [key for key in finding["proof"] or {} if re.fullmatch("[A-Z][A-Za-z]*", key)]
    for key in keys:
        yield Step(
            f"what the configuration says of {key}; nothing, if it does not name it",
            f"{shown} | {_BY_KEY}" + shlex.quote(f'"{key}"'),
        )
    if not keys:
        yield Step("the whole configuration, with its history", shown)


def _of_layer(image: StoredImage, index: int, diff_id: str, path: str | None) -> Iterator[Step]:
    if not 0 <= index < len(image.layers):
        return
    shown = image.layers[index].shown()
    yield Step(f"the digest of layer {index}, unpacked, is {diff_id}", f"{shown} | sha256sum")
    if path:
        yield Step(
            f"what layer {index} holds at {path}", f"{shown} | {_listed(path)} | grep -F -e {_word(path)}"
        )
        yield Step("the digest of its content", f"{shown} | {_content(path)} | sha256sum")


def _of_hiding(image: StoredImage, index: int, path: str, *, again: bool) -> Iterator[Step]:
    """What hides a path of a layer below: the path itself again, or `.wh.NAME` for it or a folder that it is in."""
    if not 0 <= index < len(image.layers):
        return
    shown = image.layers[index].shown()
    names = path.split("/")
    whiteouts = ["/".join([*names[:depth], f".wh.{name}"]) for depth, name in enumerate(names)]
    patterns = " ".join(f"-e {_word(one)}" for one in (path, *whiteouts, ".wh..wh..opq"))
    yield Step(
        f"what layer {index} puts in its place, or `.wh.…`, which deletes it",
        f"{shown} | {_listed(path)} | grep -F {patterns}",
    )
    if again:
        yield Step(f"the digest of its content in layer {index}", f"{shown} | {_content(path)} | sha256sum")


def _content(path: str) -> str:
    return f"tar{_unquoting(path)} -xOf - -- {_word(path)} {_word('./' + path)} 2>/dev/null"


def _listed(path: str) -> str:
    """List an archive. GNU tar escapes what is more than plain ASCII unless it is told not to; no other tar knows how."""
    plain = path.isascii() and "\\" not in path
    return "tar -tvf -" if plain else "tar --quoting-style=literal -tvf -"


def _unquoting(path: str) -> str:
    """The option for GNU tar to take a backslash in a name for what it is."""
    return " --no-unquote" if "\\" in path else ""


def of_container(name: str, subject: str, image: str) -> Iterator[Step]:
    """A check of a container, by its name as in `ports.published`: the same by hand. Runs the image's own program."""
    port, _, protocol = subject.partition("/")
    published = bool(re.fullmatch(r"\d{1,5}", port)) and protocol == "tcp"
    run = f"docker run --detach --name imglint-why --memory 512m --pids-limit 256 {image_name(image)}"
    if published:
        run = run.replace(" --name", f" --publish 127.0.0.1::{port} --name")
    yield Step("the image starts", run)
    kind = name.partition(".")[0]
    if published:
        yield Step(
            "what answers at the port",
            f'curl -v --max-time 5 "http://$(docker port imglint-why {port}/tcp)/"',
        )
    looks = {
        "health": (
            "what the engine says of its health",
            "docker inspect --format '{{json .State.Health}}' imglint-why",
        ),
        "writes": ("what was written outside of volumes", "docker diff imglint-why"),
        "stop": ("how long it takes to stop", "time docker stop imglint-why"),
        "environment": ("its variables", "docker inspect --format '{{json .Config.Env}}' imglint-why"),
    }
    yield Step(
        *looks.get(kind, ("its processes, and their users", "docker top imglint-why -eo pid,user,args"))
    )
    yield Step(
        "what it said, and how it ended, if it did",
        "docker logs imglint-why; docker inspect --format '{{json .State}}' imglint-why",
    )
    yield Step("it is gone again", "docker rm --force --volumes imglint-why")


def image_name(text: str) -> str:
    """The name of an image for docker, which takes everything else for options.

    Raises:
        HiddenCharactersError: it is no such name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]*", text):
        raise HiddenCharactersError(text)
    return text


def _word(text: str) -> str:
    """A word for the shell.

    Raises:
        HiddenCharactersError: it holds characters that a terminal does not show.
    """
    if not text.isprintable():
        raise HiddenCharactersError(text)
    return shlex.quote(text)


def _file(name: str) -> str:
    """A file's name that is taken for no option, and by tar for no other machine's (`host:file`)."""
    return _word(name if name.startswith("/") or re.fullmatch(r"\w[\w./-]*", name) else f"./{name}")
