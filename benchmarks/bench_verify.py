"""How long a verification takes beside the image's own start and stop.

Run with `python -m pytest benchmarks/bench_verify.py --benchmark-enable -s`; it needs an engine.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import example_images
import pytest
import requests

from imglint.runner import Engine, connect, verify
from imglint.runner.session import Session

ROUNDS = 3


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The local engine."""
    with connect() as client:
        client.api.hooks["response"].append(_timed)
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


@pytest.mark.parametrize(("variant", "budget"), [("expose", 5.0), ("healthcheck", 8.0)])
def test_within_its_budget(engine: Engine, variant: str, budget: float) -> None:
    """All checks of the example; its PID 1 ignores the signal, so the kill is waited for. And where the time goes."""
    example_images.build_hello(engine.api)
    image = f"imglint-hello:{variant}"
    started, stopped = own_seconds(engine, image)
    seconds = []
    for _ in range(ROUNDS):
        calls.clear()
        start = time.monotonic()
        verify(engine, image)
        seconds.append(time.monotonic() - start)
    print(f"\n{engine}: start {started:.1f} s, stop {stopped:.1f} s; load {os.getloadavg()[0]:.1f}")
    print(f"verify: {', '.join(f'{one:.1f}' for one in seconds)} s; the first one calibrates the engine")
    print(f"beside start and stop: {min(seconds) - started - stopped:.1f} s of {budget:.0f} s")
    print("of the last one:")
    for what, times in sorted(calls.items(), key=lambda one: -sum(one[1])):
        print(f"  {sum(times):5.1f} s  {len(times):3} × {what}")
    print(
        f"  {seconds[-1] - sum(sum(times) for times in calls.values()):5.1f} s  imglint's own, with its waiting"
    )


calls: dict[str, list[float]] = {}  # what an engine was asked → the seconds that each answer took to begin


def _timed(response: requests.Response, **_: object) -> None:
    path = urlsplit(response.url).path.split("/")[2:]
    words = [one for one in path if not re.fullmatch(r"[0-9a-f]{64}|imglint-[0-9a-f]+|[\w.-]+:[\w.-]+", one)]
    what = f"{response.request.method} {'/'.join(words)}"
    calls.setdefault(what, []).append(response.elapsed.total_seconds())
