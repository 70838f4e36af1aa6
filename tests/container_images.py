"""Images for the container tests: built once on Docker, and handed to Podman where it is asked for them."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import example_images
from together import alone

from imglint.runner import Check, Engine, Observation, connect, verify

# The lines of a server of UDP, with perl and its libraries as the files: busybox has none.
UDP_SERVER = """COPY / /
EXPOSE 5353/udp
CMD ["/usr/bin/perl", "-e", "socket(S,2,2,17); bind(S,pack('SnNx8',2,5353,0)); \
while(1){ $from=recv(S,$b,99,0); send(S,'hello',0,$from) }"]"""
SERVER = "#!/bin/sh\nwhile true; do echo hello | nc -l -p 8888; done\n"


class Images:
    """Builds images on busybox from the lines behind FROM; gives their tags on an engine."""

    def __init__(self, docker: Engine, directory: Path) -> None:
        self._docker = docker
        self._directory = directory
        self._mark = secrets.token_hex(4)  # another run of the tests on this engine has tags of its own
        self._built: set[str] = set()
        with alone():
            example_images.make_busybox(docker.api)

    def on(
        self, engine: Engine, lines: str, files: Mapping[str, str | bytes] | None = None, base: str = ""
    ) -> str:
        """The tag of an image on an engine. `files` lie beside the Dockerfile, and may be executed."""
        text = f"FROM {base or example_images.BUSYBOX}\n{lines}\n"
        contents = {"server.sh": SERVER, **(files or {})}
        name = hashlib.sha256(repr((text, sorted(contents.items()))).encode()).hexdigest()[:16]
        tag = f"imglint-test:{self._mark}-{name}"
        if tag not in self._built:
            place = self._directory / name
            place.mkdir()
            (place / "Dockerfile").write_text(text)
            for path, content in contents.items():
                file = place / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.encode() if isinstance(content, str) else content)
                file.chmod(0o755)
            # What the cache has may be another worker's, who takes it away in the middle of the build.
            example_images.build(self._docker.api, place, tag, nocache=True)
            self._built.add(tag)
        self.hand_over(engine, tag)
        return tag

    def hand_over(self, engine: Engine, *tags: str) -> None:
        """See to it that an engine has images of Docker's, in one archive, so that what they share goes once."""
        if engine is self._docker:
            return
        missing = [tag for tag in tags if not example_images.has_image(engine.api, tag)]
        if not missing:
            return
        for _ in engine.api.load_image(self._archive(missing)):
            pass
        for tag in missing:
            if not example_images.has_image(engine.api, tag):
                # Podman 5 takes a short name for its own when it loads, and for Docker Hub's when it is asked.
                repository, _, version = tag.rpartition(":")
                engine.api.tag(f"localhost/{tag}", f"docker.io/library/{repository}", version)
                engine.api.remove_image(f"localhost/{tag}", noprune=True)

    def _archive(self, tags: Sequence[str]) -> bytes:
        """What `docker save` gives of several images."""
        api = self._docker.api
        address = f"{api.base_url}/images/get"
        with api.get(address, params={"names": tags}, stream=True, timeout=600) as answer:
            answer.raise_for_status()
            return b"".join(answer.iter_content(1 << 20))

    def close(self) -> None:
        """Remove what was built."""
        for tag in self._built:
            self._docker.api.remove_image(tag, force=True)


def verified_together(
    engine: Engine, runs: Mapping[str, tuple[str, Mapping[str, Any]]], at_once: int = 4
) -> dict[str, Observation]:
    """What `verify` saw of each run, a tag with options. Several run at a time, since most of it is waiting."""

    def run(name: str) -> Observation:
        tag, options = runs[name]
        with connect(engine.url) as client:
            return verify(client, tag, **options)

    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(runs, pool.map(run, runs), strict=True))


def program_with_libraries(path: str) -> dict[str, bytes]:
    """A program of this machine and the libraries that it is linked to, by their paths without a slash."""
    out = {path.lstrip("/"): Path(path).read_bytes()}
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            out[word.lstrip("/")] = Path(word).read_bytes()
    return out


def check(seen: Observation, name: str, subject: str | None = None) -> Check:
    """The one check of a name."""
    found = [one for one in seen.checks if one.name == name and subject in (None, one.subject)]
    assert len(found) == 1, [(one.name, one.subject) for one in seen.checks]
    return found[0]
