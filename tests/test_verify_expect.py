"""Expectations as a file, and the files of container-structure-test, on real containers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from container_images import Images, check
from engine_state import leftovers

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
RIGHT = """
version: 1
ports: {8888/tcp: published, 9/tcp: closed}
other-ports: false
health: {status: healthy, within: 10}
user: {uid: 0, gid: 0, root: true}
processes: {max: 4, services: 1}
writes: [/tmp]
command: [sh, /server.sh]
output: [started]
commands:
- run: [echo, hello]
  stdout: ^hello$
- run: [sh, -c, "echo no >&2; exit 3"]
  exit: 3
  stderr: "no"
files:
  /server.sh: {mode: "0755", contains: nc -l}
  /nowhere: {exists: false}
"""
WRONG = """
ports: {8888/tcp: closed, 9/tcp: listening, 10/tcp: published}
health: {within: 0.1}
user: {uid: 5, root: false}
processes: {max: 1, services: 0}
writes: []
stop: {within: 1}
command: [sh]
output: [never]
commands:
- run: [echo, hello]
  stdout: bye
files:
  /server.sh: {exists: false}
  /nowhere: {}
"""


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
Q = [{"key": "Q", "value": "7"}]
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("command", {"command": "echo", "args": ["hi"], "expectedOutput": ["hi"]}, True),
    ("command", {"command": "sh", "args": ["-c", "exit 3"], "exitCode": 3}, True),
    ("command", {"command": "sh", "args": ["-c", "exit 3"]}, False),
    ("command", {"command": "nonesuch"}, False),
    ("command", {"command": "/nonesuch", "exitCode": 127}, False),
    ("command", {"command": "echo", "args": ["$A-$B"], "expectedOutput": ["1-x y"]}, True),
    ("command", {"command": "sh", "args": ["-c", "echo e >&2"], "expectedError": ["e"], "excludedOutput": ["e"]}, True),
    ("command", {"command": "cat", "args": ["/tmp/x"], "setup": [["sh", "-c", "echo 5 > /tmp/x"]],
                 "expectedOutput": ["5"]}, True),
    # A container is its test's own, so that there is nothing to take down.
    ("command", {"command": "true", "teardown": [["false"]]}, True),
    ("command", {"command": "echo", "args": ["$Q"], "envVars": Q, "expectedOutput": ["7"]}, True),  # not so there
    ("command", {"command": "echo", "args": ["hello"], "expectedOutput": ["^h.*o\n$"]}, True),
    ("command", {"command": "echo", "args": ["x"], "excludedOutput": ["x"]}, False),
    ("command", {"command": "id", "args": ["-u"], "expectedOutput": ["1000"]}, True),
    ("command", {"command": "pwd", "expectedOutput": ["/srv"]}, True),
    ("file", {"path": "/srv/a"}, True),
    ("file", {"path": "/srv/none", "shouldExist": False}, True),
    ("file", {"path": "/srv/none", "shouldExist": True}, False),
    ("file", {"path": "/srv/a", "shouldExist": True, "permissions": "-rw-r-----"}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "permissions": "-rw-r--r--"}, False),
    ("file", {"path": "/srv/a", "shouldExist": True, "uid": 7, "gid": 8}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "uid": 0}, False),
    ("file", {"path": "/srv/d", "shouldExist": True, "permissions": "dtrwxrwxrwx"}, True),
    ("file", {"path": "/srv/suid", "shouldExist": True, "permissions": "urwxr-xr-x"}, True),
    ("file", {"path": "/srv/l", "shouldExist": True, "permissions": "Lrwxrwxrwx"}, True),
    ("file", {"path": "/srv", "shouldExist": True, "permissions": "drwxr-xr-x"}, True),
    ("file", {"path": "/srv/suid", "shouldExist": True, "isExecutableBy": "any"}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "isExecutableBy": "owner"}, False),
    ("content", {"path": "/srv/a", "expectedContents": ["hell."]}, True),
    ("content", {"path": "/srv/a", "expectedContents": ["^hello$"]}, False),  # in Go `$` is the end of all
    ("content", {"path": "/srv/a", "excludedContents": ["hello"]}, False),
    ("content", {"path": "/none", "expectedContents": ["x"]}, False),
    ("content", {"path": "/srv/l", "expectedContents": ["hello"]}, True),  # not so there: it does not follow links
    ("metadata", {"envVars": [{"key": "A", "value": "1"}]}, True),
    ("metadata", {"envVars": [{"key": "A", "value": "2"}]}, False),
    ("metadata", {"envVars": [{"key": "B", "value": "x.*", "isRegex": True}]}, True),
    ("metadata", {"labels": [{"key": "org", "value": "me"}]}, True),
    ("metadata", {"labels": [{"key": "or", "value": "me"}]}, False),
    ("metadata", {"exposedPorts": ["8080"]}, True),
    ("metadata", {"exposedPorts": ["81"]}, False),
    ("metadata", {"exposedPorts": ["53/udp"]}, True),  # not so there: it drops the protocol
    ("metadata", {"unexposedPorts": ["53"]}, True),  # not so there
    ("metadata", {"unexposedPorts": ["8080"]}, False),
    ("metadata", {"volumes": ["/data"]}, True),
    ("metadata", {"volumes": ["/x"]}, False),
    ("metadata", {"unmountedVolumes": ["/data"]}, False),
    ("metadata", {"entrypoint": ["/bin/sh"], "cmd": ["-c", "true"], "workdir": "/srv", "user": "1000"}, True),
    ("metadata", {"cmd": ["-c"]}, False),
    ("metadata", {"workdir": "/x"}, False),
    ("metadata", {"user": "0"}, False),
    ("license", {"debian": False, "files": ["/srv/a"]}, True),
    ("license", {"debian": False, "files": ["/srv/lic"]}, False),
]  # fmt: skip
KEYS = {
    "command": "commandTests", "file": "fileExistenceTests", "content": "fileContentTests", "license": "licenseTests",
    "metadata": "metadataTest",
}  # fmt: skip


@pytest.mark.container
def test_structure_tests_run_as_they_are(anywhere: Engine, images: Images) -> None:
    image = images.on(anywhere, STRUCTURE)
    before = {one["Id"] for one in anywhere.api.images(all=True)}

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
    assert {one["Id"] for one in anywhere.api.images(all=True)} == before
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
