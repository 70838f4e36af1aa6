"""ENTRYPOINT × CMD: what the documentation's table says, what the analyzer computes, and what PID 1 really is.

The engine passes `/bin/sh -c` on as it is written; what becomes of it depends on the image's shell:
busybox's and bash give a simple command their place, dash stays in front of it.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from container_images import Images, program_with_libraries

from imglint.analyzer.dockerfile import Dockerfile
from imglint.runner import Engine, EngineError
from imglint.runner.session import Session
from imglint.runner.view import viewed

pytestmark = pytest.mark.container

IDLE = "#!/bin/busybox sh\nwhile :; do sleep 1; done\n"
ENTRYPOINTS = {
    "none": "",
    "shell": "ENTRYPOINT exec_entry p1_entry",
    "exec": 'ENTRYPOINT ["exec_entry", "p1_entry"]',
}
CMDS = {
    "none": "CMD []",
    "exec": 'CMD ["exec_cmd", "p1_cmd"]',
    "arguments": 'CMD ["--flag", "x"]',
    "shell": "CMD exec_cmd p1_cmd",
}
ENTRY, CMD = ["exec_entry", "p1_entry"], ["exec_cmd", "p1_cmd"]
SH = ["/bin/sh", "-c"]
# What the engine is told to start; None: it has nothing to start, or what it has is no program.
DECLARED: dict[tuple[str, str], list[str] | None] = {
    ("none", "none"): None, ("none", "exec"): CMD, ("none", "arguments"): None, ("none", "shell"): [*SH, "exec_cmd p1_cmd"],
    ("shell", "none"): [*SH, "exec_entry p1_entry"],
    ("shell", "exec"): [*SH, "exec_entry p1_entry", *CMD],
    ("shell", "arguments"): [*SH, "exec_entry p1_entry", "--flag", "x"],
    ("shell", "shell"): [*SH, "exec_entry p1_entry", *SH, "exec_cmd p1_cmd"],
    ("exec", "none"): ENTRY, ("exec", "exec"): [*ENTRY, *CMD], ("exec", "arguments"): [*ENTRY, "--flag", "x"],
    ("exec", "shell"): [*ENTRY, *SH, "exec_cmd p1_cmd"],
}  # fmt: skip
SHELLS = ("ash", "bash", "dash")


def lines_of(shell: str, entrypoint: str, cmd: str) -> tuple[str, dict[str, str | bytes]]:
    """A Dockerfile's lines, and what they copy: the two programs, and another shell in /bin/sh's place."""
    files: dict[str, str | bytes] = {"exec_entry": IDLE, "exec_cmd": IDLE}
    lines = ["COPY exec_entry exec_cmd /bin/"]
    if shell != "ash":
        contents = program_with_libraries(f"/bin/{shell}")
        files |= {f"root/{path}": data for path, data in contents.items()}
        lines += [
            'RUN ["/bin/busybox", "rm", "/bin/sh"]',
            "COPY root /",
            f'RUN ["/bin/busybox", "mv", "/bin/{shell}", "/bin/sh"]',
        ]
    return "\n".join([*lines, ENTRYPOINTS[entrypoint], CMDS[cmd]]), files


def pid_1(engine: Engine, image: str) -> list[str] | None:
    """The argv of PID 1, by names alone; None where nothing can be started."""
    with Session(engine, image) as session:
        try:
            container = session.create()
            container.start()
        except EngineError:
            return None
        with viewed(session, container) as view:
            began = time.monotonic()
            before: list[str] = []
            deadline = began + 30
            while time.monotonic() < deadline:
                state = container.inspect()["State"]
                if not state["Running"]:
                    return None
                seen = view.snapshot(int(state["Pid"]))
                main = next((one for one in seen.processes if one.pid == 1), None)
                argv = list(main.argv) if main else []
                # A script's argv begins with who reads it.
                if argv[:2] == ["/bin/busybox", "sh"]:
                    argv = [argv[2].rpartition("/")[2], *argv[3:]]
                is_there = argv and "runc" not in seen.executable and argv[:1] != ["runc"]
                # A shell may be about to give its place away, which a busy machine takes its time for.
                if is_there and argv == before and (argv[0] != "/bin/sh" or time.monotonic() > began + 6):
                    return argv
                before = argv  # while a program takes its place, the kernel may show a part of them
                time.sleep(0.05)
    return None


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
@pytest.mark.parametrize("cmd", CMDS)
def test_what_the_analyzer_computes(entrypoint: str, cmd: str) -> None:
    lines, _ = lines_of("ash", entrypoint, cmd)
    stage = Dockerfile.from_string(f"FROM scratch\n{lines}\n").stages[0]
    declared = DECLARED[entrypoint, cmd]
    if (entrypoint, cmd) == ("none", "arguments"):
        declared = ["--flag", "x"]
    assert list(stage.argv or ()) == (declared or [])


@pytest.fixture(scope="module")
def tags(anywhere: Engine, images: Images) -> Mapping[tuple[str, str, str], str]:
    """Shell, ENTRYPOINT and CMD → an image on the engine."""
    return {
        case: images.on(anywhere, *lines_of(*case)) for case in itertools.product(SHELLS, ENTRYPOINTS, CMDS)
    }


@pytest.fixture(scope="module")
def mains(anywhere: Engine, tags: Mapping[tuple[str, str, str], str]) -> Mapping[str, list[str] | None]:
    """Image → the argv of its PID 1. They ran three at a time."""
    with ThreadPoolExecutor(3) as pool:
        return dict(
            zip(tags.values(), pool.map(functools.partial(pid_1, anywhere), tags.values()), strict=True)
        )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("cmd", CMDS)
@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_what_pid_1_is(
    anywhere: Engine,
    tags: Mapping[tuple[str, str, str], str],
    mains: Mapping[str, list[str] | None],
    shell: str,
    entrypoint: str,
    cmd: str,
) -> None:
    image = tags[shell, entrypoint, cmd]
    config = anywhere.inspect_image(image)["Config"]
    declared = DECLARED[entrypoint, cmd]
    if declared is not None:
        assert [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())] == declared
    expected = declared
    if declared is not None and declared[:2] == SH and shell != "dash":
        expected = declared[2].split()  # the shell gives its place away, and what follows was its $0 and $1
    assert mains[image] == expected
