"""Expectations as a file, and the files of container-structure-test, on real containers."""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker.errors
import jsonschema
import pytest
import yaml
from container_images import Images, check
from engine_state import images_of, leftovers
from expect_cases import CASES, KEYS, RIGHT, WRONG

import imglint.runner
from imglint.__main__ import main
from imglint.analyzer.yaml_file import YamlFile
from imglint.runner import Engine, Verdict, connect, verify
from imglint.runner.expect import Expectations, observed_expectations, parse_expectations
from imglint.runner.structure_test import StructureTests, parse_structure_tests, run_structure_tests


def expectations(text: str) -> Expectations:
    return parse_expectations(YamlFile(text, "verify.yaml"))


def structure_tests(raw: object) -> StructureTests:
    return parse_structure_tests(YamlFile(yaml.safe_dump(raw), "tests.yaml"))


SCHEMA = json.loads((Path(imglint.runner.__file__).parent / "expect.schema.json").read_text())


SERVER = (
    "HEALTHCHECK --timeout=2s CMD nc -w 1 127.0.0.1 8888 </dev/null | grep -q hello\n"
    'COPY server.sh /\nEXPOSE 8888\nCMD ["sh", "-c", "echo started; echo x > /tmp/note; exec sh /server.sh"]'
)


@pytest.mark.container
def test_what_holds_and_what_does_not(anywhere: Engine, images: Images) -> None:
    wanted = [expectations(text) for text in (RIGHT, WRONG)]
    seen = verify(anywhere, images.on(anywhere, SERVER), expectations=wanted)
    checks = [one for one in seen.checks if one.name.startswith("expect.")]
    inside = 4 + 3  # commands and files come while it runs: those of the first file, then those of the second
    right = [*checks[:4], *checks[inside : inside + 10]]
    wrong = [*checks[4:inside], *checks[inside + 10 :]]
    assert {(one.name, one.subject): one.verdict for one in right if one.verdict is not Verdict.PROVED} == {}
    assert len(wrong) == 3 + 11
    assert {one.verdict for one in wrong if one.name != "expect.health" or anywhere.kind == "docker"} == {
        Verdict.DISPROVED
    }


@pytest.mark.container
def test_what_is_written_holds(anywhere: Engine, images: Images) -> None:
    image = images.on(anywhere, SERVER)
    seen = verify(anywhere, image)
    written = observed_expectations(seen, ["/tmp"])
    jsonschema.validate(written, SCHEMA)
    assert written["ports"] == {"8888/tcp": "published"}
    again = verify(anywhere, image, expectations=[expectations(yaml.safe_dump(written))])
    held = [one for one in again.checks if one.name.startswith("expect.")]
    assert len(held) >= 7
    assert {one.verdict for one in held} == {Verdict.PROVED}


@pytest.mark.container
def test_the_command(
    engine: Engine, images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = images.on(engine, SERVER)
    file = tmp_path / "verify.yaml"
    quiet = ("--ignore", "ALL", "--fail-on", "error")
    assert main(["verify", image, *quiet, "--write-expect", str(file)]) == 0
    assert main(["verify", image, *quiet, "--expect", str(file)]) == 0
    file.write_text(file.read_text().replace("uid: 0", "uid: 7"))
    capsys.readouterr()
    assert main(["verify", image, "--ignore", "ALL", "--expect", str(file), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["checks"]
    assert [one["summary"] for one in found if one["check"] == "expect.user"] == ["runs as uid 0"]
    assert leftovers(engine) == []


# container-structure-test: the verdicts of the real tool (1.19.1), recorded, but for those marked

STRUCTURE = """
ENV A=1 B="x y"
LABEL org=me
EXPOSE 8080 53/udp
VOLUME /data
WORKDIR /srv
RUN echo hello > /srv/a && chmod 640 /srv/a && chown 7:8 /srv/a && ln -s a l && mkdir d && chmod 1777 d
RUN cp /bin/busybox suid && chmod 4755 suid && printf 'AGPL\\n' > lic
USER 1000
ENTRYPOINT ["/bin/sh"]
CMD ["-c","true"]
"""


def standing_on(engine: Engine, image: str) -> set[str]:
    """The images that begin with all layers of this one."""
    layers = engine.inspect_image(image)["RootFS"]["Layers"]
    found = set()
    for one in images_of(engine, all=True):
        with contextlib.suppress(docker.errors.NotFound):  # somebody's, who removed it just now
            if engine.api.inspect_image(one["Id"])["RootFS"]["Layers"][: len(layers)] == layers:
                found.add(one["Id"])
    return found


@pytest.mark.container
def test_structure_tests_run_as_they_are(anywhere: Engine, images: Images) -> None:
    image = images.on(anywhere, STRUCTURE)
    before = standing_on(anywhere, image)

    def verdicts(case: tuple[str, dict[str, Any], bool]) -> set[Verdict]:
        kind, raw, _ = case
        test = {"name": "test", **raw} if kind in ("command", "file", "content") else raw
        text = {"schemaVersion": "2.0.0", KEYS[kind]: test if kind == "metadata" else [test]}
        tests = structure_tests(text)
        with connect(anywhere.url) as client:
            return {one.verdict for one in run_structure_tests(client, image, [tests]).checks}

    with ThreadPoolExecutor(3) as pool:
        for (_, raw, passes), seen in zip(CASES, pool.map(verdicts, CASES), strict=True):
            expected = Verdict.PROVED if passes else Verdict.DISPROVED
            if "uid" in raw and anywhere.kind == "podman":
                expected = Verdict.CANNOT_TELL  # it gives every file to the container's own user
            assert seen == {expected}, raw
    assert standing_on(anywhere, image) == before
    assert leftovers(anywhere) == []


@pytest.mark.container
def test_a_file_of_structure_tests_by_the_command(
    engine: Engine, images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = tmp_path / "tests.yaml"
    tests.write_text('schemaVersion: "2.0.0"\nmetadataTest: {user: "1000"}\n')
    assert main(["verify", images.on(engine, STRUCTURE), "--expect", str(tests)]) == 0
    tests.write_text('schemaVersion: "2.0.0"\nmetadataTest: {user: "1001"}\n')
    assert main(["verify", images.on(engine, STRUCTURE), "--expect", str(tests)]) == 1
    tests.write_text('schemaVersion: "1.0.0"\n')
    assert main(["verify", images.on(engine, STRUCTURE), "--expect", str(tests)]) == 2
    assert "files of schema 2.0.0 are run" in capsys.readouterr().err


@pytest.mark.container
def test_a_check_of_a_kind_is_there(engine: Engine, images: Images) -> None:
    raw = {"schemaVersion": "2.0.0", "metadataTest": {"user": "1000"}}
    seen = run_structure_tests(engine, images.on(engine, STRUCTURE), [structure_tests(raw)])
    assert check(seen, "structure.metadata").verdict is Verdict.PROVED
