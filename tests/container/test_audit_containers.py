"""The commands that start containers, from end to end."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import ROOT, SCHEMA, imglint, told
from engine_state import leftovers

from imglint.runner import Engine

pytestmark = pytest.mark.container

SEED = "examples/seed/Dockerfile"


def document(*arguments: str) -> Any:
    result = imglint(*arguments, "--format", "json")
    assert result.returncode in (0, 1), told(result)
    parsed = json.loads(result.stdout)
    jsonschema.validate(parsed, SCHEMA, format_checker=jsonschema.FormatChecker())
    return parsed


def test_the_seed_goes_through_all_of_it(seed: str) -> None:
    parsed = document("audit", SEED, "--image", seed, "--run")
    assert not any("was not built from" in note for note in parsed["notes"])
    found = {(one["code"], one["evidence"]) for one in parsed["findings"]}
    assert {
        ("IL010", "dockerfile"),
        ("IL015", "container"),
        ("IL020", "container"),
        ("DL3002", "image"),
    } <= found
    (stays,) = [one for one in parsed["checks"] if one["check"] == "container.stays"]
    assert (stays["verdict"], stays["proof"]["exit_code"]) == ("disproved", 0)
    (port,) = [one for one in parsed["checks"] if one["check"] == "ports.exposed"]
    assert (port["subject"], port["verdict"]) == ("5555/tcp", "disproved")
    cells = {(one["antipattern"], one["evidence"]): one for one in parsed["matrix"]}
    assert cells[9, "image"]["verdict"] == "fail"
    # It ended too early to tell more, which is not a pass.
    assert cells[7, "container"]["verdict"] == "unknown"
    text = (ROOT / SEED).read_text().splitlines()
    lines = [layer["line"] for layer in parsed["images"][0]["layers"] if layer["line"]]
    assert [text[line - 1] for line in lines] == ["RUN apt-get update", "RUN apt-get -y install ntp"]


def test_the_seed_is_measured(seed: str) -> None:
    (image,) = document("image", seed)["images"]
    (update,) = [one for one in image["layers"] if (one["created_by"] or "").endswith("apt-get update")]
    assert update["content_bytes"] > 1_000_000, "the lists that DL3009 speaks of"
    steps = imglint("history", seed).stdout.decode()
    for step in ("MAINTAINER sammy", "EXPOSE 5555", "RUN apt-get -y install ntp"):
        assert step in steps


def test_what_the_run_gets_arrives_at_it(hello: dict[str, str]) -> None:
    """The options of a run, through `audit`; `push` and the hook pass on the same ones."""
    parsed = document("audit", "--image", hello["healthcheck"], "--run", "--observe", "2s", "--memory", "48m")
    (stays,) = [one for one in parsed["checks"] if one["check"] == "container.stays"]
    assert "requests" in stays["summary"], "it was watched on"
    refused = imglint("audit", "--image", hello["healthcheck"], "--run", "--network", "imglint-test-nowhere")
    assert refused.returncode == 2
    assert b"imglint-test-nowhere" in refused.stderr


def test_verify_as_text_and_json(hello: dict[str, str]) -> None:
    parsed = document("verify", hello["healthcheck"])
    verdicts = {(one["check"], one["subject"]): one["verdict"] for one in parsed["checks"]}
    assert verdicts["ports.published", "8888/tcp"] == "proved"
    assert verdicts["health.engine", "HEALTHCHECK"] == "proved"
    text = imglint("verify", hello["healthcheck"]).stdout.decode()
    assert "starting → healthy" in text


def test_a_container_that_refutes_the_text(engine: Engine, tmp_path: Path) -> None:
    import example_images

    example_images.make_busybox(engine.api)
    # Named like a server that forks, but it stays.
    (tmp_path / "ntpd").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "ntpd").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f'FROM {example_images.BUSYBOX}\nCOPY ntpd /\nCMD ["/ntpd"]\n')
    example_images.build(engine.api, tmp_path, "imglint-test:stays", nocache=True)
    dockerfile = str(tmp_path / "Dockerfile")
    assert any(one["code"] == "IL010" for one in document(dockerfile)["findings"])
    parsed = document("audit", dockerfile, "--image", "imglint-test:stays", "--run")
    assert not any(one["code"] == "IL010" for one in parsed["findings"])
    (withdrawn,) = [one for one in parsed["skipped"] if one["code"] == "IL010"]
    assert withdrawn["reason"] == "withdrawn: the container shows otherwise"


def test_an_archive_is_run_without_its_tags_and_removed(
    engine: Engine, hello: dict[str, str], tmp_path: Path
) -> None:
    archive = tmp_path / "hello.tar"
    archive.write_bytes(b"".join(engine.save(hello["no-expose"])))
    identity = engine.inspect_image(hello["no-expose"])["Id"]
    # A tag of the same name that now means something else must not move.
    engine.api.tag(hello["expose"], "imglint-hello", "no-expose", force=True)
    other = engine.inspect_image(hello["expose"])["Id"]
    engine.api.remove_image(identity, force=True)
    try:
        parsed = document("verify", str(archive))
        assert any(
            one["verdict"] == "proved" for one in parsed["checks"] if one["check"] == "ports.published"
        )
        assert engine.inspect_image("imglint-hello:no-expose")["Id"] == other
        assert identity not in {one["Id"] for one in engine.api.images(all=True)}
    finally:
        for _ in engine.api.load_image(archive.read_bytes()):
            pass
    assert engine.inspect_image(hello["no-expose"])["Id"] == identity


def test_an_unknown_image_and_a_taken_port(engine: Engine, hello: dict[str, str]) -> None:
    result = imglint("verify", "imglint-test:never-built")
    assert result.returncode == 2
    assert "the engine has no such image" in told(result)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = imglint("verify", hello["expose"], "-p", f"{taken.getsockname()[1]}:8888")
    assert result.returncode == 2
    assert "is busy on the engine's host" in told(result)
    assert leftovers(engine) == []
