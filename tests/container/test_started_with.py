"""Images started with what docker run takes: it reaches each container, and a value of a variable reaches no report."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command import imglint
from container_images import Images, check, verified_together

from imglint.runner import Engine, EngineError, Observation, verify
from imglint.runner.observation import Verdict
from imglint.runner.session import Conditions, Container, Session
from imglint.runner.start import Mount, Start
from imglint.runner.watch import Patience

pytestmark = pytest.mark.container

PASSWD = "root:x:0:0::/:/bin/sh\nshop:x:1000:1000::/:/bin/sh\n"
SHOP = """#!/bin/sh
: "${SHOP_KEY:?}"
echo "key $SHOP_KEY, id $(id -u), conf $(cat /etc/shop/conf), $(grep stock /etc/hosts), words $*"
touch /etc/shop/new && echo conf written
touch /scratch/new && echo scratch written
trap "exit 0" TERM
httpd -f -p 8000 -h /etc/shop &
wait
"""
LINES = """EXPOSE 8000
COPY passwd /etc/passwd
COPY shop.sh /shop.sh
HEALTHCHECK --interval=1s CMD test -n "$SHOP_KEY" && echo "$SHOP_KEY"
ENTRYPOINT ["/shop.sh"]
CMD ["own"]"""
VALUE = 'sword"fish & <Säge>'


@pytest.fixture(scope="module")
def shop(anywhere: Engine, images: Images) -> str:
    """A program that can't do without variables, files, a host and a place to write."""
    return images.on(anywhere, LINES, {"passwd": PASSWD, "shop.sh": SHOP})


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A directory to mount."""
    directory = tmp_path / "conf"
    directory.mkdir()
    (directory / "conf").write_text("from the host")
    directory.chmod(0o777)
    return directory


def test_options_reach_every_container(
    anywhere: Engine, shop: str, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    create = Session.create

    def recorded(session: Session, **options: Any) -> Container:
        container = create(session, **options)
        made.append({**container.inspect(), "options": options})
        return container

    monkeypatch.setattr(Session, "create", recorded)
    start = Start(
        {"SHOP_KEY": VALUE}, (Mount("bind", str(conf), "/etc/shop", unsaid=True),), {"/scratch": "size=1m"}, "shop",
        None, ("given", "two words"), ("stock:10.11.12.13",),
    )  # fmt: skip
    seen = verify(anywhere, shop, conditions=Conditions(start=start))
    # Harder conditions are made by the same call; they can't take the place of what was given.
    with Session(anywhere, shop, conditions=Conditions(start=start)) as session:
        session.create(read_only=True, tmpfs={"/scratch": "", "/run": ""}, cap_drop=["ALL"])
        session.create(user="65532:65532", pids_limit=64)
    assert seen.alive, seen.log
    words = "id 1000, conf from the host, 10.11.12.13"
    assert words in seen.log
    assert "stock, words given two words" in seen.log
    assert "scratch written" in seen.log
    assert "conf written" not in seen.log
    assert not (conf / "new").exists()
    for name in ("health.by-hand", "health.engine", "ports.published", "ports.publish-all"):
        assert check(seen, name).verdict in (Verdict.PROVED, Verdict.CANNOT_TELL), check(seen, name)
    # as it is, -p, -P, its health check twice, and two that were made here
    assert len(made) >= 7, [one["options"] for one in made]
    for one in made:
        assert f"SHOP_KEY={VALUE}" in one["Config"]["Env"]
        (mount,) = [mount for mount in one["Mounts"] if mount["Destination"] == "/etc/shop"]
        assert (mount["Source"], mount["RW"]) == (str(conf), False)
        assert "/scratch" in (one["HostConfig"].get("Tmpfs") or {}) or "/scratch" in str(one["Mounts"])
        assert "stock:10.11.12.13" in one["HostConfig"]["ExtraHosts"]
        assert one["Config"]["User"] == one["options"].get("user", "shop")
        if "entrypoint" not in one["options"]:
            assert one["Config"]["Cmd"] == ["given", "two words"]
    assert any("not the image's own CMD" in note for note in seen.notes)
    assert any("not as the image's own user" in note for note in seen.notes)
    assert any("read-only, since no mode was named" in note for note in seen.notes)
    assert "SHOP_KEY" not in seen.environment
    assert seen.receipt is not None
    assert not seen.receipt.left


def test_another_program_with_a_way_out(
    anywhere: Engine, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = []
    remove = Container.remove

    def looked_at(container: Container) -> None:
        networks.append(anywhere.api.inspect_network(container.inspect()["HostConfig"]["NetworkMode"]))
        remove(container)

    monkeypatch.setattr(Container, "remove", looked_at)
    tool = images.on(anywhere, 'CMD ["/bin/busybox", "true"]')
    start = Start(entrypoint=("/bin/busybox",), command=("sleep", "60"), egress=True)
    seen = verify(anywhere, tool, phases=(), patience=Patience(wait=1), conditions=Conditions(start=start))
    assert check(seen, "command.pid1").proof["argv"] == ["/bin/busybox", "sleep", "60"]
    assert "you named in place of the image" in check(seen, "command.pid1").summary
    assert not networks[0]["Internal"]
    assert check(seen, "engine.isolation", "--allow-egress").verdict is Verdict.DISPROVED


@contextlib.contextmanager
def _taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


WRONG: dict[str, tuple[Start, str]] = {
    "path": (Start(mounts=(Mount("bind", "/none/at/all", "/x"),)), "/none/at/all is not there"),
    "volume": (
        Start(mounts=(Mount("volume", "imglint-test-none", "/x"),)),
        "the engine has no volume imglint-test-none",
    ),
    "user": (Start(user="nobody-here"), "the image has no user nobody-here"),
    "group": (Start(user="1000:wheel"), "the image has no group wheel"),
    "socket": (Start(mounts=(Mount("bind", "/", "/host"),)), "is the socket of an engine"),
}


@pytest.mark.parametrize("case", [*WRONG, "port"])
def test_one_clear_error_before_anything_is_started(
    anywhere: Engine, shop: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Container) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr(Container, "start", never)
    start, told = WRONG.get(case, (Start(), "is busy on the engine's host"))
    with _taken() as port, pytest.raises(EngineError) as caught:
        publish = [f"{port}:80"] if case == "port" else []
        verify(anywhere, shop, publish=publish, conditions=Conditions(start=start))
    assert told in caught.value.problem
    assert not anywhere.api.volumes(filters={"name": "imglint-test-none"})["Volumes"]


ENDINGS: dict[str, tuple[str, str, str]] = {  # name → script, words of the summary, words of the option
    "variable": (
        'set -u; echo "$SHOP_BROKER"',
        "the variable SHOP_BROKER is not set",
        "-e SHOP_BROKER=VALUE",
    ),
    "file": ("cat /etc/shop.ini || exit 4", "/etc/shop.ini is not there", "-v PATH:/etc/shop.ini"),
    "denied": ("cd /; echo x > /locked/x || exit 4", "/locked/x is denied to it", "--tmpfs /locked"),
    "program": ("shopd --serve", "the program shopd can't be run", ""),
    "host": ("wget -qO- http://stock-db:80/ || exit 4", "the host stock-db is not found", "Use --with"),
    "signal": ("sh -c 'kill -SEGV $$'; exit $?", "139: by custom, it was ended by SIGSEGV", ""),
    "own": ("echo it does not add up; exit 9", "it does not add up", ""),
}


@pytest.fixture(scope="module")
def ended(anywhere: Engine, images: Images) -> Mapping[str, Observation]:
    """What was seen of each of ENDINGS: one image, of which the command is the name."""
    cases = "".join(f"{name}) {script} ;;\n" for name, (script, _, _) in ENDINGS.items())
    files: dict[str, str | bytes] = {"passwd": PASSWD, "run.sh": f"#!/bin/sh\ncase $1 in\n{cases}esac\n"}
    lines = "COPY passwd /etc/passwd\nRUN mkdir -m 700 /locked\nCOPY run.sh /run.sh\nUSER shop\n"
    image = images.on(anywhere, f'{lines}ENTRYPOINT ["/run.sh"]', files)
    runs = {}
    for name in ENDINGS:
        conditions = Conditions(start=Start(command=(name,)))
        runs[name] = (image, {"phases": (), "conditions": conditions})
    return verified_together(anywhere, runs)


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
@pytest.mark.parametrize("name", ENDINGS)
def test_why_it_ended(ended: Mapping[str, Observation], name: str) -> None:
    _, told, use = ENDINGS[name]
    found = check(ended[name], "container.stays")
    assert told in found.summary, found
    assert use in found.summary
    assert ended[name].exit_code not in (0, None)


@pytest.mark.parametrize("anywhere", ["docker28"], indirect=True)
def test_no_report_tells_a_value(anywhere: Engine, shop: str, conf: Path, tmp_path: Path) -> None:
    """Of a run that goes well, is planned, fails, and is repeated with nothing but the file that it wrote."""
    forms = ("full", "json", "markdown", "sarif", "github", "gitlab", "junit", "checkstyle")
    written = [word for form in forms for word in ("-f", form, "-o", f"out.{form}")]
    options = ["--engine", anywhere.url, "-e", "SHOP_KEY", "--env-file", "shop.env", "-v", "./conf:/etc/shop"]
    never = ("--fail-on", "none", "--fail-level", "none")
    (tmp_path / "shop.env").write_text("SHOP_OTHER=other-sword\n")

    def run(*arguments: str, code: int, command: tuple[str, ...] = ("verify", shop)) -> None:
        done = imglint(*command, *arguments, *written, cwd=tmp_path, SHOP_KEY=VALUE)
        told = (done.stdout + done.stderr).decode() + "".join(
            path.read_text() for path in tmp_path.iterdir() if path.name.startswith("out.")
        )
        assert done.returncode == code, told
        for part in ("sword", "Säge", "S\\u00e4ge"):
            assert part not in told

    run(*options, "--tmpfs", "/scratch", "--write-expect", "out.expect", *never, code=0)
    kept = (tmp_path / "out.expect").read_text()
    assert "- SHOP_KEY\n" in kept
    assert "- ./shop.env\n" in kept
    run("--engine", anywhere.url, "--expect", "out.expect", *never, code=0)
    log = json.loads((tmp_path / "out.json").read_text())
    stays = next(one for one in log["checks"] if one["check"] == "container.stays")
    assert "key ****, id 0" in stays["proof"]["log"]
    run(*options, "--entrypoint", "/bin/sh", "--", "-c", 'env; echo "$SHOP_KEY" >&2; exit 3', code=1)
    # Another user than the image's own proves nothing of the image, which runs as root.
    audit = ("audit", "--image", shop, "--run")
    run(*options, "--tmpfs", "/scratch", "--user", "shop", *never, code=0, command=audit)
    cells = {
        one["evidence"]: one
        for one in json.loads((tmp_path / "out.json").read_text())["matrix"]
        if one["antipattern"] == 9
    }
    assert cells["image"]["verdict"] == "fail", cells
    assert cells["container"]["verdict"] == "unknown"
    assert "was not started as the image says: --user" in cells["container"]["reason"]
    written[:] = ["-f", "json", "-o", "out.json"]
    run(*options, "--dry-run", code=0)
    run("--engine", anywhere.url, "-e", f"SHOP_KEY={VALUE}", "-v", "/none/at/all:/x", code=2)
