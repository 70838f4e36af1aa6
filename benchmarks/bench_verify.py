"""How long a verification takes beside the image's own start and stop.

Run with `python -m pytest benchmarks/bench_verify.py --benchmark-enable -s`; it needs an engine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import example_images
import pytest

from imglint.runner import Engine, connect, verify
from imglint.runner.session import Session

BUDGET = 8.0  # seconds
ROUNDS = 3


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The local engine."""
    with connect() as client:
        yield client


def own_seconds(engine: Engine, image: str) -> tuple[float, float]:
    """How long the engine takes to start and to stop the image, without anybody looking."""
    with Session(engine, image) as session:
        container = session.create()
        start = time.monotonic()
        container.start()
        started = time.monotonic() - start
        start = time.monotonic()
        engine.api.stop(container.id, timeout=2)
        return started, time.monotonic() - start


def test_within_its_budget(engine: Engine) -> None:
    """C0 to C14 of the example with a health check; PID 1 there ignores the signal, so the kill is waited for."""
    example_images.build_hello(engine.api)
    image = "imglint-hello:healthcheck"
    started, stopped = own_seconds(engine, image)
    seconds = []
    for _ in range(ROUNDS):
        start = time.monotonic()
        verify(engine, image)
        seconds.append(time.monotonic() - start)
    print(f"\n{engine}: start {started:.1f} s, stop {stopped:.1f} s; load {os.getloadavg()[0]:.1f}")
    print(f"verify: {', '.join(f'{one:.1f}' for one in seconds)} s; the first one calibrates the engine")
    print(f"beside start and stop: {min(seconds) - started - stopped:.1f} s of {BUDGET:.0f} s")
