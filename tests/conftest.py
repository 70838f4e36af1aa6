"""Fixtures: the engine and its images, made once and gone at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import docker.errors
import engine as provisioning
import example_images
import modern_engines
import pytest
from container_images import Images
from engine_state import images_of
from modern_engines import ModernEngine

from imglint.runner import Engine, connect

_LEFT_OUT = pytest.StashKey[list[str]]()
_STARTED = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


def pytest_configure() -> None:
    # What a run in the background ignores, the programs that it starts ignore, too, unless it has a handler.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the container tests out where their engines can't be had; with CI=true that is a failure."""
    config.stash[_LEFT_OUT] = []
    wanted = [item for item in items if item.get_closest_marker("container")]
    if not wanted or config.option.collectonly:
        return
    try:
        started = provisioning.ensure()
    except provisioning.NoEngine as reason:
        # A named engine is not a wish: no other one is looked for, and no green run may hide that.
        if os.environ.get("CI") == "true" or isinstance(reason, provisioning.NamedEngineIsSilent):
            pytest.exit(f"the container tests need an engine: {reason}", returncode=1)
        _leave_out(
            config,
            items,
            wanted,
            f"{reason}. Start Docker, or set IMGLINT_INSTALL_ENGINE=1 as root on Debian",
        )
        return
    if started is not None:
        config.stash[_STARTED] = started
    modern = [item for item in wanted if _needs_modern(item)]
    if modern:
        try:
            provisioning.others_may_start()
            modern_engines.provided()
        except provisioning.NoEngine as reason:
            if provisioning.must_be_there():
                pytest.exit(f"the container tests need modern engines: {reason}", returncode=1)
            _leave_out(config, items, modern, f"{reason}. `make engines` as root on Debian makes them")


def _needs_modern(item: pytest.Item) -> bool:
    kinds = set(modern_engines.KINDS)
    callspec = getattr(item, "callspec", None)
    params = {value for value in callspec.params.values() if isinstance(value, str)} if callspec else set()
    return bool(kinds & (params | set(getattr(item, "fixturenames", ()))))


def _leave_out(config: pytest.Config, items: list[pytest.Item], out: list[pytest.Item], reason: str) -> None:
    config.stash[_LEFT_OUT].append(f"{len(out)} container tests were left out: {reason}.")
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STARTED in config.stash:
        provisioning.stop(config.stash[_STARTED])


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's settings may show in a test's output."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The records of runs are the tests' own, never the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A connection to the engine; the tags that the tests gave are taken away at the end, and no others."""
    with connect() as client:
        before = _test_tags(client)
        yield client
        for tag in _test_tags(client) - before:
            # One that somebody else uses by now stays.
            with contextlib.suppress(docker.errors.APIError):
                client.api.remove_image(tag, force=True)


def _test_tags(engine: Engine) -> set[str]:
    """The tags of the examples' images; what a module builds it takes away itself."""
    tags = {tag for found in images_of(engine) for tag in found.get("RepoTags") or ()}
    return {
        tag for tag in tags if tag.startswith(("imglint-hello:", "imglint-seed:", example_images.BUSYBOX))
    }


@pytest.fixture(scope="session")
def podman() -> Iterator[Engine]:
    """A Podman of the tests' own."""
    try:
        service = provisioning.PodmanService()
    except provisioning.NoEngine as reason:
        # With CI=true there has to be one: only elsewhere its tests may be left out, and are said to be.
        if provisioning.must_be_there():
            pytest.exit(f"the container tests need Podman: {reason}", returncode=1)
        pytest.skip(str(reason))
    try:
        with connect(service.url) as client:
            yield client
    finally:
        service.stop()


@pytest.fixture(scope="session", params=["docker", "podman"])
def anywhere(request: pytest.FixtureRequest, engine: Engine) -> Engine:
    """Both engines, one after the other."""
    if request.param == "docker":
        return engine
    found: Engine = request.getfixturevalue("podman")
    return found


@pytest.fixture(scope="session")
def _docker28() -> Iterator[tuple[ModernEngine, Engine]]:
    with modern_engines.running("docker28") as found:
        yield found


@pytest.fixture(scope="session")
def _podman5() -> Iterator[tuple[ModernEngine, Engine]]:
    with modern_engines.running("podman5") as found:
        yield found


@pytest.fixture
def docker28(_docker28: tuple[ModernEngine, Engine]) -> Iterator[Engine]:
    """Docker with the containerd image store. The test is in its network (see modern_engines.py)."""
    place, client = _docker28
    with place.entered():
        yield client


@pytest.fixture
def podman5(_podman5: tuple[ModernEngine, Engine]) -> Iterator[Engine]:
    """A modern Podman. The test is in its network (see modern_engines.py)."""
    place, client = _podman5
    with place.entered():
        yield client


@pytest.fixture(params=["docker", "podman", "docker28", "podman5"])
def everywhere(request: pytest.FixtureRequest, engine: Engine) -> Engine:
    """Old and modern engines, one after the other."""
    if request.param == "docker":
        return engine
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def hello(engine: Engine) -> dict[str, str]:
    """The three servers of examples/hello: variant → tag."""
    return dict(zip(example_images.HELLO, example_images.build_hello(engine.api), strict=True))


@pytest.fixture(scope="session")
def seed(engine: Engine) -> str:
    """The image of the seed."""
    return example_images.build_seed(engine.api)


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Images built for the tests of one module."""
    found = Images(engine, tmp_path_factory.mktemp("images"))
    yield found
    found.close()
