"""Real servers: what `verify` says of each is what plain `docker run` shows of it.

The cheap ones run each time, all of them with IMGLINT_ENGINES (`make test-engines`).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import engine as provisioning
import pytest
from container_images import Images
from modern_engines import outside
from servers import roots
from servers.catalogue import SERVERS
from servers.judge import wrong
from servers.server import Server
from together import alone

from imglint.runner import Engine, Observation, connect, verify
from imglint.runner.watch import Patience

pytestmark = [pytest.mark.container, pytest.mark.slow]

EVERY = "IMGLINT_ENGINES" in os.environ
CHOSEN = {name: one for name, one in SERVERS.items() if one.cheap or EVERY}
Verified = Mapping[str, Observation | Exception]
FILES = Path(roots.__file__).parent / "files"


@pytest.fixture(scope="module")
def chosen(request: pytest.FixtureRequest) -> Mapping[str, Server]:
    """Those whose tests are run: all of CHOSEN but for a -k."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    names = {call.params.get("name") for call in calls if call is not None}
    return {name: one for name, one in CHOSEN.items() if name in names}


@pytest.fixture(scope="module")
def bases(engine: Engine, chosen: Mapping[str, Server]) -> Iterator[Mapping[str, str]]:
    """The roots on the machine's own Docker: name → tag."""
    tags = {}
    mark = secrets.token_hex(4)
    try:
        for name in dict.fromkeys(one.root for one in chosen.values()):
            try:
                with outside(), alone():
                    archive = roots.archive(name)
            except provisioning.NoEngine as reason:
                if provisioning.must_be_there():
                    pytest.exit(f"the tests of real servers need their roots: {reason}", returncode=1)
                pytest.skip(str(reason))
            engine.api.import_image_from_file(
                str(archive), repository="imglint-servers", tag=f"{mark}-{name}"
            )
            tags[name] = f"imglint-servers:{mark}-{name}"
        yield tags
    finally:
        for tag in tags.values():
            engine.api.remove_image(tag, force=True)


@pytest.fixture(scope="module")
def verified(
    anywhere: Engine, engine: Engine, images: Images, bases: Mapping[str, str], chosen: Mapping[str, Server]
) -> Verified:
    """What was seen of each server. They ran three at a time, since most of it is waiting."""

    def run(name: str) -> Observation | Exception:
        try:
            with connect(anywhere.url) as client:
                return verify(client, tags[name], patience=Patience(observe=chosen[name].observe))
        except Exception as error:  # it is this server's failure alone
            return error

    tags = {}
    for name, one in chosen.items():
        files = {file: (FILES / file).read_bytes() for file in one.files}
        tags[name] = images.on(engine, one.lines, files, base=bases[one.root])
    for root in bases:
        images.hand_over(anywhere, *(tags[name] for name, one in chosen.items() if one.root == root))
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(tags, pool.map(run, tags), strict=True))


@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_said_is_true(verified: Verified, anywhere: Engine, name: str) -> None:
    probes = anywhere.kind == "docker"  # Podman leaves them to systemd
    seen = verified[name]
    if isinstance(seen, Exception):
        raise seen
    faults = wrong(CHOSEN[name], seen, probes=probes)
    assert not faults, "\n".join(faults)
