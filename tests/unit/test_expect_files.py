"""Files of expectations and of container-structure-test: what is right is taken, what is wrong is told with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from expect_cases import CASES, KEYS, RIGHT, WRONG
from properties import OURS, THEIRS, VALUES, WORDS, example, given, properties, st

from imglint.__main__ import main
from imglint.analyzer import InputError
from imglint.analyzer.yaml_file import YamlFile, read_yaml
from imglint.proving import read_expectations
from imglint.runner.expect import Expectations, parse_expectations
from imglint.runner.structure_test import StructureTests, is_structure_test, parse_structure_tests


def parsed(text: str) -> Expectations | StructureTests:
    file = YamlFile(text, "verify.yaml")
    return parse_structure_tests(file) if is_structure_test(file) else parse_expectations(file)


# Our own: what stands in the file, the line, what is said of it, and the hint
EXPECTATIONS = [
    ("", 0, "is empty", "--write-expect"),
    ("# only a comment\n", 0, "is empty", "--write-expect"),
    ("version: 1", 0, "expects nothing", "--write-expect"),
    ("other-ports: true", 0, "expects nothing", ""),
    ("- a", 0, "takes a mapping, not a list", ""),
    ("7", 0, "takes a mapping, not 7", ""),
    ("run: {env: [A=b]}", 0, "expects nothing", ""),
    ("run: 3", 1, "run takes a mapping, not 3", ""),
    ("run: {environment: [A]}", 1, "run.environment is no known key", ""),
    ("run: {env: {A: b}}", 1, "run.env takes a list of texts, not a mapping", ""),
    ("run: {env-file: app.env}", 1, "run.env-file takes a list of texts", ""),
    ("run:\n  volume: [3]", 2, "run.volume[0] takes a text, not 3", ""),
    ("run: {mount: x}", 1, "run.mount takes a list of texts", ""),
    ("run: {tmpfs: /run}", 1, "run.tmpfs takes a list of texts", ""),
    ("run: {add-host: x}", 1, "run.add-host takes a list of texts", ""),
    ("run: {with: db}", 1, "run.with takes a list of texts", ""),
    ("run: {with-env: [3]}", 1, "run.with-env[0] takes a text, not 3", ""),
    ("run: {command: sleep}", 1, "run.command takes a list of texts", ""),
    ("run: {allow-egress: 1}", 1, "run.allow-egress takes true or false, not 1", ""),
    ("run: {user: []}", 1, "run.user takes a text or a whole number, not a list", ""),
    ("run: {entrypoint: [a]}", 1, "run.entrypoint takes a text or a whole number, not a list", ""),
    ('run: {network: ""}', 1, "run.network is empty", ""),
    ("run: {memory: {}}", 1, "run.memory takes a text or a whole number", ""),
    ("run: {pids-limit: true}", 1, "run.pids-limit takes a text or a whole number", ""),
    ("run: {wait: 1.5}", 1, "run.wait takes a text or a whole number, not 1.5", ""),
    ("run: {observe: null}", 1, "run.observe takes a text or a whole number, not nothing", ""),
    ("port: {}", 1, "port is no known key", "did you mean ports?"),
    ("version: 2", 1, "version takes 1, not 2", ""),
    ("version: true", 1, "version takes 1, not true", ""),
    ("output: [a]\noutput: [b]", 2, "has the key output twice", ""),
    ("output: [a]\n---\noutput: [b]", 2, "holds several documents", "keep one in each file"),
    ("output:\n\t- a", 2, "is no YAML", "use spaces"),
    ("a: [", 1, "is no YAML", ""),
    ("ports:\n  80: up", 2, "ports.80 takes listening, published or closed, not 'up'", ""),
    ("ports: {80: listenin}", 1, "ports.80 takes", "did you mean listening?"),
    ("ports: {x/tcp: closed}", 1, "ports.x/tcp is not a port, as in 8888/tcp", ""),
    ("ports: {99999: closed}", 1, "ports.99999 is not a port", ""),
    ("ports: {0: closed}", 1, "ports.0 is not a port", ""),
    ("ports: {80: closed, 80/tcp: listening}", 1, "names the port 80/tcp twice", ""),
    ("ports: [80]", 1, "ports takes a mapping, not a list", ""),
    ("other-ports: maybe", 1, "other-ports takes true or false, not 'maybe'", ""),
    ("health: {status: healty}", 1, "health.status takes healthy or unhealthy", "did you mean healthy?"),
    ("health: {within: soon}", 1, "health.within takes a number, not 'soon'", "seconds"),
    ("health: {}", 1, "health is empty", "it takes status or within"),
    ("health:", 1, "health takes a mapping, not nothing", ""),
    ("user: {name: x}", 1, "user.name is no known key", "known are uid, gid, root"),
    ('user: {root: "false"}', 1, "user.root takes true or false, not 'false'", ""),
    ("user: {uid: me}", 1, "user.uid takes a whole number, not 'me'", "as in 1000"),
    ("user: {uid: -1}", 1, "user.uid takes 0 or more, not -1", ""),
    ("user: {uid: 0100}", 1, "user.uid takes a whole number, not '0100'", ""),
    ("user: {gid: 1e3}", 1, "user.gid takes a whole number", ""),
    ("user: {uid: 0, root: false}", 1, "user contradicts itself: uid 0 is root's", "leave one"),
    ("user: {uid: 5, root: true}", 1, "user contradicts itself: uid 5 is not root's", ""),
    ("user: {}", 1, "user is empty", ""),
    ("command: nginx", 1, "command takes a list of texts, not 'nginx'", "as in [nginx"),
    ("command: []", 1, "command is empty", ""),
    ("command: [sleep, 5]", 1, "command[1] takes a text, not 5: write it in quotes", ""),
    ("processes: {max: few}", 1, "processes.max takes a whole number, not 'few'", ""),
    ("processes: {max: 1.5}", 1, "processes.max takes a whole number, not 1.5", ""),
    ("processes: {services: -1}", 1, "processes.services takes 0 or more", ""),
    ("processes: {}", 1, "processes is empty", ""),
    ("writes:", 1, "writes takes a list of texts, not nothing", "[] for none"),
    ("writes: [tmp]", 1, "writes[0] takes an absolute path", ""),
    ("stop: {within: soon}", 1, "stop.within takes a number, not 'soon'", "seconds"),
    ("stop: {within: .nan}", 1, "holds .nan, which is no number", ""),
    ("stop: {within: .inf}", 1, "holds .inf, which is no number", ""),
    ("stop: {within: -1}", 1, "stop.within takes more than 0, not -1", ""),
    ("stop: {}", 1, "stop is empty", "it takes within"),
    ("output: x", 1, "output takes a list, not 'x'", ""),
    ("output: ['(']", 1, "output[0] is no pattern: missing )", "regular expression"),
    ("output: ['a{99999999999999}']", 1, "output[0] is no pattern: the repetition number is too large", ""),
    ("output:\n- a\n- yes", 3, "output[1] takes a text, not true: write it in quotes", ""),
    ("output: ['']", 1, "output[0] is empty", ""),
    ("commands: [x]", 1, "commands[0] takes a mapping, not 'x'", ""),
    ("commands: [{exit: 0}]", 1, "commands[0] lacks run", ""),
    ("commands: [{run: echo}]", 1, "commands[0].run takes a list of texts, not 'echo'", "[echo, hello]"),
    ("commands: [{run: []}]", 1, "commands[0].run is empty", ""),
    ("commands: [{run: [a], exit: 300}]", 1, "commands[0].exit takes 255 at most, not 300", ""),
    ("commands: [{run: [a], stdut: x}]", 1, "commands[0].stdut is no known key", "did you mean stdout?"),
    ("commands: [{run: [a], stdout: '['}]", 1, "commands[0].stdout is no pattern", ""),
    ("files: {/x: yes}", 1, 'files["/x"] takes a mapping, not true', ""),
    ("files: {/x: {exists: maybe}}", 1, "files[\"/x\"].exists takes true or false, not 'maybe'", ""),
    ("commands: [{run: [a], stderr: [b]}]", 1, "commands[0].stderr takes a text, not a list", ""),
    ("files: {x: {}}", 1, "files.x is not an absolute path", ""),
    ("files:\n  /x:\n    mode: 644", 3, 'files["/x"].mode takes a text, not 644: write it in quotes', "0644"),
    ("files: {/x: {mode: '0999'}}", 1, 'files["/x"].mode takes an octal mode', ""),
    ("files: {/x: {exists: false, mode: '644'}}", 1, "/x has to be absent, and yet to have mode", ""),
    ("files: {/x: {contains: '('}}", 1, 'files["/x"].contains is no pattern', ""),
    ("output: !!python/object:os.system [a]", 1, "which is no plain data", ""),
    ("output: &a [*a]", 1, "holds an alias that stands for itself", ""),
    ("? [a]\n: b", 1, "has a list or a mapping as a key", ""),
    ("output: [" + "[" * 3000, 0, "nests too deep", ""),
]
S = "schemaVersion: 2.0.0\n"
TESTS = [
    ("schemaVersion: 2.0.0", 0, "holds no test", "commandTests"),
    (S + "commandTests: []", 0, "holds no test", ""),
    ("schemaVersion: 1.0.0", 1, "schemaVersion takes 2.0.0, not '1.0.0'", "2.0.0 are run"),
    ("schemaVersion: 2.0", 1, "schemaVersion takes 2.0.0, not 2.0", ""),
    ("commandTests: []", 0, "lacks schemaVersion", ""),
    (S + "ports: {80/tcp: closed}", 2, "and ports, which is imglint's", "keep them in two files"),
    (S + "commandTest: []", 2, "commandTest is no known key", "did you mean commandTests?"),
    (S + "commandTests: yes", 2, "commandTests takes a list of mappings, not true", ""),
    (S + "commandTests:\n- name: x", 3, "commandTests[0] lacks command", ""),
    (S + "commandTests: [{command: x}]", 2, "commandTests[0] lacks name", ""),
    (S + "commandTests: [{name: a, command: b, args: 5}]", 2, "commandTests[0].args takes a list, not 5", ""),
    (S + "commandTests: [{name: a, command: b, exitCode: '0'}]", 2, "exitCode takes a whole number, not '0'", ""),
    (S + "commandTests: [{name: a, command: b, exitCode: -1}]", 2, "exitCode takes 0 or more, not -1", ""),
    (S + "commandTests: [{name: a, command: b, setup: [x]}]", 2, "setup[0] takes a list, not 'x'", ""),
    (S + "commandTests: [{name: a, command: b, setup: [[]]}]", 2, "setup[0] is empty", ""),
    (S + "commandTests: [{name: a, command: b, teardown: x}]", 2, "teardown takes a list, not 'x'", "[[mkdir"),
    (S + "commandTests: [{name: a, command: b, expectedOutput: ['(']}]", 2, "expectedOutput[0] is no pattern", ""),
    (S + "commandTests: [{name: a, command: b, excludedOutput: x}]", 2, "excludedOutput takes a list", ""),
    (S + "commandTests: [{name: a, command: b, expectedError: [[x]]}]", 2, "expectedError[0] takes", ""),
    (S + "commandTests: [{name: a, command: b, excludedError: ['*']}]", 2, "excludedError[0] is no pattern", ""),
    (S + "commandTests: [{name: a, command: b, envVars: {A: b}}]", 2, "envVars takes a list of mappings", "key: PATH"),
    (S + "globalEnvVars: [{value: b}]", 2, "globalEnvVars[0] lacks key", ""),
    (S + "fileExistenceTests: [{name: x}]", 2, "fileExistenceTests[0] lacks path", ""),
    (S + "fileExistenceTests: [{name: x, path: /a, shouldExist: 'no'}]", 2, "shouldExist takes true or false", ""),
    (S + "fileExistenceTests: [{name: x, path: /a, permissions: 0644}]", 2, "permissions takes", "",),
    (S + "fileExistenceTests: [{name: x, path: /a, uid: root}]", 2, "uid takes a whole number, not 'root'", ""),
    (S + "fileExistenceTests: [{name: x, path: /a, gid: -2}]", 2, "gid takes -1 or more", ""),
    (S + "fileExistenceTests: [{name: x, path: /a, isExecutableBy: me}]", 2, "isExecutableBy takes owner, group", ""),
    (S + "fileContentTests: [{path: /a}]", 2, "fileContentTests[0] lacks name", ""),
    (S + "fileContentTests: [{name: x, path: /a, expectedContents: ['[']}]", 2, "expectedContents[0] is no", ""),
    (S + "fileContentTests: [{name: x, path: /a, excludedContents: x}]", 2, "excludedContents takes a list", ""),
    (S + "fileContentTests: [{name: x, path: /a, excludedContent: []}]", 2, "", "did you mean excludedContents?"),
    (S + "metadataTest: []", 2, "metadataTest takes a mapping, not a list", ""),
    (S + "metadataTest: {envVars: [{key: a, value: '(', isRegex: true}]}", 2, "envVars[0].value is no pattern", ""),
    (S + "metadataTest: {labels: [{key: a, isRegex: maybe}]}", 2, "labels[0].isRegex takes true or false", ""),
    (S + "metadataTest: {unboundEnvVars: [A]}", 2, "unboundEnvVars[0] takes a mapping, not 'A'", ""),
    (S + "metadataTest: {exposedPorts: [http]}", 2, "exposedPorts[0] takes a port", ""),
    (S + "metadataTest: {unexposedPorts: [70000]}", 2, "unexposedPorts[0] takes 65535 at most", ""),
    (S + "metadataTest: {volumes: /data}", 2, "volumes takes a list, not '/data'", ""),
    (S + "metadataTest: {unmountedVolumes: {}}", 2, "unmountedVolumes takes a list, not a mapping", ""),
    (S + "metadataTest: {entrypoint: sh}", 2, "entrypoint takes a list, not 'sh'", ""),
    (S + "metadataTest: {cmd: sh}", 2, "cmd takes a list, not 'sh'", ""),
    (S + "metadataTest: {workdir: [a]}", 2, "workdir takes a text", ""),
    (S + "metadataTest: {user: [a]}", 2, "user takes a text", ""),
    (S + "licenseTests: [{debian: 'no'}]", 2, "licenseTests[0].debian takes true or false", ""),
    (S + "licenseTests: [{files: /a}]", 2, "files takes a list, not '/a'", ""),
    (S + "containerRunOptions: {privileged: true}", 2, "privileged takes false, not true", "no container under test"),
    (S + "containerRunOptions: {allocateTty: true}", 2, "allocateTty takes false, not true", "no container"),
    (S + "containerRunOptions: {bindMounts: [/a:/b]}", 2, "bindMounts is nothing that imglint does", "of the host"),
    (S + "containerRunOptions: {envVars: [A]}", 2, "envVars is nothing that imglint does", "globalEnvVars"),
    (S + "containerRunOptions: {envFile: a}", 2, "envFile is nothing that imglint does", "globalEnvVars"),
    (S + "containerRunOptions: {capabilities: ALL}", 2, "capabilities takes a list, not 'ALL'", ""),
    (S + "containerRunOptions: {user: {}}", 2, "containerRunOptions.user takes a text", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "problem", "hint"), EXPECTATIONS + TESTS)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, problem: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert caught.value.subject == ("verify.yaml" if not line else f"verify.yaml:{line}")
    assert problem in caught.value.problem
    assert hint in caught.value.hint
    assert len(caught.value.problem) < 200


@pytest.mark.parametrize(("schema", "cases"), [(OURS, EXPECTATIONS), (THEIRS, TESTS)])
def test_every_key_is_among_the_wrong_ones(schema: Any, cases: list[tuple[str, int, str, str]]) -> None:
    told = " ".join(problem for _, _, problem, _ in cases)
    assert {key for key in properties(schema) if not re.search(rf"\b{key}\b", told)} == set()


def test_the_command_ends_with_2_and_meets_no_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    path = tmp_path / "verify.yaml"
    cases: list[tuple[bytes, str]] = [
        (b"user: {root: 'false'}", f"{path}:1: user.root takes true or false"),
        (b"schemaVersion: 2.0.0\ncommandTests: yes", f"{path}:2: commandTests takes a list"),
        (b"output:\n- \xff", f"{path}:2: is not UTF-8"),
        (b"a" * (1 << 21), f"{path}: is larger than 1 MiB"),
        (b"a: \0", f"{path}:1: is no YAML"),
    ]
    for data, message in cases:
        path.write_bytes(data)
        assert main(["verify", "no-such-image", "--expect", str(path)]) == 2
        told = capsys.readouterr().err
        assert message in told
        assert "Traceback" not in told
        assert len(told.splitlines()) <= 2
    assert main(["verify", "no-such-image", "--expect", str(tmp_path)]) == 2
    assert main(["verify", "no-such-image", "--expect", str(tmp_path / "none.yaml")]) == 2
    assert "no such file or directory" in capsys.readouterr().err


# What is right


def test_a_text_is_taken_as_it_is_written() -> None:
    tests = parsed(
        S + "commandTests: [{name: 1, command: true, args: [5, 1.10, yes, 0644, 2024-01-01, ~x]}]\n"
        "metadataTest: {user: 1000, envVars: [{key: A, value: 1.10}], exposedPorts: [8080], cmd: }\n"
    )
    assert isinstance(tests, StructureTests)
    [command] = tests.raw["commandTests"]
    assert command == {
        "name": "1",
        "command": "true",
        "args": ["5", "1.10", "yes", "0644", "2024-01-01", "~x"],
    }
    assert tests.raw["metadataTest"] == {
        "user": "1000", "envVars": [{"key": "A", "value": "1.10"}], "exposedPorts": ["8080"],
    }  # fmt: skip
    ours = parsed("ports: {80: closed, 53/udp: listening}\nfiles: {/x: {mode: 0644}}\n")
    assert isinstance(ours, Expectations)
    assert ours.ports == {"80/tcp": "closed", "53/udp": "listening"}
    assert ours.files == {"/x": {"mode": "0644"}}


def test_patterns_of_go() -> None:
    from imglint.runner.structure_test import _pattern

    for pattern, text, found in (
        ("^[[:digit:]]+$", "42", True), ("^[[:digit:]]+$", "4d", False), ("[^[:space:]]", " \n", False),
        ("a$", "a\n", False), ("(?m)a$", "a\nb", True), (r"a\z", "a", True), (r"\$x", "$x", True),
        ("[$]x", "$x", True), (r"[\]$]", "$", True), ("[]$]b", "$b", True),
    ):  # fmt: skip
        assert (_pattern(pattern).search(text) is not None) is found, pattern


RIGHT_TESTS = [
    {"schemaVersion": "2.0.0", KEYS[kind]: raw if kind == "metadata" else [{"name": "n", **raw}]}
    if kind != "license"
    else {"schemaVersion": "2.0.0", KEYS[kind]: [raw]}
    for kind, raw, _ in CASES
]
# The examples of that tool's documentation, rewritten: the same fields in the same forms.
DOCUMENTED = """
schemaVersion: '2.0.0'
globalEnvVars: [{key: VENV, value: /env}, {key: PATH, value: "/env/bin:$PATH"}]
commandTests:
- name: "gunicorn"
  setup: [["virtualenv", "/env"], ["pip", "install", "gunicorn"]]
  command: "which"
  args: ["gunicorn"]
  expectedOutput: ["/env/bin/gunicorn"]
