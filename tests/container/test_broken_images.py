"""Images that are broken each in one way: verify ends with 1 and says why, on both engines, and none is pushed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command import imglint, told
from container_images import Images, program_with_libraries
from engine_state import leftovers
from push_desk import Desk
from registry import Registry

from imglint.rules.verdicts import claim_of
from imglint.runner import Engine

pytestmark = pytest.mark.container

_USER = "USER 1000:1000"
_SERVES = """CMD ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8000 & wait"]"""
_IPV6_ALONE = """CMD ["/usr/bin/perl", "-e", "$SIG{TERM}=sub{exit 0}; socket(S,10,1,6); \
setsockopt(S,41,26,pack('i',1)); bind(S,pack('SnNa16N',10,8000,0,'',0)); listen(S,9); \
while(1){ accept(C,S) or next; syswrite C,'hello'; close C }"]"""
_CHILDREN = """CMD ["/usr/bin/perl", "-e", "$SIG{TERM}=sub{exit 0}; for(1..20){ fork() or exit 0 } sleep 60 while 1"]"""


class Broken(NamedTuple):
    """An image, the failure that verify has to tell of it, and words of its message."""

    lines: str
    failure: str
    words: str  # or others, by the engine: "these | those"
    options: tuple[str, ...] = ()


BROKEN: Mapping[str, Broken] = {
    "nothing to start": Broken(f"{_USER}\nCMD []", "check/container.stays", "can't be created | can't start it"),
    "crash": Broken(
        f'{_USER}\nCMD ["sh", "-c", "echo boom; exit 3"]', "check/container.stays", "ended with 3 after"
    ),
    "curl is missing": Broken(
        f"{_USER}\nHEALTHCHECK --interval=1s --retries=1 CMD curl -f http://localhost:8000/ || exit 1\n{_SERVES}",
        "check/health.static",
        "curl is not in the image",
    ),
    "a health check that can't fail": Broken(
        f'{_USER}\nHEALTHCHECK --interval=1s CMD ["true"]\n{_SERVES}', "check/health.notices", "it can't fail"
    ),
    "IPv6 alone": Broken(f"COPY / /\n{_USER}\nEXPOSE 8000\n{_IPV6_ALONE}", "check/ports.published", "8000/tcp: "),
    "SIGTERM is ignored": Broken(
        'USER 1000:1000\nCMD ["sleep", "60"]', "check/stop.signal", "did not heed SIGTERM: killed after"
    ),
    "zombies": Broken(
        f"COPY / /\n{_USER}\n{_CHILDREN}",
        "check/processes.zombies",
        "20 zombies that PID 1 does not reap",
        ("--fail-on", "info"),
    ),
}  # fmt: skip
WELL = f"""COPY server.sh /
{_USER}
EXPOSE 8000
HEALTHCHECK --interval=1s CMD wget -qO- http://127.0.0.1:8000/server.sh
{_SERVES}"""


@pytest.fixture(scope="module")
def verified(anywhere: Engine, images: Images) -> Mapping[str, tuple[int, Any]]:
    """What is broken → the exit code of verify and its JSON; "well" is an image that is not."""
    built = {name: _built(name, images, anywhere) for name in BROKEN}
    built["well"] = images.on(anywhere, WELL)

    def run(name: str) -> tuple[int, Any]:
        options = BROKEN[name].options if name in BROKEN else ()
        result = imglint("verify", built[name], "--engine", anywhere.url, "-f", "json", *options)
        assert result.stdout, told(result)
        return result.returncode, json.loads(result.stdout)

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(built, pool.map(run, built), strict=True))


def _built(name: str, images: Images, engine: Engine) -> str:
    lines = BROKEN[name].lines
    files = program_with_libraries("/usr/bin/perl") if "perl" in lines else None
    return images.on(engine, lines, files)


