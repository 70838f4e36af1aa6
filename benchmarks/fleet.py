"""A fleet of images that is only simulated, and what the layer graph of it costs.

`python benchmarks/fleet.py IMAGES` prints the CPU seconds of each question and the memory of all.

The distribution: one base for each 20 images, of 10 layers, of which every fourth stands on another base; images choose
theirs by Zipf's law, as people do, and put 10 layers of their own on it. Sizes are log-normal around 2 MB, one layer in 20
hides a part of the layer below it, one image in 50 has two tags, and one blob in 100 is another layer's, too.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_OWN_LAYERS = 10
_BASE_LAYERS = 10
_IMAGES_PER_BASE = 20


class Layer(NamedTuple):
    """What the graph reads of a layer."""

    chain_id: str
    diff_id: str
    compressed_bytes: int
    tar_bytes: int
    content_bytes: int
    created_by: str


class Config(NamedTuple):
    """What the graph reads of a configuration."""

    user: str


class Waste(NamedTuple):
    """What the graph reads of waste."""

    cause: str
    added_by: int
    hidden_by: int
    bytes: int
    files: int


class FleetImage(NamedTuple):
    """What the graph reads of an image. Steps stay in the tables that hold them, by layer."""

    id: str
    source: str
    tags: tuple[str, ...]
    platform: str
    config: Config
    tar_bytes: int
    content_bytes: int
    live_bytes: int
    layers: tuple[Layer, ...]
    waste: tuple[Waste, ...]
    steps: tuple[()] = ()


def fleet(count: int, seed: int = 1) -> Iterator[Any]:
    """So many `FleetImage`; the same ones for the same seed."""
    chance = random.Random(seed)
    numbers = iter(range(1 << 60))
    blobs = [_digest(f"a shared blob {number}") for number in range(max(count // 100, 1))]

    def layer() -> Layer:
        number = next(numbers)
        size = int(chance.lognormvariate(14.5, 1.5)) + 1024
        diff = _digest(f"diff {number}")
        if chance.random() < 0.01:
            diff, size = chance.choice(blobs), 1_000_000
        return Layer(_digest(f"chain {number}"), diff, size * 2 // 5, size, size - 512, "")

    def image(number: int, layers: tuple[Layer, ...], own: int) -> FleetImage:
        waste = tuple(
            Waste("deleted", at - 1, at, layers[at - 1].content_bytes // 3, 1)
            for at in range(max(own, 1), len(layers))
            if int(layers[at].chain_id[7:12], 16) % 20 == 0
        )
        # What a base wastes its children waste, too.
        waste += tuple(
            Waste("deleted", at - 1, at, layers[at - 1].content_bytes // 3, 1)
            for at in range(1, min(own, len(layers)))
            if int(layers[at].chain_id[7:12], 16) % 20 == 0
        )
        content = sum(one.content_bytes for one in layers)
        tags = (f"team-{number % 50}/app-{number}:1",) + (
            (f"team-{number % 50}/app-{number}:latest",) if number % 50 == 0 else ()
        )
        return FleetImage(
            _digest(f"image {number}"), f"{number}.tar", tags, "linux/amd64", Config(""),
            sum(one.tar_bytes for one in layers), content, content - sum(one.bytes for one in waste), layers, waste,
        )  # fmt: skip

    stacks: list[tuple[Layer, ...]] = []
    for number in range(max(count // _IMAGES_PER_BASE, 1)):
        below = chance.choice(stacks) if stacks and number % 4 == 0 else ()
        stacks.append((*below, *(layer() for _ in range(_BASE_LAYERS))))
        yield image(number, stacks[-1], 0)
    weights = [1 / rank for rank in range(1, len(stacks) + 1)]
    rest = count - len(stacks)
    for number, below in enumerate(chance.choices(stacks, weights, k=rest), len(stacks)):
        yield image(number, (*below, *(layer() for _ in range(_OWN_LAYERS))), len(below))


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Cost(NamedTuple):
    """Seconds of CPU by question, and the most memory that the process took, in bytes."""

    images: int
    layers: int
    nodes: int
    seconds: dict[str, float]
    peak: int


def cost(count: int) -> Cost:
    """Build the graph of a fleet in this process and ask it everything."""
    from imglint.analyzer import graph as questions

    start = time.process_time()
    for _ in fleet(count):
        pass
    making = time.process_time() - start
    seconds: dict[str, float] = {}

    def timed(name: str, ask: Callable[[], Any]) -> Any:
        began = time.process_time()
        found = ask()
        seconds[name] = time.process_time() - began
        return found

    graph = timed("build", lambda: questions.layer_graph(fleet(count), lean=True))
    seconds["build"] -= making
    base = _digest("image 0")
    tags = [f"team-7/app-{number}:1" for number in range(7, count, 50)]
    timed("size on a disk", lambda: questions.disk_bytes(graph))
    timed("size in a registry", lambda: questions.registry_bytes(graph))
    found = timed("shared, unique, bases", lambda: questions.shares(graph))
    timed("who is rebuilt", lambda: questions.rebuilt(graph, base))
    timed("built on", lambda: questions.built_on(graph, base))
    timed("a team's tags deleted", lambda: questions.freed(graph, tags))
    timed("common layers", lambda: questions.common_layers(graph, tags[:2]))
    timed("waste × images", lambda: questions.wasted_everywhere(graph))
    timed("history of 1000", lambda: [questions.history(graph, one.image) for one in found[:1000]])
    timed(
        "layers and waste of 1000", lambda: [questions.held_layers(graph, one.image) for one in found[:1000]]
    )
    timed("dominators, disk", lambda: len(questions.exclusive_bytes(graph)))
    timed("dominators, registry", lambda: len(questions.exclusive_bytes(graph, registry=True)))
    layers = sum(kind == "layer" for _, kind in graph.nodes(data="kind"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(count, layers, len(graph), seconds, peak)


if __name__ == "__main__":
    json.dump(cost(int(sys.argv[1]))._asdict(), sys.stdout, indent=1)
