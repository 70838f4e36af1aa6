"""Hostile images, and runs that are cut off: nothing of ours is left, nothing of the user's has changed."""

from __future__ import annotations

import time

import pytest
from container_images import Images, check
from engine_state import leftovers

from imglint.runner import Engine, EngineError, Observation, Verdict, verify
from imglint.runner.watch import PATIENCE, Patience

pytestmark = pytest.mark.container

SERVE = 'COPY server.sh /\nEXPOSE 8888\nVOLUME /data\nCMD ["sh", "/server.sh"]'


def first_run(engine: Engine, image: str, patience: Patience = PATIENCE) -> Observation:
    return verify(engine, image, phases=(), stop_seconds=2, patience=patience)


def test_a_fork_bomb(anywhere: Engine, images: Images) -> None:
    seen = first_run(anywhere, images.on(anywhere, 'CMD ["sh", "-c", "f() { f | f & }; f; sleep 60"]'))
    assert seen.started
    assert len(seen.processes) <= 1024  # it is run a second time, with more
    assert leftovers(anywhere) == []


def test_a_flood_of_output(anywhere: Engine, images: Images) -> None:
    start = time.monotonic()
    seen = first_run(
        anywhere, images.on(anywhere, 'CMD ["sh", "-c", "exec yes 0123456789012345678901234567890123456789"]')
    )
    assert seen.started
    assert len(seen.log) < 100_000
    assert time.monotonic() - start < 60
    assert leftovers(anywhere) == []


def test_one_that_ends_at_once(anywhere: Engine, images: Images) -> None:
    for code in (0, 3):
        seen = verify(anywhere, images.on(anywhere, f'EXPOSE 80\nCMD ["sh", "-c", "exit {code}"]'))
        assert (seen.alive, seen.exit_code) == (False, code)
        assert check(seen, "ports.exposed").verdict is Verdict.DISPROVED
        assert check(seen, "ports.published", "80/tcp").verdict is Verdict.DISPROVED


def test_one_that_would_be_started_again(anywhere: Engine, images: Images) -> None:
    """No policy of the engine's brings it back: its first end is what counts."""
    lines = 'VOLUME /kept\nCMD ["sh", "-c", "echo once >> /kept/starts; sleep 0.3; exit 3"]'
    seen = first_run(anywhere, images.on(anywhere, lines), Patience(observe=60))
    assert (seen.started, seen.alive, seen.exit_code) == (True, False, 3)
    stays = check(seen, "container.stays")
    assert (stays.verdict, stays.proof["exit_code"]) == (Verdict.DISPROVED, 3)
    assert leftovers(anywhere) == []


def test_one_that_executes_itself_for_ever(anywhere: Engine, images: Images) -> None:
    """PID 1 becomes a new program all the time: one process, that is never the same twice."""
    loop = "#!/bin/sh\nsleep 0.05\nexec /loop.sh again\n"
    seen = first_run(anywhere, images.on(anywhere, 'COPY loop.sh /\nCMD ["/loop.sh"]', {"loop.sh": loop}))
    assert seen.alive
    assert check(seen, "container.stays").verdict is Verdict.PROVED
    assert check(seen, "pieces.arrived").verdict is Verdict.PROVED
    assert leftovers(anywhere) == []


def test_one_that_ignores_every_signal(anywhere: Engine, images: Images) -> None:
    traps = "trap '' TERM INT HUP QUIT; while :; do sleep 1; done"
    seen = first_run(anywhere, images.on(anywhere, f'CMD ["sh", "-c", "{traps}"]'))
    assert check(seen, "stop.signal").verdict is Verdict.DISPROVED
    assert leftovers(anywhere) == []


def test_a_thousand_ports(engine: Engine, images: Images) -> None:
    """A thousand are declared, and a thousand listen: a few of them are tried, and it is said."""
    script = "i=2000; while [ $i -lt 2200 ]; do nc -l -p $i & i=$((i+1)); done; wait"
    seen = verify(engine, images.on(engine, f'EXPOSE 2000-2999\nCMD ["sh", "-c", "{script}"]'))
    assert "1000 ports declared, of which 32 are tried" in check(seen, "image.preflight").summary
    assert len([one for one in seen.checks if one.name == "ports.published"]) <= 32
    assert check(seen, "ports.publish-all").verdict is Verdict.CANNOT_TELL
    assert leftovers(engine) == []


def test_an_empty_health_check_never_reaches_the_engine(
    engine: Engine, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines before 29.5 break down on it, so that a crafted image could stop everything on the machine."""
    image = images.on(engine, SERVE)
    genuine = Engine.inspect_image

    def crafted(self: Engine, name: str) -> dict[str, object]:
        described = genuine(self, name)
        described["Config"]["Healthcheck"] = {"Test": ["CMD"]}
        return described

    monkeypatch.setattr(Engine, "inspect_image", crafted)
    seen = verify(engine, image)
    assert check(seen, "health.static").verdict is Verdict.DISPROVED
    assert check(seen, "health.engine").verdict is Verdict.DISPROVED
    assert "holds no command" in check(seen, "health.engine").summary


def test_an_engine_that_goes_away(engine: Engine, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a call: one error that says so, and no traceback."""
    import requests

    from imglint.runner.session import Container

    image = images.on(engine, SERVE)

    def gone(self: Container) -> dict[str, object]:
        from imglint.runner.engine import errors

        with errors(self.id[:12]):
            raise requests.ConnectionError("Connection aborted")

    with monkeypatch.context() as patch:
        patch.setattr(Container, "inspect", gone)
        with pytest.raises(EngineError, match="stopped answering"):
            verify(engine, image, phases=())
    assert leftovers(engine) == []