@pytest.mark.parametrize("name", BROKEN)
def test_it_fails_and_says_why_once(verified: Mapping[str, tuple[int, Any]], name: str) -> None:
    code, document = verified[name]
    failures = [(f"{one['kind']}/{one['name']}", one["message"]) for one in document["failures"]]
    assert [code for code, _ in failures] == [BROKEN[name].failure], failures
    assert any(words in failures[0][1] for words in BROKEN[name].words.split(" | "))
    assert code == 1


def test_what_is_not_broken_passes(verified: Mapping[str, tuple[int, Any]]) -> None:
    code, document = verified["well"]
    assert (document["failures"], code) == ([], 0)


def test_every_check_that_was_seen_has_a_level(verified: Mapping[str, tuple[int, Any]]) -> None:
    seen = {one["check"] for _, document in verified.values() for one in document["checks"]}
    assert len(seen) > 15
    assert [name for name in seen if claim_of(name) is None] == []


def test_nothing_is_left(verified: Mapping[str, tuple[int, Any]], anywhere: Engine) -> None:
    assert len(verified) == len(BROKEN) + 1
    assert leftovers(anywhere) == []


def test_zombies_are_told_and_pass(anywhere: Engine, images: Images) -> None:
    result = imglint("verify", _built("zombies", images, anywhere), "--engine", anywhere.url)
    assert (result.returncode, b"20 zombies" in result.stdout) == (0, True), told(result)


def test_every_format_and_the_text_are_red(anywhere: Engine, images: Images, tmp_path: Path) -> None:
    image = _built("nothing to start", images, anywhere)
    forms = ("junit", "sarif", "gitlab", "checkstyle", "github", "markdown")
    pairs = [word for form in forms for word in ("-f", form, "-o", str(tmp_path / form))]
    result = imglint("verify", image, "--engine", anywhere.url, *pairs, "-f", "text")
    assert result.returncode == 1
    assert b"1 check failed in 1 file" in result.stdout
    assert all("container.stays" in (tmp_path / form).read_text() for form in forms)
    assert 'failures="1"' in (tmp_path / "junit").read_text()


def test_an_expectation_that_is_not_met_fails_in_every_format(
    anywhere: Engine, images: Images, tmp_path: Path
) -> None:
    tests = tmp_path / "st.yaml"
    tests.write_text("schemaVersion: 2.0.0\nmetadataTest:\n  user: app\nfileExistenceTests:\n"
                     "  - {name: server, path: /server.sh, shouldExist: true}\n")  # fmt: skip
    image = images.on(anywhere, WELL)
    forms = ("junit", "sarif", "gitlab", "checkstyle", "github", "markdown")
    pairs = [word for form in forms for word in ("-f", form, "-o", str(tmp_path / form))]
    result = imglint("verify", image, "--engine", anywhere.url, "--expect", str(tests), *pairs)
    assert result.returncode == 1
    assert all("structure.metadata" in (tmp_path / form).read_text() for form in forms)
    junit = (tmp_path / "junit").read_text()
    assert ('tests="2" failures="1"' in junit, "structure.file server" in junit) == (True, True)
    tests.write_text("schemaVersion: 2.0.0\nmetadataTest:\n  user: '1000:1000'\n")
    assert imglint("verify", image, "--engine", anywhere.url, "--expect", str(tests)).returncode == 0


@pytest.mark.parametrize("name", ["curl is missing", "nothing to start"])
def test_what_is_broken_is_not_pushed(engine: Engine, images: Images, tmp_path: Path, name: str) -> None:
    registry = Registry()
    desk = Desk(engine, registry, tmp_path)
    try:
        target = desk.tag(_built(name, images, engine), "1.0")
        done = desk.push(target, "--run")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "not pushed" in done.stderr
        assert any(words in done.stdout for words in BROKEN[name].words.split(" | "))
        assert registry.repositories() == []
        forced = desk.push(target, "--run", "--force", "--reason", "mended tomorrow")
        assert forced.returncode == 0, forced.stderr
        assert BROKEN[name].failure in str(desk.recorded()[0]["failed"])
    finally:
        desk.close()
        registry.close()
