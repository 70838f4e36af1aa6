"""Builds the images of the examples on the local engine, on stand-ins where nothing can be pulled.

Run as `python examples/example_images.py hello` or `… seed`, which print the names that were not there before, and as
`… clean NAME …` with those; the tests import it. A stand-in is made only for a name that the engine does not have,
so nobody's image is ever replaced.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HELLO = ("no-expose", "expose", "healthcheck")
BUSYBOX = "busybox:1.36"
UBUNTU = "ubuntu:14.04"
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


class NoStandIn(Exception):  # noqa: N818  (a state, not a fault)
    """A base image can neither be found nor be made here; the text says what is missing."""


def has_image(api: Any, name: str) -> bool:
    """Whether the engine has an image of this name."""
    import docker.errors

    try:
        api.inspect_image(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def static_busybox() -> str:
    """The path of a busybox on this machine that needs no libraries.

    Raises:
        NoStandIn: there is none.
    """
    path = shutil.which("busybox")
    if path:
        with open(path, "rb") as stream:
            head = stream.read(4096)
        # A dynamic program names its loader within its first page.
        if head[:4] == b"\x7fELF" and b"ld-linux" not in head and b"ld-musl" not in head:
            return path
    raise NoStandIn(f"{BUSYBOX} is not there and no static busybox to make it of: install busybox-static")


def busybox_root(extra: dict[str, bytes] | None = None) -> bytes:
    """A tar of a root file system with busybox and its commands."""
    busybox = static_busybox()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "root"):
            tar.addfile(_entry(name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755))
        _file(tar, "bin/busybox", Path(busybox).read_bytes(), 0o755)
        for applet in applets:
            if applet != "busybox":
                link = _entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
                link.linkname = "busybox"
                tar.addfile(link)
        _file(tar, "etc/passwd", _PASSWD.encode(), 0o644)
        for name, data in (extra or {}).items():
            _file(tar, name, data, 0o755)
    return out.getvalue()


def make_busybox(api: Any) -> bool:
    """See to an image `busybox:1.36`; True when a stand-in was made."""
    if has_image(api, BUSYBOX):
        return False
    _import(api, busybox_root(), BUSYBOX, 'CMD ["sh"]')
    return True


def build(api: Any, directory: Path, tag: str, **options: Any) -> str:
    """Build a Dockerfile with the classic builder; the ID of the image.

    Raises:
        RuntimeError: the build failed; the text is its last output.
    """
    log: list[str] = []
    for event in api.build(path=str(directory), tag=tag, rm=True, forcerm=True, decode=True, **options):
        log.append(str(event.get("stream") or event.get("error") or ""))
        if "error" in event:
            raise RuntimeError(f"{tag} can't be built: " + " ".join("".join(log[-20:]).split()))
    return str(api.inspect_image(tag)["Id"])


def build_hello(api: Any) -> list[str]:
    """The three servers on busybox, as `imglint-hello:no-expose` and so on."""
    make_busybox(api)
    tags = [f"imglint-hello:{name}" for name in HELLO]
    for name, tag in zip(HELLO, tags, strict=True):
        build(api, HERE / "hello" / name, tag)
    return tags


def build_seed(api: Any) -> str:
    """The seed's Dockerfile, as `imglint-seed:latest`, on a debootstrap root if need be."""
    make_ubuntu(api)
    build(api, HERE / "seed", "imglint-seed:latest", network_mode="host")
    return "imglint-seed:latest"


def make_ubuntu(api: Any) -> bool:
    """See to an image `ubuntu:14.04`; True when a Debian of this machine's release stands in for it."""
    if has_image(api, UBUNTU):
        return False
    if not shutil.which("debootstrap") or os.getuid() != 0:
        raise NoStandIn(f"{UBUNTU} is not there, and a stand-in takes root and debootstrap")
    with tempfile.TemporaryDirectory(prefix="imglint-seed-") as directory:
        root = Path(directory) / "root"
        command = ["debootstrap", "--variant=minbase", _release(), str(root), *_mirror()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _copy_apt_configuration(root)
        with _tar_of(root) as stream:
            _import(api, stream, UBUNTU, 'CMD ["/bin/bash"]')
    return True


def _import(api: Any, root: Any, name: str, change: str) -> None:
    """A root file system as an image of this name."""
    answer = str(api.import_image_from_data(root, changes=[change]))
    identity = re.findall(r"[0-9a-f]{64}", answer)[-1]
    repository, tag = name.split(":")
    # The name in full, which Podman looks for where Docker takes the short one.
    api.tag(identity, f"docker.io/library/{repository}", tag)


def _release() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    return "stable"


def _mirror() -> list[str]:
    """The mirror that this machine's own apt uses; debootstrap's default when none is named."""
    listed = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in listed:
        for line in path.read_text().splitlines() if path.is_file() else ():
            words = [word for word in line.split() if not word.startswith(("#", "["))]
            if words[:1] in (["deb"], ["URIs:"]) and len(words) > 1:
                return [next(word for word in words[1:] if "://" in word)]
    return []


def _copy_apt_configuration(root: Path) -> None:
    for name in ("sources.list", "sources.list.d", "apt.conf.d", "trusted.gpg.d", "preferences.d"):
        source, target = Path("/etc/apt") / name, root / "etc/apt" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copy2(source, target)


@contextlib.contextmanager
def _tar_of(root: Path) -> Iterator[Any]:
    with tempfile.TemporaryFile() as stream:
        with tarfile.open(fileobj=stream, mode="w") as tar:
            tar.add(root, arcname=".", recursive=True)
        stream.seek(0)
        yield stream


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    return info


def _file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = _entry(name, tarfile.REGTYPE, mode)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def main(what: str, *names: str) -> int:
    """Build what is named and print the names that were not there before, or remove those again ("clean")."""
    from imglint.runner import EngineError, connect

    try:
        with connect() as engine:
            if what == "clean":
                remove(engine.api, names)
            else:
                before = _names(engine.api)
                build_hello(engine.api) if what == "hello" else build_seed(engine.api)
                print("\n".join(sorted(_names(engine.api) & _OURS - before)))
    except (EngineError, NoStandIn, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


_OURS = {BUSYBOX, UBUNTU, "imglint-seed:latest", *(f"imglint-hello:{name}" for name in HELLO)}


def _names(api: Any) -> set[str]:
    """The names of the engine's images, as Docker writes them."""
    tags = {tag for image in api.images() for tag in image.get("RepoTags") or ()}
    return {re.sub(r"^(?:localhost|docker\.io(?:/library)?)/", "", tag) for tag in tags}


def remove(api: Any, names: Iterable[str]) -> None:
    """Take these names away, and the images with them that have no other one; nothing is forced."""
    import docker.errors

    for name in sorted(_OURS & set(names), reverse=True):  # what stands on a base before the base
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_image(name)


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["hello"])))
