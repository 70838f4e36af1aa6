"""docs/engines.md: how each engine behaves, as it was seen. `pytest --update` writes what is seen now.

A column is of one version. Where an engine here is of another one, what it does otherwise is told, and fails nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from container_images import Images
from engines import tell
from image_archives import Saved, docker_layout

from imglint.runner import Engine, EngineError
from imglint.runner.execution import run
from imglint.runner.ports import Port
from imglint.runner.session import Container, Session

pytestmark = pytest.mark.container

PAGE = Path(__file__).parents[2] / "docs/engines.md"
COLUMNS = ("docker", "docker28", "podman", "podman5")
WAITS = 'CMD ["sleep", "120"]'
SERVES = 'CMD ["nc", "-ll", "-p", "8888", "-e", "echo", "hello"]'
SECOND = 1_000_000_000  # in the engine's nanoseconds


class Here(NamedTuple):
    """An engine, and what is started on it."""

    engine: Engine
    session: Session
    images: Images

    @contextlib.contextmanager
    def running(self, lines: str, **options: Any) -> Iterator[Container]:
        container = self.session.create(image=self.images.on(self.engine, lines), **options)
        try:
            container.start()
            yield container
        finally:
            container.remove()


Habit = Callable[[Here], str]
HABITS: dict[str, Habit] = {}


def habit(question: str) -> Callable[[Habit], Habit]:
    """One row of the page."""

    def add(function: Habit) -> Habit:
        HABITS[question] = function
        return function

    return add


def until(true: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)
    return found


def published(container: Container, port: str) -> int:
    return int(container.inspect()["NetworkSettings"]["Ports"][port][0]["HostPort"])


def dial(port: int) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), 3) as connection:
            return "an answer" if connection.recv(10) else "an end at once"
    except ConnectionResetError:
        return "an end at once"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"


@habit("what `-p` of a port behind which nothing listens gives a client")
def _dead_port(here: Here) -> str:
    with here.running(WAITS, ports=[Port(9, "tcp")], bindings={"9/tcp": ("127.0.0.1", None)}) as container:
        return dial(published(container, "9/tcp"))


@habit("what `-p` of a served port without EXPOSE gives a client")
def _served_port(here: Here) -> str:
    ports = {"ports": [Port(8888, "tcp")], "bindings": {"8888/tcp": ("127.0.0.1", None)}}
    with here.running(SERVES, **ports) as container:
        port = published(container, "8888/tcp")
        until(lambda: dial(port) == "an answer")
        return "an answer"


@habit("what `-P` publishes of a served port without EXPOSE")
def _publish_all(here: Here) -> str:
    with here.running(SERVES, publish_all=True) as container:
        return (
            "nothing" if not any((container.inspect()["NetworkSettings"]["Ports"] or {}).values()) else "it"
        )


@habit("`-p` of a host's port that is in use")
def _busy_port(here: Here) -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bindings = {"9/tcp": ("127.0.0.1", taken.getsockname()[1])}
        try:
            with here.running(WAITS, ports=[Port(9, "tcp")], bindings=bindings):
                return "is started, and serves nobody"
        except EngineError:
            return "is refused at the start"


@habit("who runs the HEALTHCHECK")
def _health(here: Here) -> str:
    check = {"test": ["CMD", "true"], "interval": SECOND, "timeout": 5 * SECOND}
    with here.running(WAITS, healthcheck=check) as container:
        try:
            until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", 10)
        except AssertionError:
            return "nobody here, without systemd"
        return "the engine"


@habit("the HEALTHCHECK of an image in OCI format")
def _oci_health(here: Here) -> str:
    config = {"Cmd": ["/x"], "Healthcheck": {"Test": ["CMD", "/probe"]}}
    saved = Saved.of({"x": "x"}, config=config, tags=("imglint-test:page",))
    told = "".join(json.dumps(one) for one in here.engine.load(iter([docker_layout(saved)])))
    named = re.findall(r"(?:localhost/|docker\.io/library/)?imglint-test:page", told)[-1]
    found = here.engine.inspect_image(named)
    here.engine.api.remove_image(named)
    return "is kept" if (found["Config"] or {}).get("Healthcheck") else "is dropped"


@habit("whether it tells that memory ran out")
def _memory(here: Here) -> str:
    def told() -> bool:
        options = {"mem_limit": "16m", "memswap_limit": "16m"}
        with here.running('CMD ["sh", "-c", "exec tail -c 60m /dev/zero"]', **options) as container:
            until(lambda: container.inspect()["State"]["Status"] == "exited")
            return bool(container.inspect()["State"]["OOMKilled"])

    # Where it does, the word of the kernel may come too late.
    return "yes, as a rule" if any(told() for _ in range(6)) else "no"


@habit("the ID of an image is the digest of")
def _identity(here: Here) -> str:
    tag = here.images.on(here.engine, WAITS)
    with tarfile.open(fileobj=io.BytesIO(b"".join(here.engine.api.get_image(tag)))) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO(b"[]"))
    config = re.findall("[0-9a-f]{64}", manifest[0]["Config"])[-1]
    identity = str(here.engine.inspect_image(tag)["Id"]).removeprefix("sha256:")
    return "its configuration" if identity == config else "its manifest"


@habit("the form of `save`")
def _saved(here: Here) -> str:
    tag = here.images.on(here.engine, WAITS)
    with tarfile.open(fileobj=io.BytesIO(b"".join(here.engine.api.get_image(tag)))) as tar:
        return "Docker's and OCI" if "index.json" in tar.getnames() else "Docker's"


@habit("capabilities by default")
def _capabilities(here: Here) -> str:
    with here.running(WAITS) as container:
        said = run(here.engine, container.id, ["grep", "CapEff", "/proc/1/status"], 10).output
        return f"{int(said.split()[1], 16).bit_count()}"


def _serves(here: Here, container: Container) -> bool:
    listens = ["grep", "-q", ":0050 .* 0A ", "/proc/net/tcp", "/proc/net/tcp6"]
    try:
        return run(here.engine, container.id, listens, 10).exit_code == 0
    except EngineError:
        return False  # it has ended just now


@habit("a low port for USER 1000 without capabilities")
def _low_port(here: Here) -> str:
    lines = 'EXPOSE 80\nCMD ["httpd", "-f", "-p", "80"]'
    with here.running(lines, user="1000", cap_drop=["ALL"]) as container:
        until(lambda: not container.inspect()["State"]["Running"] or _serves(here, container))
        return "can be served" if container.inspect()["State"]["Running"] else "is denied"


@habit("a USER that is not in /etc/passwd, by name")
def _unknown_user(here: Here) -> str:
    try:
        with here.running(f"USER nobodyx\n{WAITS}"):
            return "is started"
    except EngineError:
        return "is refused at the start"


def seen(engine: Engine, images: Images) -> dict[str, str]:
    with Session(engine, images.on(engine, WAITS)) as session:
        here = Here(engine, session, images)
        return {question: look(here) for question, look in HABITS.items()}


def short(version: str) -> str:
    """The part of a version that habits change with."""
    return ".".join(re.findall(r"\d+", version)[:2])


def table(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """The versions of the page's columns, and its rows by their question."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    versions = [short(cell) for cell in cells[0][1:]]
    return versions, {row[0]: row[1:] for row in cells[1:]}


