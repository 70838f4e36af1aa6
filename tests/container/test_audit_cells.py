"""The container's column of the matrix: each cell that can be decided fails for one image and passes for its twin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from container_images import Images
from engine_state import leftovers

import imglint
from imglint.rules.matrix import ANTIPATTERNS, UNDECIDABLE, Cell, CellVerdict
from imglint.runner import Engine

pytestmark = pytest.mark.container

Cells = Mapping[tuple[int, str], Cell]


def shell(script: str, before: str = "") -> str:
    """The lines of an image that runs a script, as nobody in particular where nothing else is said."""
    user = "" if "USER" in before else "\nUSER 1000:1000"
    return f"{before}{user}\nCMD {json.dumps(['sh', '-c', script])}"


WAIT = "exec sleep 60"
PIECE = "printf '#!/bin/sh\\nsleep 60\\n' > /tmp/late.sh; chmod +x /tmp/late.sh; exec /tmp/late.sh"
DATA = "RUN mkdir -p /srv/db && chown 1000:1000 /srv/db"
WRITE = f"echo order > /srv/db/shop; {WAIT}"
PEER = "nc -ll -p 9000 -e sleep 60 & sleep 0.3; {}; sleep 60 | nc $A 9000"

# Antipattern → what makes its cell fail with which rule, and a twin that does the same job well.
CELLS: Mapping[int, tuple[str, str, str]] = {
    1: ("AV0104", shell(WRITE, DATA), shell(WRITE, f"{DATA}\nVOLUME /srv/db")),
    2: ("AV0204", shell(PIECE), shell("exec sh /server.sh", "COPY server.sh /")),
    7: (
        "AV0704",
        shell("httpd -f -p 8082 & nc -ll -p 8083 -e true & wait"),
        shell("exec httpd -f -p 8082"),
    ),
    8: (
        "DL3064",
        shell(WAIT, "ENV API_TOKEN=Zx81mQ27rT"),
        shell(WAIT, "ENV API_TOKEN_FILE=/run/secrets/api"),
    ),
    9: ("DL3002", shell(WAIT, "USER 0"), shell(WAIT, "USER 1000")),
    10: ("AV1003", shell(PEER.format("A=$(hostname -i)")), shell(PEER.format("A=$(hostname)"))),
}


def test_every_cell_that_can_be_decided_has_twins() -> None:
    undecidable = {number for number, evidence in UNDECIDABLE if evidence == "container"}
    assert set(CELLS) == set(range(1, len(ANTIPATTERNS) + 1)) - undecidable


@pytest.fixture(scope="module")
def audited(anywhere: Engine, images: Images) -> Mapping[tuple[int, str], Cell]:
    """(antipattern, "bad" or "good") → its cell, by running the whole audit."""
    built = {
        (number, kind): images.on(anywhere, lines)
        for number, (_, bad, good) in CELLS.items()
        for kind, lines in (("bad", bad), ("good", good))
    }

    def cell(number: int, image: str) -> Cell:
        report = imglint.audit(image=image, run=True, engine=anywhere.url)
        (found,) = [one for one in report.matrix if (one.antipattern, one.evidence) == (number, "container")]
        return found

    with ThreadPoolExecutor(3) as pool:
        futures = {key: pool.submit(cell, key[0], image) for key, image in built.items()}
        return {key: future.result() for key, future in futures.items()}


@pytest.mark.parametrize("number", CELLS)
def test_a_cell_fails_with_proof(audited: Cells, number: int) -> None:
    cell = audited[number, "bad"]
    assert cell.verdict is CellVerdict.FAIL, cell
    assert CELLS[number][0] in cell.codes
    assert cell.proof, "the column stands on what was seen"


@pytest.mark.parametrize("number", CELLS)
def test_its_twin_passes(audited: Cells, number: int) -> None:
    cell = audited[number, "good"]
    assert cell.verdict is CellVerdict.PASS, cell
    assert CELLS[number][0] in cell.codes, "the rule was asked"


def test_nothing_is_left(audited: Cells, anywhere: Engine) -> None:
    assert len(audited) == 2 * len(CELLS)
    assert leftovers(anywhere) == []
