"""The engines of the container tests, as a plugin of pytest: seen to before the first test, left as they were after.

Side by side (`-n`), the tests of one engine are one worker's, so that none finds another one's containers on it.
What the machine's Docker held is put right by the process that started the workers, when they are gone.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from together import SHARED, alone, shared

if TYPE_CHECKING:
    from container_images import Images
    from modern_engines import ModernEngine

    from imglint.runner import Engine

_LEFT_OUT = pytest.StashKey[list[str]]()
_ENGINES = pytest.StashKey[dict[str, str]]()  # of which tests were run: kind → what it is, and how many
_STARTED = pytest.StashKey[dict[str, tuple["ModernEngine", "Engine"]]]()
_OPEN = pytest.StashKey[contextlib.ExitStack]()
_ENTERED = pytest.StashKey[contextlib.ExitStack]()
_MODERN = ("docker28", "podman5")
_EVERY = ("docker", "podman", *_MODERN)
_NOTE = "engine.json"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = []
    config.stash[_ENGINES] = {}
    config.stash[_STARTED] = {}
    config.stash[_OPEN] = contextlib.ExitStack()
    if not _is_worker(config):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="imglint-tests-")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """What needs no engine is for whichever worker has nothing to do."""
    from xdist.scheduler import LoadScopeScheduling

    class ByEngine(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return worker_of(nodeid) if nodeid.startswith("tests/container/") else nodeid

    return ByEngine(config, log)


def worker_of(nodeid: str) -> str:
    """Whose a container test is: its engine's. Pushes disturb no other test, on whatever engine they are.

    Of the modern engines each worker starts its own, so that the most patient tests have one for themselves.
    """
    if re.search(r"/test_(?:push|modern|registry|engine_page)", nodeid):
        return "push"
    found = re.search(r"[\[-](podman5|podman|docker28)[\]-]", nodeid)
    kind = found[1] if found else "docker"
    patient = kind in _MODERN and re.search(r"/test_(?:verify_engines|verify_expect|verify_hostile)", nodeid)
    return f"{kind}, patient" if patient else kind


def _kind(item: pytest.Item) -> str:
    """The engine that a test is about."""
    callspec = getattr(item, "callspec", None)
    named = {value for value in callspec.params.values() if isinstance(value, str)} if callspec else set()
    named |= set(getattr(item, "fixturenames", ()))
    return next((kind for kind in ("docker28", "podman5", "podman") if kind in named), "docker")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the container tests out where their engines can't be had; with CI=true that is a failure."""
    wanted = [item for item in items if item.get_closest_marker("container")]
    for item in wanted:
        item.user_properties.append(("engine", _kind(item)))
    if not wanted or config.option.collectonly:
        return
    import engine as provisioning
    import modern_engines

    try:
        _provide()
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
    modern = [item for item in wanted if _kind(item) in _MODERN]
    if modern:
        try:
            provisioning.others_may_start()
            modern_engines.provided()
        except provisioning.NoEngine as reason:
            if provisioning.must_be_there():
                pytest.exit(f"the container tests need modern engines: {reason}", returncode=1)
            _leave_out(config, items, modern, f"{reason}. `make engines` as root on Debian makes them")