def test_the_page(request: pytest.FixtureRequest, everywhere: Engine, images: Images) -> None:
    kind = request.node.callspec.params["anywhere"]
    column = COLUMNS.index(kind)
    versions, rows = table(PAGE.read_text())
    found = seen(everywhere, images)
    if request.config.getoption("--update"):
        versions[column] = short(everywhere.version)
        for question, answer in found.items():
            rows.setdefault(question, ["?"] * len(COLUMNS))[column] = answer
        PAGE.write_text(written(PAGE.read_text(), versions, {one: rows[one] for one in HABITS}))
        return
    assert list(rows) == list(HABITS)
    different = {one: answer for one, answer in found.items() if rows[one][column] != answer}
    if short(everywhere.version) == versions[column]:
        assert different == {}
    else:
        line = f"docs/engines.md knows {kind} {versions[column]}, here is {everywhere}: it does otherwise {different}"
        tell(request.config, line)


def written(text: str, versions: list[str], rows: dict[str, list[str]]) -> str:
    """The page with its table anew."""
    heads = [
        f"{name} {version}"
        for name, version in zip(("Docker", "Docker", "Podman", "Podman"), versions, strict=True)
    ]
    lines = [["", *heads], ["---"] * (len(heads) + 1), *([one, *cells] for one, cells in rows.items())]
    new = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    before, _, behind = text.partition("<!-- seen -->\n")
    return f"{before}<!-- seen -->\n{new}\n{behind.partition(chr(10) * 2)[2]}"