- name: "a script"
  command: "bash"
  args:
    - -c
    - |
       echo hello &&
       echo world
fileExistenceTests:
- {name: Root, path: /, shouldExist: true, permissions: 'drwxr-xr-x', uid: 1000, gid: 1000, isExecutableBy: 'group'}
fileContentTests:
- name: 'Sources'
  path: '/etc/apt/sources.list'
  expectedContents: ['.*httpredir\\.debian\\.org.*']
metadataTest:
  envVars: [{key: foo, value: baz}]
  labels: [{key: 'date', value: '^\\d{4}-\\d{2}$', isRegex: true}]
  exposedPorts: ["8080", "2345"]
  volumes: ["/test"]
  entrypoint: []
  cmd: ["/bin/bash"]
  workdir: "/app"
  user: "luke"
licenseTests: [{debian: true, files: ["/foo/bar"]}]
containerRunOptions: {user: root, privileged: false, capabilities: [NET_BIND_SERVICE]}
"""


@pytest.mark.parametrize("text", [RIGHT, WRONG, DOCUMENTED, *map(yaml.safe_dump, RIGHT_TESTS)])
def test_parser_and_schema_agree_on_what_is_right(text: str) -> None:
    parsed(text)
    raw = yaml.safe_load(text)
    jsonschema.validate(raw, THEIRS if "schemaVersion" in raw else OURS)


def test_the_schemas_are_schemas() -> None:
    for schema in (OURS, THEIRS):
        jsonschema.Draft202012Validator.check_schema(schema)


# Whatever a file holds, a user's fault is told as one


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5), st.booleans())
@example({"fileExistenceTests": [{"name": "x"}]}, True)
@example({"commandTests": True}, True)
@example({"user": {"uid": "me"}}, False)
@example({"processes": {"max": "few"}}, False)
def test_any_structure_is_read_or_refused(raw: dict[str, Any], theirs: bool) -> None:
    text = yaml.safe_dump({**raw, "schemaVersion": "2.0.0"} if theirs else raw, allow_unicode=True)
    try:
        parsed(text)
    except InputError as error:
        assert "\n" not in error.problem


@given(st.text(max_size=60) | st.text("a:-[]{}&*!|> \n\t'\"#%?,.0<=~", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parsed(text)
    except InputError as error:
        assert "\n" not in error.problem


def test_aliases_do_not_multiply_without_end(tmp_path: Path) -> None:
    for inner in ("[{}]", "{{<<: [{}]}}"):
        lines = ["a: &a " + ("[x]" if inner[0] == "[" else "{x: y}")]
        for before, name in zip("abcdefghi", "bcdefghij", strict=True):
            lines.append(f"{name}: &{name} " + inner.format(", ".join([f"*{before}"] * 9)))
        with pytest.raises(InputError, match="once its aliases are expanded"):
            YamlFile("\n".join(lines), "bomb")


def test_both_kinds_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    (tmp_path / "b.yaml").write_text("\ufeff" + DOCUMENTED, encoding="utf-8")
    files = read_expectations([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")])
    assert (len(files.expectations), len(files.structure_tests)) == (1, 1)
    assert read_yaml(str(tmp_path / "a.yaml")).line(["files", "/server.sh", "mode"]) == 18