def _provide() -> None:
    """See to the machine's engine, once for all processes of this run, and write down what it held."""
    import engine as provisioning

    from imglint.runner import connect

    with alone():
        note = shared() / _NOTE
        if note.exists():
            return
        process = provisioning.ensure()
        with connect() as client:
            note.write_text(json.dumps({"pid": process.pid if process else 0, "tags": sorted(_tags(client))}))
        if process:
            process.returncode = 0  # its end is not this object's business


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Be in the network of a modern engine until the test and its fixtures are done (see modern_engines.py).

    What goes wrong here is an error of this test: out of another hook it would end the whole worker.
    """
    if item.get_closest_marker("container") and _kind(item) in _MODERN:
        place, _ = _running(item.config, _kind(item))
        # Podman has died under load before: then the tests that follow have another one, and the end tells of it.
        words = place.revive()
        if words:
            tell(item.config, f"{_kind(item)} {words}")
        entered = item.stash.setdefault(_ENTERED, contextlib.ExitStack())
        entered.enter_context(place.entered())
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with item.stash.get(_ENTERED, contextlib.ExitStack()):
        return (yield)


def _running(config: pytest.Config, kind: str) -> tuple[ModernEngine, Engine]:
    """A modern engine, which is started when its first test comes, and stopped at the end."""
    import modern_engines

    started = config.stash[_STARTED]
    if kind not in started:
        started[kind] = config.stash[_OPEN].enter_context(modern_engines.running(kind))
        config.stash[_ENGINES][kind] = str(started[kind][1])
    return started[kind]


def _leave_out(config: pytest.Config, items: list[pytest.Item], out: list[pytest.Item], reason: str) -> None:
    config.stash[_LEFT_OUT].append(f"{len(out)} container tests were left out: {reason}.")
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


# What workers tell


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    config.stash[_OPEN].close()
    if _is_worker(config):
        config.workeroutput["imglint"] = [config.stash[_LEFT_OUT], config.stash[_ENGINES]]  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    left_out, engines = getattr(node, "workeroutput", {}).get("imglint", ((), {}))
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[_LEFT_OUT] += [line for line in left_out if line not in config.stash[_LEFT_OUT]]
    config.stash[_ENGINES] |= engines


def tell(config: pytest.Config, line: str) -> None:
    """A line for the end of the run."""
    config.stash[_LEFT_OUT].append(line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    ran = [
        dict(report.user_properties).get("engine")
        for kind in ("passed", "failed")
        for report in terminalreporter.getreports(kind)
        if report.when == "call"
    ]
    for kind, what in sorted(config.stash[_ENGINES].items()):
        terminalreporter.write_line(f"{what}: {ran.count(kind)} tests")
    for line in config.stash[_LEFT_OUT]:
        terminalreporter.write_line(line, yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _is_worker(config):
        return
    note = shared() / _NOTE
    if note.exists():
        import engine as provisioning

        told = json.loads(note.read_text())
        _put_back(set(told["tags"]))
        if told["pid"]:
            provisioning.stop(told["pid"])
    shutil.rmtree(shared(), ignore_errors=True)


def _put_back(before: set[str]) -> None:
    """Take the tags away that the tests gave, and no others."""
    import docker.errors

    from imglint.runner import EngineError, connect

    # An engine that has died by now holds nothing for long.
    with contextlib.suppress(EngineError), connect() as client:
        for tag in _tags(client) - before:
            # One that somebody else uses by now stays.
            with contextlib.suppress(docker.errors.APIError):
                client.api.remove_image(tag, force=True)


def _tags(engine: Engine) -> set[str]:
    """The tags of the examples' images; what a module builds it takes away itself."""
    import example_images
    from engine_state import images_of

    tags = {tag for found in images_of(engine) for tag in found.get("RepoTags") or ()}
    return {
        tag for tag in tags if tag.startswith(("imglint-hello:", "imglint-seed:", example_images.BUSYBOX))
    }


# Fixtures


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """A connection to the engine of this machine, a Docker."""
    from imglint.runner import connect

    with connect() as client:
        pytestconfig.stash[_ENGINES]["docker"] = str(client)
        yield client


@pytest.fixture(scope="session")
def podman(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """A Podman of the tests' own."""
    import engine as provisioning

    from imglint.runner import connect

    try:
        service = provisioning.PodmanService()
    except provisioning.NoEngine as reason:
        # With CI=true there has to be one: only elsewhere its tests may be left out, and are said to be.
        if provisioning.must_be_there():
            pytest.exit(f"the container tests need Podman: {reason}", returncode=1)
        pytest.skip(str(reason))
    try:
        with connect(service.url) as client:
            pytestconfig.stash[_ENGINES]["podman"] = str(client)
            yield client
    finally:
        service.stop()


@pytest.fixture(scope="session")
def docker28(pytestconfig: pytest.Config) -> Engine:
    """Docker with the containerd image store. A test of it is in its network."""
    return _running(pytestconfig, "docker28")[1]


@pytest.fixture(scope="session")
def podman5(pytestconfig: pytest.Config) -> Engine:
    """A modern Podman. A test of it is in its network."""
    return _running(pytestconfig, "podman5")[1]


@pytest.fixture(scope="session")
def anywhere(request: pytest.FixtureRequest) -> Engine:
    """The engines that people have, one after the other: Docker with the containerd store, and Podman 5.

    Where these can't be had, the machine's own Docker and a Podman beside it; with IMGLINT_ENGINES those that it
    names, by the names of the fixtures ("docker": `engine`).
    """
    found: Engine = request.getfixturevalue("engine" if request.param == "docker" else request.param)
    return found


@pytest.fixture(scope="session")
def everywhere(anywhere: Engine) -> Engine:
    """Old and modern engines, one after the other."""
    return anywhere


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own = any("anywhere" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "anywhere" in metafunc.fixturenames and not own:
        wanted = _EVERY if "everywhere" in metafunc.fixturenames else _main()
        metafunc.parametrize("anywhere", wanted, indirect=True, scope="session")


@functools.cache
def _main() -> tuple[str, ...]:
    import modern_engines

    if "IMGLINT_ENGINES" in os.environ:
        return tuple(os.environ["IMGLINT_ENGINES"].split())
    return _MODERN if modern_engines.can_be_had() else ("docker", "podman")


@pytest.fixture(scope="session")
def hello(engine: Engine) -> dict[str, str]:
    """The three servers of examples/hello: variant → tag."""
    import example_images

    with alone():
        return dict(zip(example_images.HELLO, example_images.build_hello(engine.api), strict=True))


@pytest.fixture(scope="session")
def seed(engine: Engine) -> str:
    """The image of the seed."""
    import example_images

    with alone():
        return example_images.build_seed(engine.api)


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Images built for the tests of one module."""
    from container_images import Images

    found = Images(engine, tmp_path_factory.mktemp("images"))
    yield found
    found.close()
