"""What a wrong value does, for each option, key, variable and file: an error or a note, never silently all or nothing."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from properties import VALUES, given, st

from imglint.__main__ import main
from imglint.analyzer import InputError
from imglint.cli import app
from imglint.config_file import HADOLINT_KEYS, KEYS, PER_PATH_KEYS, _settings, read
from imglint.gates import dive_file_limits
from imglint.lint_options import OPTION_NAMES, outputs
from imglint.linting import lint
from imglint.rules.gates import _DIVE_RULES, Limits
from imglint.rules.trends import Row

ROOT = Path(__file__).parents[2]
WASTE = str(ROOT / "examples/waste/waste.tar")
# three warnings and a note
FAULTY = "FROM debian\nRUN apt-get update\nUSER root\nRUN apt-get install -y --no-install-recommends b=1\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a Dockerfile, without engine, home, or the settings of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("DOCKER_CONTEXT", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PRE_COMMIT", "GITHUB_SHA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    (tmp_path / "Dockerfile").write_text(FAULTY)
    (tmp_path / "empty").mkdir()
    return tmp_path


class Told:
    """What a run printed and ended with."""

    def __init__(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        self.code = main(arguments)
        self.out, self.err = capsys.readouterr()
        assert "Traceback" not in self.err, self.err
        assert self.code != 5

    def says(self, words: str) -> bool:
        return words in f"{self.out}\n{self.err}"


# The command line: arguments, exit code, words

ABOUT_LINT: list[tuple[list[str], int, str]] = [
    (["missing"], 2, "missing: no such file or directory"),
    (["*.none"], 3, "*.none: holds no Dockerfile"),
    (["empty"], 3, "empty: holds no Dockerfile"),
    (["empty", "-f", "json"], 3, "empty: holds no Dockerfile"),
    (["empty", "-f", "sarif"], 3, "empty: holds no Dockerfile"),
    (["--format", "xml"], 2, "--format is text, concise, full, json"),
    (["--format", "jsn"], 2, "did you mean json?"),
    (["-f", "json", "-f", "sarif"], 2, "two formats go to the same place"),
    (["-f", "json", "-o", "a.json", "-f", "sarif", "-o", "./a.json"], 2, "two formats go to the same place"),
    (["-o", "report.xml"], 2, "report.xml can be junit or checkstyle: say which by --format"),
    (["-f", "text", "-o", "report.json"], 2, "report.json would hold text: use --format json"),
    (["-f", "json", "--output", "report.sarif"], 2, "report.sarif would hold json: use --format sarif"),
    (["-f", "github", "-o", "report.md"], 2, "report.md would hold github: use --format markdown"),
    (["-o", "Dockerfile"], 2, "Dockerfile: is what was read: it is not overwritten"),
    (["-o", "no/such/x"], 2, "no/such/x: can't be written"),
    (["--select", "DL3OO6"], 2, "did you mean DL3006?"),
    (["--select", ","], 2, "--select names no code"),
    (["--select", "AV0806"], 0, "nothing was checked: of the rules that are selected none looks at a Dockerfile"),
    (["--select", "SC2086"], 0, "nothing was checked"),
    (["--select", "DL3006", "--ignore", "DL3006"], 0, "nothing was checked"),
    (["--ignore", "untaged-image"], 2, "did you mean untagged-image?"),
    (["--ignore", " , "], 2, "--ignore names no code"),
    (["--extend-select", "IL1"], 2, "no rule has the code 'IL1'"),
    (["--extend-select", ","], 2, "--extend-select names no code"),
    (["--fail-level", "fatal"], 2, "--fail-level is style, info, warning, error or none, not 'fatal'"),
    (["--fail-level", "errror"], 2, "did you mean error?"),
    (["--fail-level", "Error"], 2, "--fail-level is"),
    (["--profile", "hadolnt"], 2, "--profile is default, hadolint, strict, not 'hadolnt'; did you mean hadolint?"),
    (["--build-arg", "A"], 2, "--build-arg takes NAME=VALUE, not 'A'"),
    (["--build-arg", "=a"], 2, "--build-arg takes NAME=VALUE, not '=a'"),
    (["--build-arg", "VERSON=1"], 1, "--build-arg VERSON: no ARG has this name"),
    (["--target", "runtime"], 2, "Dockerfile: has no stage 'runtime'"),
    (["--target", "-1"], 2, "Dockerfile: has no stage '-1'"),
    (["--context", "nowhere"], 2, "nowhere: is no directory"),
    (["--context", "Dockerfile"], 2, "Dockerfile: is no directory"),
    (["--trusted-registry", "https://docker.io"], 2, "takes a registry as in docker.io or *.example.org"),
    (["--trusted-registry", "docker.io/library"], 2, "takes a registry as in docker.io"),
    (["--config", "none.toml"], 2, "none.toml: no such file or directory"),
    (["--config", "empty"], 2, "empty: is a directory"),
    (["--config", "Dockerfile"], 2, "Dockerfile: is not valid TOML"),
    (["--config", "x", "--isolated"], 2, "--isolated reads no configuration, and --config names one"),
    (["--baseline", "none.json"], 2, "none.json: is not there"),
    (["--baseline", "Dockerfile"], 2, "Dockerfile: is no baseline of imglint's: it is no JSON"),
    (["--write-baseline", "Dockerfile"], 2, "Dockerfile: is there and no baseline: it is not overwritten"),
    (["--write-baseline", "no/such.json"], 2, "no/such.json: can't be written"),
    (["--write-baseline", "x.json", "-f", "json"], 2, "--write-baseline shows no findings: leave --format"),
    (["--write-baseline", "x.json", "-o", "y.json"], 2, "--write-baseline shows no findings: leave --format"),
    (["--write-baseline", "x.json", "--since", "main"], 2, "--write-baseline records everything: leave --since out"),
    (["--since", "main"], 2, "is in no Git repository"),
    (["--since", "main", "-"], 2, "--since needs files that Git knows"),
    (["--statistics", "-f", "json"], 2, "--statistics is for --format text, not json"),
    (["--jobs", "-1"], 2, "--jobs takes a number up to 9999, not '-1'"),
    (["--jobs", "²"], 2, "--jobs takes a number up to 9999, not '²'"),
    (["-j", "many"], 2, "--jobs takes a number"),
    (["--jobs", "9" * 5000], 2, "--jobs takes a number"),
    (["--stdin-filename", "a/Dockerfile"], 2, "--stdin-filename names standard input: give - as the path"),
    (["--isolated=yes"], 2, "--isolated takes no value"),
    (["--no-pragmas=1"], 2, "--no-pragmas takes no value"),
    (["--ignroe", "DL3006"], 2, "there is no option --ignroe; did you mean --ignore?"),
    (["--select"], 2, "--select needs a value"),
    ([""], 2, "an argument is empty"),
]  # fmt: skip
OUTPUTS: list[tuple[list[str], int, str]] = [
    (["--format", "xml"], 2, "--format is text, concise, full, json"),
    (["-f", "text", "--output", "x.json"], 2, "x.json would hold text: use --format json"),
]
RULES: list[tuple[list[str], int, str]] = [
    (["--select", "DL3OO6"], 2, "did you mean DL3006?"),
    (["--ignore", "XX1"], 2, "no rule has the code 'XX1'"),
    (["--extend-select", "XX1"], 2, "no rule has the code 'XX1'"),
    (["--profile", "hadolnt"], 2, "did you mean hadolint?"),
    (["--config", "none.toml"], 2, "none.toml: no such file"),
    (["--config", "none.toml", "--isolated"], 2, "--isolated reads no configuration, and --config names one"),
]
LEVEL: list[tuple[list[str], int, str]] = [(["--fail-level", "fatal"], 2, "--fail-level is style, info")]
VERDICTS: list[tuple[list[str], int, str]] = [
    (["--fail-on", "disproved"], 2, "--fail-on is "),
    (["--fail-on", "unknwon"], 2, "did you mean unknown?"),
]
ENGINE: list[tuple[list[str], int, str]] = [
    (["--engine", "dokcer"], 2, "'dokcer' is neither docker, podman nor a URL"),
]
# Of the other commands: what makes them complete, and what is wrong then
OF_RUN: list[tuple[list[str], int, str]] = [
    (["--wait", "soon"], 2, "--wait takes a time up to an hour, as 90, 90s or 2m, not 'soon'"),
    (["--wait", "-1"], 2, "--wait takes a time up to an hour"),
    (["--observe", "2h"], 2, "--observe takes a time up to an hour"),
    (["--observe", "nan"], 2, "--observe takes a time up to an hour"),
    (["--memory", "much"], 2, "--memory takes a size from 6m on, as 512m or 2g, not 'much'"),
    (["--memory", "1k"], 2, "--memory takes a size from 6m on"),
    (["--pids-limit", "0"], 2, "--pids-limit takes a number from 1 on, not '0'"),
    (["--network", "a b"], 2, "--network takes the name of a network, not 'a b'"),
    (["--env", "NOWHERE_SET"], 2, "-e NOWHERE_SET takes its value from a variable that is not set here"),
    (["-e", "=x"], 2, "-e takes NAME=VALUE"),
    (["-e", "A B=x"], 2, "-e takes NAME=VALUE"),
    (["--env-file", "none.env"], 2, "none.env: no such file"),
    (["--env-file", "."], 2, "is a directory"),
    (["--volume", "a/b:/c"], 2, "'a/b' is neither a volume's name nor a path: write ./a/b for a path"),
    (["-v", "./a:b"], 2, "takes an absolute path below / in the container, not 'b'"),
    (["-v", "/"], 2, "takes an absolute path below / in the container, not '/'"),
    (["-v", ".:/a/.."], 2, "takes an absolute path below / in the container"),
    (["-v", ".:/a:z"], 2, "takes SOURCE:TARGET, SOURCE:TARGET:ro or SOURCE:TARGET:rw"),
    (["-v", ".:/a", "--tmpfs", "/a"], 2, "/a is mounted twice"),
    (["--mount", "type=bind,target=/a"], 2, "lacks source=PATH"),
    (["--mount", "type=npipe,source=a,target=/a"], 2, "type is bind, volume or tmpfs, not 'npipe'"),
    (["--mount", "type=bind,source=.,target=/a,propagation=shared"], 2, "propagation is no key"),
    (["--mount", "source=/a,target=/a"], 2, "/a is a path: use type=bind"),
    (["--tmpfs", "run"], 2, "takes an absolute path below / in the container, not 'run'"),
    (["--tmpfs", "/run:big"], 2, "takes options as in /run:size=64m,mode=1777"),
    (["--user", "a b"], 2, "--user takes a name or a number"),
    (["-u", "1000:"], 2, "--user takes a name or a number"),
    (["--add-host", "db"], 2, "--add-host takes NAME:ADDRESS, as in db:10.0.0.5, not 'db'"),
    (["--add-host", "db:10.0.0"], 2, "--add-host takes NAME:ADDRESS"),
    (["--with", "db"], 2, "--with takes NAME=IMAGE, as in db=postgres:16, not 'db'"),
    (["--with", "db=x", "--with", "db=y"], 2, "--with names db twice"),
    (["--with", "db=x", "--network", "n"], 2, "--with starts services in a network of the run's own"),
    (["--with-env", "db:A"], 2, "--with-env db: no service is called so; use --with db=IMAGE"),
    (["--with-env", "A"], 2, "--with-env takes NAME:VARIABLE=VALUE"),
    (["--network", "x", "--allow-egress"], 2, "--network says itself what can be reached"),
]
WITH_RUN = [
    *((["--run", *words], code, told) for words, code, told in OF_RUN),
    (["--memory", "2g"], 2, "--memory is about the run: use it with --run"),
    (["--wait", "2m", "--network", "x"], 2, "--network is about the run: use it with --run"),
]
# A hook's variables are set when it runs, and their values stand in no file.
FOR_HOOK = [
    *(one for one in WITH_RUN if "NOWHERE_SET" not in one[0]),
    (["--run", "--env", "A=b"], 2, "-e A would stand in the hook with its value"),
]
LIMITS: list[tuple[list[str], int, str]] = [
    (["--max-size", "big"], 2, "--max-size: 'big' is no size"),
    (["--max-pull", "1XB"], 2, "--max-pull: '1XB' is no size"),
    (["--max-layer", "1 000"], 2, "--max-layer: '1 000' is no size"),
    (["--max-waste", "5%"], 2, "--max-waste: '5%' is no size"),
    (["--max-reclaim", "5%"], 2, "--max-reclaim: '5%' is no size"),
    (["--min-efficiency", "150%"], 2, "--min-efficiency: '150%' is no part"),
    (["--min-efficiency", "95"], 2, "--min-efficiency: '95' is no part"),
    (["--max-growth", "some", "--against", WASTE], 2, "--max-growth: 'some' is no size"),
    (["--max-growth", "5%"], 2, "--max-growth needs --against"),
]
ONE_LAYER: list[tuple[list[str], int, str]] = [
    (["--layer", "8"], 2, "has no layer 8"), (["--layer", "top"], 2, "Invalid value for '--layer'"),
    (["--platform", "amiga"], 2, "holds no image for amiga"),
]  # fmt: skip
COMMANDS: dict[str, tuple[list[str], list[tuple[list[str], int, str]]]] = {
    "fix": (["Dockerfile"], [
        *RULES, (["missing"], 2, "missing: no such file"), (["empty"], 3, "empty: holds no Dockerfile"),
        (["*.none"], 3, "*.none: holds no Dockerfile"),
    ]),
    "explain": ([], [
        (["DL3OO6"], 2, "did you mean DL3006?"), ([], 2, "Missing argument"),
        (["ports.publised"], 2, "did you mean ports.published?"), (["helth.static"], 2, "did you mean health.static?"),
        (["health"], 2, "there are the checks health.static, health.by-hand"), (["deep.readonly"], 2, "deep.read-only?"),
        (["XX1"], 2, "names of checks begin with image, engine"),
        (["DL3006", "--format", "xml"], 2, "--format is text or json here, not 'xml'"),
    ]),
    "rules": ([], [(["--format", "xml"], 2, "--format is text or json here, not 'xml'")]),
    "image": ([WASTE], [
        *OUTPUTS, *RULES, *LEVEL, *ENGINE, *LIMITS,
        (["--max-size", "-5"], 2, "--max-size: '-5' is no size"),
        (["--max-size", "nan"], 2, "--max-size: 'nan' is no size"),
        (["--against", "none.tar"], 2, "none.tar: no such file or directory"),
        (["--against", "none.json"], 1, "there is nothing to compare with"),
        (["--against", "Dockerfile"], 2, "Dockerfile: is no tar archive"),
        (["--graph", "x.png"], 2, "x.png: is no kind of graph that imglint writes"),
        (["--record", "x.txt"], 2, "x.txt: is no kind of record"),
        (["--record", "no/x.csv"], 2, "no/x.csv: can't be written"),
        (["--platform", "amiga"], 2, "holds no image for amiga"),
        (["docker://alpine:3"], 2, "docker://alpine:3: names no registry"),
        (["docker://127.0.0.1:1/b:1"], 2, "the registry can't be read: connection refused"),
        (["containers-storage:a"], 2, "stores of containers are not read yet"),
        (["https://example.org/x.tar"], 2, "URLs are not read yet"),
        (["docker-daemon:"], 2, "docker-daemon:: names no image"),
        (["oci:"], 2, "oci:: names no image"),
        (["missing.tar"], 2, "missing.tar: no such file"),
        (["Dockerfile"], 2, "Dockerfile: is no tar archive"),
    ]),
    "diff": ([WASTE, WASTE], [
        *OUTPUTS, *ENGINE, (["--max-growth", "x"], 2, "--max-growth: 'x' is no size"),
        (["--base", "none.tar"], 2, "none.tar: no such file"),
        (["third.tar"], 2, "unexpected extra argument"),
    ]),
    "history": ([WASTE], [
        *OUTPUTS, *ENGINE, (["second.tar"], 2, "unexpected extra argument"),
        (["--platform", "amiga"], 2, "holds no image for amiga"),
    ]),
    "files": ([WASTE], [
        *ENGINE, *ONE_LAYER, (["--format", "sarif"], 2, "--format is text, json or csv here, not 'sarif'"),
        (["--format", "csv", "--output", "no/x.csv"], 2, "no/x.csv: can't be written"),
        (["--largest", "0"], 2, "Invalid value for '--largest'"), (["--largest", "2", "--tree"], 2, "leave one out"),
        (["--min", "much"], 2, "--min: 'much' is no size"), (["--file", "none"], 2, "none: "),
    ]),
    "cat": ([WASTE, "/etc/httpd.conf"], [
        *ENGINE, *ONE_LAYER, (["third"], 2, "unexpected extra argument"), (["--layer", "0"], 2, "Use --layer 6"),
    ]),
    "extract": ([WASTE, "/etc"], [
        *ENGINE, *((["--to", "new", *words], code, told) for words, code, told in ONE_LAYER),
        (["--to", "no/new"], 2, "no/new: can't be made"), (["--to", "new", "--max", "x"], 2, "--max: 'x' is no size"),
        (["--to", "."], 2, ".: is not empty"), (["--to", "new", "--max", "1"], 2, "more than --max 1 B"),
        ([], 2, "Missing option '--to'"),
    ]),
    "verify": (["shop:1"], [
        *OUTPUTS, *RULES, *LEVEL, *VERDICTS, *ENGINE,
        (["--publish", "http"], 2, "-p http: is no port to publish"),
        (["-p", "80:"], 2, "-p 80:: is no port to publish"),
        (["-p", "1:70000"], 2, "-p 1:70000: is no port to publish"),
        (["-p", "70000:1"], 2, "-p 70000:1: is no port to publish"),
        (["-p", "80:0"], 2, "-p 80:0: is no port to publish"),
        (["-p", "80:80/tpc"], 2, "-p 80:80/tpc: is no port to publish"),
        (["-p", "7000-7001:7000-7001"], 2, "is no port to publish"),
        (["-p", "8080:80", "-p", "8081:80/tcp"], 2, "-p 8081:80/tcp: publishes 80/tcp a second time"),
        (["--expect", "none.yaml"], 2, "none.yaml: no such file"),
        (["--expect", "Dockerfile"], 2, "Dockerfile:"),
        (["--write-expect", "x.yaml", "shop:2"], 2, "--write-expect: takes one image, not 2"),
        (["--stop-timeout", "soon"], 2, "Invalid value for '--stop-timeout'"),
        (["--stop-timeout", "0"], 2, "Invalid value for '--stop-timeout'"),
        (["--stop-timeout", "-1"], 2, "Invalid value for '--stop-timeout'"),
        *OF_RUN,
        (["--compose", "none.yaml"], 2, "none.yaml: no such file"),
        (["--compose", "none.yaml", "--with", "db=x"], 2, "leave out --with"),
        (["--compose", "none.yaml", "--network", "x"], 2, "leave out --network"),
        (["--compose", "none.yaml", "--write-expect", "x"], 2, "leave out --compose"),
        (["--compose", "none.yaml", "--harden"], 2, "leave out --compose"),
        (["--probe-image", "a b"], 2, "--probe-image takes the name of an image, not 'a b'"),
        (["docker://a/b"], 2, "names no registry"),
    ]),
    "audit": (["Dockerfile"], [
        *OUTPUTS, *RULES, *LEVEL, *VERDICTS, *ENGINE,
        (["--image", "none.tar"], 2, "none.tar: no such file"),
        (["--image", "docker://a/b"], 2, "names no registry"),
        (["--build-arg", "A"], 2, "--build-arg takes NAME=VALUE"),
        (["--target", "x"], 2, "has no stage 'x'"),
        (["--against", "none.tar"], 2, "--against compares images: name the one to compare by --image"),
        *((["--image", WASTE, *words], code, told) for words, code, told in LIMITS),
        (["--max-size", "1MB"], 2, "limits are an image's: name the one that has to keep them by --image"),
        (["--against", "none.tar", "--image", WASTE], 2, "none.tar: no such file"),
        (["--run"], 2, "there is no image to start"), *WITH_RUN,
    ]),
    "trend": (["sizes.csv"], [
        (["--image", "shp"], 2, "no such file"), (["--last", "0"], 2, "Invalid value for '--last'"),
        (["--last", "x"], 2, "Invalid value for '--last'"), (["--over", "-1"], 2, "Invalid value for '--over'"),
        (["--max-growth", "x"], 2, "--max-growth: 'x' is no size"),
        (["--format", "xml"], 2, "--format is text, json or markdown here"),
    ]),
    "hook install": ([], [*LEVEL, *VERDICTS, *FOR_HOOK]),
    "hook uninstall": ([], [(["x"], 2, "unexpected extra argument")]),
    "hook run": ([], [*LEVEL, *VERDICTS, *ENGINE, *WITH_RUN]),
    "push": (["shop:1"], [
        *OUTPUTS, *RULES, *LEVEL, *VERDICTS, *ENGINE, *WITH_RUN,
        (["--to", "a@sha256:00"], 2, "no engine answers"), (["--file", "none"], 2, "no engine answers"),
        (["--record", "x"], 2, "no engine answers"), (["--reason", "why"], 2, "--force and --reason go together"),
        (["--force"], 2, "--force and --reason go together"),
        (["--force", "--reason", " "], 2, "--force and --reason go together"),
    ]),
    "why": (["DL3006"], [
        (["missing.json"], 2, "missing.json: no such file"), (["empty"], 2, "empty: is a directory"),
        (["missing.json", "--archive", "a.tar"], 2, "missing.json: no such file"),
    ]),
}  # fmt: skip
LINES = [
    *((["lint", *words], code, told) for words, code, told in ABOUT_LINT),
    *(
        ([*name.split(), *whole, *words], code, told)
        for name, (whole, cases) in COMMANDS.items()
        for words, code, told in cases
    ),
]


@pytest.mark.parametrize(("arguments", "code", "words"), LINES, ids=lambda one: str(one)[:80])
def test_a_wrong_argument(
    arguments: list[str], code: int, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.iterdir()}
    told = Told(arguments, capsys)
    assert (told.code, told.says(words)) == (code, True), told.out + told.err
    if code == 2:
        assert len(told.err.splitlines()) <= 3, "one clear error"
    assert {path: path.stat().st_mtime_ns for path in here.iterdir()} == before, "nothing is written"


def commands() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        for inner, one in getattr(command, "commands", {"": command}).items():
            yield f"{name} {inner}".strip(), one


OPTIONS = [
    (name, option)
    for name, command in commands()
    for option in command.params
    if any(word.startswith("-") for word in option.opts) and option.name != "help"
]


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{name} {one.name}" for name, one in OPTIONS])
def test_every_option_of_every_command_is_tried(
    name: str, option: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has a wrong value above; an empty one, and one where none is taken, are wrong everywhere."""
    whole = COMMANDS[name][0] if name in COMMANDS else []
    words = [*option.opts, *option.secondary_opts]
    if option.is_flag:
        told = Told([*name.split(), *whole, f"{words[0]}=maybe"], capsys)
        assert told.code == 2
        assert "takes no value" in told.err or "does not take a value" in told.err
        return
    tried = {word for arguments, _, _ in LINES for word in arguments if " ".join(arguments).startswith(name)}
    # Any word may be a program, or a word of its command.
    assert tried.intersection(words) or option.name in ("entrypoint", "command")
    for empty in ([words[0], ""], [f"{words[0]}="]):
        told = Told([*name.split(), *whole, *empty], capsys)
        assert (told.code, f"{words[0]} is empty" in told.err) == (2, True)


def test_the_plain_lint_is_among_them() -> None:
    assert {word for name, one in OPTIONS if name == "lint" for word in one.opts} == OPTION_NAMES


def test_errors_name_the_help_of_their_command(capsys: pytest.CaptureFixture[str]) -> None:
    for name, command in (("lint", "lint"), ("image x", "image"), ("hook install", "hook install")):
        told = Told([*name.split(), "--nope"], capsys)
        assert (told.code, f"`imglint {command} --help` lists the options" in told.err) == (2, True)
    assert "`imglint hook --help`" in Told(["hook", "nope"], capsys).err
    assert "`imglint push --help`" in Told(["push", "a", "--force"], capsys).err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    whole = Told(["--help"], capsys).out
    assert Told(["-h"], capsys).out == whole == Told(["help"], capsys).out
    for name, _ in commands():
        assert Told([*name.split(), "-h"], capsys).out == Told(["help", *name.split()], capsys).out
    version = Told(["--version"], capsys).out
    assert Told(["-V"], capsys).out == version == Told(["version"], capsys).out
    for wrong in (["help", "imge"], ["help", "lint", "--nope"], ["version", "x"]):
        assert Told(wrong, capsys).code == 2
    assert "did you mean the command `imglint image`" in Told(["help", "imge"], capsys).err


def test_a_file_says_its_format(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert outputs([], ["a.json"]) == (("json", "a.json"),)
    assert outputs([], ["a.SARIF", "b.md"]) == (("sarif", "a.SARIF"), ("markdown", "b.md"))
    assert outputs([], ["a.txt"]) == (("text", "a.txt"),)
    assert outputs([], ["/dev/stderr"]) == (("text", "/dev/stderr"),)
    assert outputs(["gitlab", "junit"], ["a.json", "b.xml"]) == (("gitlab", "a.json"), ("junit", "b.xml"))
    assert Told(["-o", "report.json"], capsys).out == ""
    assert json.loads((here / "report.json").read_text())["version"] == 1
    assert Told(["image", WASTE, "-o", "image.sarif"], capsys).code == 1
    assert json.loads((here / "image.sarif").read_text())["runs"]


# Configuration files: text, exit code, words. 0: said in a note, and the findings decide

TOML: list[tuple[str, str]] = [
    ("profile = 3", "profile is default, hadolint, strict, not 3"),
    ('profile = "hadolnt"', "did you mean hadolint?"),
    ('select = "DL3OO6"', "select names 'DL3OO6', which is no rule's"),
    ("select = []", "select is an empty list"),
    ('select = [""]', "select takes a list of texts, and holds an empty text"),
    ('ignore = [""]', "ignore takes a list of texts, and holds an empty text"),
    ("ignore = [3]", "ignore takes a list of texts, and holds a number"),
    ("ignore = {}", "ignore takes a list of texts, not a table"),
    ('extend-select = ["DL30066"]', "did you mean DL3006?"),
    ("severity = 3", "severity takes a table of texts, not a number"),
    ("severity = {DL3006 = 3}", "severity.DL3006 takes a text, not a number"),
    ('severity = {DL3006 = "fatal"}', "severity.DL3006 is style, info, warning, error, not 'fatal'"),
    ('severity = {DL30 = "error"}', "severity names 'DL30', which is no rule's"),
    ('severity = {DL3006 = "error", untagged-image = "info"}', "says otherwise than another name of DL3006"),
    ('fail-level = "errror"', "did you mean error?"),
    ("fail-level = false", "fail-level is style"),
    ('fail-on = "unknwon"', "did you mean unknown?"),
    ("fail-on = 1", "fail-on is "),
    ('pragmas = "no"', "pragmas takes true or false, not a text"),
    ("build-args = {A = 1}", "build-args.A takes a text, not a number"),
    ('build-args = {"" = "a"}', "build-args has an empty name"),
    ("build-args = []", "build-args takes a table of texts, not a list"),
    ("target = 0", "target takes a text, not a number"),
    ('target = ""', "target is empty"),
    ('target = "runtime"', "has no stage 'runtime'"),
    ('context = ""', "context is empty"),
    ('context = "nowhere"', "nowhere: is no directory"),
    ("baseline = true", "baseline takes a text, not true or false"),
    ('baseline = "none.json"', "none.json: is not there"),
    ("images = []", "images takes a table of texts, not a list"),
    ("images = {Dockerfile = 1}", "images.Dockerfile takes a text, not a number"),
    ('trusted-registries = "https://docker.io"', "trusted-registries takes registries as in docker.io"),
    ('trusted-registries = [""]', "trusted-registries takes a list of texts, and holds an empty text"),
    ("trusted-registries = true", "trusted-registries takes a list of texts, not true or false"),
    ('labels = {x = "semvr"}', "labels.x is text, url"),
    ('labels = ["x"]', "labels takes a table of texts, not a list"),
    ('strict-labels = "yes"', "strict-labels takes true or false, not a text"),
    ("run = 3", "run takes a table of options, not a number"),
    ("run = {env = 3}", "run.env takes a list of texts, not a number"),
    ("run = {volumes = []}", "did you mean volume?"),
    ("run = {allow-egress = 1}", "run.allow-egress takes true or false, not a number"),
    ("run = {user = true}", "run.user takes a text, not true or false"),
    ('run = {"" = {user = "x"}}', "run has an empty name"),
    ('run = {"shop:*" = {usr = "x"}}', "run.shop:*.usr is no key of imglint's"),
    ("gates = 500", "gates takes a table of limits, not a number"),
    ('gates = {max-sise = "1MB"}', "did you mean max-size?"),
    ('gates = {max-size = "big"}', "gates has max-size: 'big' is no size"),
    ("gates = {max-size = -1}", "gates has max-size: '-1' is no size"),
    ("gates = {max-size = true}", "gates.max-size takes a limit as in"),
    ("gates = {max-pull = nan}", "gates has max-pull: 'nan' is no size"),
    ("gates = {max-layer = inf}", "gates has max-layer: 'inf' is no size"),
    ("gates = {max-waste = []}", "gates.max-waste takes a limit as in"),
    ('gates = {max-reclaim = "5%"}', "gates has max-reclaim: '5%' is no size"),
    ("gates = {min-efficiency = 95}", "gates has min-efficiency: '95' is no part"),
    ("gates = {max-own-waste = -0.1}", "gates has max-own-waste: '-0.1' is no part"),
    ('gates = {max-growth = "x"}', "gates has max-growth: 'x' is no size"),
    ('gates = {"" = {max-size = 1}}', "gates has an empty name"),
    ('gates = {"shop:*" = {max-size = "x"}}', "gates.shop:* has max-size"),
    ("per-path = {}", "per-path takes tables"),
    ('per-path = [{ignore = ["DL3006"]}]', "[[per-path]] 1: paths is missing"),
    ("per-path = [{paths = []}]", "[[per-path]] 1: paths is an empty list"),
    ('per-path = [{paths = ["a"], ignore = ["XX1"]}]', "[[per-path]] 1: ignore names 'XX1'"),
    ('per-path = [{paths = ["a"], extend-select = 3}]', "[[per-path]] 1: extend-select takes a list"),
    ('per-path = [{path = ["a"]}]', "did you mean paths?"),
    ("ignor = []", "did you mean ignore?"),
    ("ignore = []\nignore = []", "is not valid TOML: Cannot overwrite a value"),
    ("ignore = [\n", "is not valid TOML"),
    ("x = " + "[" * 5000, "is not valid TOML"),
    ("# " + "x" * (1 << 20), "is larger than 1 MiB"),
]  # fmt: skip
HADOLINT: list[tuple[str, int, str]] = [
    (
        "failure-threshold: bogus",
        2,
        ".hadolint.yaml:1: failure-threshold is style, info, warning, error, ignore, none",
    ),
    ("failure-threshold: eror", 2, "did you mean error?"),
    ("failure-threshold: 3", 2, "failure-threshold is"),
    ("failure-threshold: [error]", 2, "failure-threshold is"),
    ("no-fail: maybe", 2, "no-fail takes true or false, not a text"),
    ('ignored: []\nno-fail: "true"', 2, ".hadolint.yaml:2: no-fail takes true or false"),
    ("disable-ignore-pragma: 1", 2, "disable-ignore-pragma takes true or false, not a number"),
    ("ignored: 3", 2, "ignored takes a list of texts, not a number"),
    ("ignored: [3]", 2, "ignored takes a list of texts, and holds a number"),
    ("ignored: {DL3006: true}", 2, "ignored takes a list of texts, not a table"),
    ("ignored: [DL30066]", 1, "DL30066 is no rule's code, and means nothing; did you mean DL3006?"),
    ("override: [DL3006]", 2, "override takes lists of codes by severity, not a list"),
    ("override: {errors: [DL3006]}", 2, "override.errors is style, info, warning, error"),
    ("override: {error: 3}", 2, "override.error takes a list of texts, not a number"),
    (
        "override: {error: [DL3006], info: [DL3006]}",
        2,
        "override.info names DL3006, which has another severity",
    ),
    ("override: {error: [DL30066]}", 1, "DL30066 is no rule's code"),
    ("trustedRegistries: {docker.io: true}", 2, "trustedRegistries takes a list of texts, not a table"),
    ("trustedRegistries: ['https://docker.io']", 2, "trustedRegistries takes registries"),
    ("label-schema: [version]", 2, "label-schema takes a table of texts, not a list"),
    ("label-schema: {version: semvr}", 2, "did you mean semver?"),
    ("label-schema:\n  version: 3", 2, ".hadolint.yaml:2: label-schema.version takes a text, not a number"),
    ("strict-labels: some", 2, "strict-labels takes true or false, not a text"),
    ("format: bogus", 1, "format says nothing to imglint: use --format"),
    ("formats: bogus\nno-color: 3\nverbose: maybe\nfile-path-in-report: 1", 1, "3 warnings"),
    (
        "trusted-registries: [a]",
        1,
        "trusted-registries is no key of hadolint's, and means nothing; did you mean",
    ),
    ("failure-treshold: error", 1, "did you mean failure-threshold?"),
    ("3: 4", 1, "3 is no key of hadolint's"),
    ("ignored:\nfailure-threshold:\noverride: {error: }", 1, "3 warnings"),
    ("", 1, "3 warnings"),
    ("- DL3006", 2, ".hadolint.yaml:1: holds no keys"),
    ("ignored: [DL3006]\nignored: [DL3002]", 2, ".hadolint.yaml:2: has the key ignored twice"),
    ("ignored:\n\t- DL3006", 2, ".hadolint.yaml:2: is no YAML"),
    ("ignored: &a [*a]", 2, "holds an alias that stands for itself"),
    ("a: 1\n---\nb: 2", 2, ".hadolint.yaml:2: holds several documents"),
    ("a: !!python/object:os.system {}", 2, "which is no plain data"),
]
DIVE: list[tuple[str, str]] = [
    ("rules: {lowestEfficiency: 95}", ".dive-ci:1: min-efficiency: '95' is no part"),
    ("rules:\n  highestWastedBytes: lots", ".dive-ci:2: max-waste: 'lots' is no size"),
    ("rules: {highestUserWastedPercent: true}", "max-own-waste: 'True' is no part"),
    ("rules: {lowestEficiency: 0.9}", "lowestEficiency is no rule of dive's"),
    ("rules: [a]", "rules takes a mapping"),
    ("rule: {lowestEfficiency: 0.9}", ".dive-ci:1: rule is no key of dive's"),
    ("lowestEfficiency: 0.9", "lowestEfficiency is no key of dive's"),
    ("- a", "holds no keys"),
    ("a: [", "is no YAML"),
    ("rules: {lowestEfficiency: 0.9, lowestEfficiency: 0.1}", "has the key lowestEfficiency twice"),
]


@pytest.mark.parametrize(("text", "words"), TOML, ids=lambda one: str(one)[:60])
def test_a_wrong_key_or_value_of_ours(
    text: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "imglint.toml").write_text(text)
    told = Told(["Dockerfile"], capsys)
    assert (told.code, told.out) == (2, "")
    assert words in told.err
    assert len(told.err.splitlines()) <= 2


def test_an_image_is_mapped_to_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "imglint.toml").write_text('images = {Dockerfle = "shop:1"}')
    assert "images names Dockerfle, which is not there" in Told(["Dockerfile"], capsys).out


def test_pyproject(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table is found however it is written, and missed where it was asked for."""
    for text in ("[tool.imglint]\nignor = []", '[tool]\nimglint.ignor = ["a"]', "[tool.imglint\nx"):
        (here / "pyproject.toml").write_text(text)
        assert Told(["Dockerfile"], capsys).code == 2
    for text in ("tool = 3", "[tool.other]\nx = 1", "[tool]\nimglint = 3"):
        (here / "pyproject.toml").write_text(text)
        told = Told(["Dockerfile", "--config", "pyproject.toml"], capsys)
        assert (told.code, "holds no table [tool.imglint]" in told.err) == (2, True)
    (here / "pyproject.toml").write_text('[project]\ndependencies = ["imglint"]\n[tool.other]\nx = 1')
    assert Told(["Dockerfile"], capsys).code == 1
    (here / "imglint.toml").write_bytes(b'profile = "\xff"')
    assert "imglint.toml: is not UTF-8" in Told(["Dockerfile"], capsys).err


@pytest.mark.parametrize(("text", "code", "words"), HADOLINT, ids=lambda one: str(one)[:60])
def test_a_wrong_key_or_value_of_hadolints(
    text: str, code: int, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".hadolint.yaml").write_text(text)
    told = Told(["Dockerfile"], capsys)
    assert (told.code, told.says(words)) == (code, True), told.out + told.err


def test_hadolints_thresholds_mean_what_they_mean_there(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ignore` and `none` let any finding fail there, though they read as if none did."""
    (here / "Dockerfile").write_text("FROM debian:12\nMAINTAINER me\n")  # a note alone
    for level, code in (("error", 0), ("warning", 0), ("info", 1), ("style", 1), ("ignore", 1), ("none", 1)):
        (here / ".hadolint.yaml").write_text(f"failure-threshold: {level}\n")
        assert Told(["Dockerfile"], capsys).code == code
    (here / ".hadolint.yaml").write_text("failure-threshold: none\nno-fail: true\n")
    assert Told(["Dockerfile"], capsys).code == 0


@pytest.mark.parametrize(("text", "words"), DIVE, ids=lambda one: str(one)[:60])
def test_a_wrong_key_or_value_of_dives(
    text: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".dive-ci").write_text(text)
    told = Told(["image", WASTE], capsys)
    assert (told.code, words in told.err) == (2, True), told.err


def test_every_key_of_every_file_is_tried() -> None:
    def named(cases: list[Any], keys: Any) -> set[str]:
        texts = "\n".join(case[0] for case in cases)
        return {key for key in keys if not re.search(rf"(?<![\w-]){key}(?![\w-])", texts)}

    assert named(TOML, (*KEYS, *PER_PATH_KEYS)) == set()
    assert named(TOML, [name.replace("_", "-") for name in Limits._fields]) == set()
    assert named(HADOLINT, HADOLINT_KEYS) == set()
    assert named(DIVE, ("rules", *_DIVE_RULES)) == set()


# Files that imglint wrote once

WROTE = json.dumps({"version": 1, "files": {"Dockerfile": [{"fingerprint": "a", "near": "b"}]}})
BASELINES: list[tuple[bytes, str]] = [
    (b"", "is no baseline of imglint's"),
    (b"[]", "is no baseline of imglint's"),
    (b"3", "is no baseline of imglint's"),
    (b"{}", "is no baseline of imglint's"),
    (b"\xff\xfe", "is no baseline of imglint's"),
    (b"[" * 100_000, "is no baseline of imglint's"),
    (b'{"version": 1, "files": []}', "is no baseline of imglint's"),
    (b'{"version": 1, "files": {"a": 3}}', "is no baseline of imglint's"),
    (b'{"version": 1, "files": {"a": [{"near": 1}]}}', "is no baseline of imglint's"),
    (b'{"version": 1, "files": {"a": [null]}}', "is no baseline of imglint's"),
    (WROTE.replace('"version": 1', '"version": 0').encode(), "version 0; this imglint reads version 1"),
    (WROTE.replace('"version": 1', '"version": "2"').encode(), "version '2'; this imglint reads"),
]


@pytest.mark.parametrize(("data", "words"), BASELINES, ids=lambda one: str(one)[:60])
def test_a_baseline_that_is_none(
    data: bytes, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "known.json").write_bytes(data)
    told = Told(["--baseline", "known.json"], capsys)
    assert (told.code, told.out, words in told.err) == (2, "", True), told.err
    if data and b'"version"' not in data:
        assert Told(["--write-baseline", "known.json"], capsys).code == 2
        assert (here / "known.json").read_bytes() == data


def test_an_old_baseline_is_written_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "known.json").write_text(WROTE.replace('"version": 1', '"version": 0'))
    assert Told(["--write-baseline", "known.json"], capsys).code == 0
    assert Told(["--baseline", "known.json"], capsys).code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "is no JSON of `imglint image`: its version is None"),
        ('{"version": 2, "images": []}', "its version is 2, and this imglint reads version 1"),
        ('{"version": 1}', "is no JSON of `imglint image`"),
        ('{"version": 1, "images": [3]}', "is no JSON of `imglint image`"),
        ('{"version": 1, "images": [{"tags": "x"}]}', "is no JSON of `imglint image`"),
        ('{"a": ' + "[" * 100_000, "is no JSON of `imglint image`"),
        ("{", "is no JSON of `imglint image`"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_an_earlier_measurement_that_is_none(
    text: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "before.json").write_text(text)
    told = Told(["image", WASTE, "--against", "before.json"], capsys)
    assert (told.code, words in told.err) == (2, True), told.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no record of sizes"),
        ("a,b\n1,2\n", "its columns are not"),
        (",".join(Row._fields) + "\n" + ",".join(["x"] * len(Row._fields)) + "\n", "row 2"),
        ("\0", "is no record of sizes"),
    ],
)
def test_a_record_that_is_none(text: str, words: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "sizes.csv").write_text(text)
    for arguments in (["trend", "sizes.csv"], ["image", WASTE, "--record", "sizes.csv"]):
        told = Told(arguments, capsys)
        assert (told.code, words in told.err) == (2, True), told.err
    assert (here / "sizes.csv").read_text() == text


def test_a_name_that_no_record_has(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Told(["image", WASTE, "--record", "sizes.csv"], capsys).code == 1
    told = Told(["trend", "sizes.csv", "--image", "shp"], capsys)
    assert (told.code, "holds nothing of shp" in told.err, "it holds shop" in told.err) == (2, True, True)


# Variables: name, value, arguments, exit code, words

VARIABLES: list[tuple[str, str, list[str], int, str]] = [
    ("DOCKER_HOST", "bogus", ["verify", "a"], 2, "DOCKER_HOST: names a remote engine (bogus)"),
    ("DOCKER_HOST", "unix:///no/such", ["verify", "a"], 2, "no socket at /no/such"),
    ("XDG_RUNTIME_DIR", "/no/such", ["verify", "a", "--engine", "podman"], 2, "no socket at"),
    ("XDG_CONFIG_HOME", "/no/such", ["Dockerfile"], 1, "3 warnings"),
    ("XDG_STATE_HOME", "/dev/null", ["push", "a", "--force", "--reason", "x"], 2, "no engine answers"),
    ("NO_COLOR", "maybe", ["Dockerfile"], 1, "3 warnings"),
    ("FORCE_COLOR", "maybe", ["Dockerfile"], 1, "\x1b["),
    ("TERM", "bogus", ["Dockerfile"], 1, "3 warnings"),
    ("PRE_COMMIT", "1", ["hook", "run"], 2, "git rev-parse"),
    ("REQUESTS_CA_BUNDLE", "/no/such", ["image", "docker://127.0.0.1:1/a"], 2, "REQUESTS_CA_BUNDLE names no"),
    ("REGISTRY_AUTH_FILE", "/no/such", ["image", "docker://127.0.0.1:1/a"], 2, "connection refused"),
    *(
        (f"HADOLINT_{name}", "x", ["Dockerfile"], 1, f"HADOLINT_{name} is set, which imglint does not read")
        for name in ("IGNORE", "FAILURE_THRESHOLD", "NOFAIL", "TRUSTED_REGISTRIES")
    ),
]


@pytest.mark.parametrize(("name", "value", "arguments", "code", "words"), VARIABLES)
def test_a_wrong_variable(
    name: str,
    value: str,
    arguments: list[str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)
    told = Told(arguments, capsys)
    assert (told.code, told.says(words)) == (code, True), told.out + told.err


def test_a_context_that_does_not_exist(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONTEXT", "bogus")
    told = Told(["verify", "a"], capsys)
    assert (told.code, "context bogus: does not exist" in told.err) == (2, True)


# pre-commit's: a revision that is none is an error, and names that are only shown may be any
PUSHED = {
    "PRE_COMMIT_TO_REF": 2,
    "PRE_COMMIT_LOCAL_BRANCH": 2,
    "PRE_COMMIT_FROM_REF": 2,
    "PRE_COMMIT_REMOTE_BRANCH": 0,
    "PRE_COMMIT_REMOTE_NAME": 0,
}


@pytest.mark.parametrize(("name", "code"), PUSHED.items())
def test_a_wrong_variable_of_pre_commits(
    name: str, code: int, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "Dockerfile"], ["commit", "-q", "-m", "a"]):
        subprocess.run(["git", *identity, *words], cwd=here, check=True, capture_output=True)
    for other in PUSHED:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("PRE_COMMIT", "1")
    monkeypatch.setenv(name, "bogus")
    told = Told(["hook", "run"], capsys)
    assert told.code == code, told.out + told.err
    assert bool(told.err) == (code == 2)


def test_every_variable_that_is_read_is_tried() -> None:
    read: set[str] = set()
    for folder in ("src/imglint", "analyzer", "runner", "rules", "reports"):
        for path in (ROOT / folder).glob("**/*.py"):
            read |= set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', path.read_text()))
    assert read - {name for name, *_ in VARIABLES} - PUSHED.keys() == {"DOCKER_CONTEXT"}


# Comments that are meant to switch rules off: what is said of them, and how bad it is; "" for nothing

CODE = "no rule has the code"
PRAGMAS: list[tuple[str, str, str]] = [
    ("imglint ignore=DL30066", "warning", f"{CODE} DL30066; did you mean DL3006?"),
    ("imglint ignore=DL3006,DL30088", "warning", f"{CODE} DL30088; did you mean DL3008?"),
    ("imglint ignore=untaged-image", "warning", f"{CODE} untaged-image; did you mean untagged-image?"),
    ("imglint ignore=DL30", "warning", f"{CODE} DL30: name whole codes, not their beginning"),
    ("imglint ignore=DL3006,DL3007why", "warning", f"{CODE} DL3007why; did you mean DL3007?"),
    ("imglint ignore DL3003", "warning", "write it as `imglint ignore=DL3003`"),
    ("imglint ignore untagged-image", "warning", "write it as `imglint ignore=untagged-image`"),
    ("imglint global ignore DL3006", "warning", "write it as `imglint global ignore=DL3006`"),
    ("imglint ignore", "warning", "write it as `imglint ignore=CODE`"),
    ("imglint ignore=", "warning", "it names no code: write `imglint ignore=CODE`"),
    ("imglint ingore=DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("imglint ignores=DL3006", "warning", "there is no pragma ignores"),
    ("imglint disable=DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("imglint noqa DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("imglint: ignore=DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("imglint ignore:DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("Imglint Ignore=DL3006", "warning", "write it as `imglint ignore=DL3006`"),
    ("imglint globl ignore=DL3006", "warning", "globl is no scope: use global"),
    ("imglint file ignore=DL3006", "warning", "file is no scope: use"),
    (
        "imglint ignore=DL3006 DL3007",
        "warning",
        "separate codes by commas, and begin a reason behind them with ;",
    ),
    ("imglint ignore=DL3006 since it is ours", "warning", "begin a reason behind them with ;"),
    ("imglint ignore=DL3006;DL3007", "warning", "behind the codes stands another one"),
    ("imglint shel=bash", "warning", "write it as `imglint shell=bash`"),
    ("imglint version=1", "warning", "there is no pragma version"),
    ("hadolint ignroe=DL3006", "warning", "write it as `hadolint ignore=DL3006`"),
    ("hadolint ignore DL3006", "warning", "write it as `hadolint ignore=DL3006`"),
    ("hadolint ignore=DL3006 DL3007", "warning", "separate codes by commas"),
    ("hadolint ignore=DL30066", "info", f"{CODE} DL30066; did you mean DL3006?"),
    ("check=skip=StageNameCasign", "info", f"{CODE} StageNameCasign; did you mean StageNameCasing?"),
    ("imglint ignore=all", "", ""),
    ("imglint ignore=SC2086,DL3005 ; reason=DL3006 is ours", "", ""),
    ("imglint stage ignore=dl3006 # DL3006, for once", "", ""),
    ("imglint shell=powershell", "", ""),
    ("imglint ignores DL3006 here, since", "", ""),
    ("imglint is called with --select=DL3006", "", ""),
    ("imglint", "", ""),
    ("hadolint ignore = DL3006, DL3008 # why", "", ""),
    ("hadolint version=2", "", ""),
    ("hadolint would say DL3006", "", ""),
    ("tally ignore=tally/some-rule", "", ""),
    ("trivy:ignore:AVD-AWS-0001", "", ""),
    ("checkov:skip=CKV_AWS_1: not ours", "", ""),
    ("check=skip=all", "", ""),
    ("check=error=true", "", ""),
]


@pytest.mark.parametrize(("comment", "severity", "words"), PRAGMAS)
def test_a_wrong_pragma(comment: str, severity: str, words: str) -> None:
    for before in ("", "FROM debian:12\n"):
        found = [one for one in lint(f"{before}# {comment}\nFROM debian:12\nUSER 1\n").findings
                 if one.rule.code == "IL004"]  # fmt: skip
        assert [one.severity.label for one in found] == ([severity] if severity else [])
        for one in found:
            assert words in one.message
            assert one.place.span is not None
            assert one.place.span.line == (2 if before else 1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM debian:12\nUSER 1\n# imglint ignore=DL3006\n", [3]),  # nothing below it
        ("# imglint ignore=DL3006\nFROM debian:12\nUSER 1\n", [1]),
        (
            "FROM debian:12\n# imglint ignore=DL4000\nUSER 1\n",
            [2],
        ),  # no MAINTAINER, so that the rule is not even loaded
        ("# imglint ignore=DL3006\nFROM debian\nUSER 1\n", []),
        ("FROM debian:12\n# imglint ignore=DL3008\nRUN apt-get install -y a\n", []),  # not selected
        ("# imglint ignore=DL3026\nFROM debian:12\nUSER 1\n", []),  # idle without trusted registries
        ("# imglint ignore=AV0303\nFROM debian:12\nUSER 1\n", []),  # a rule of images
        ("# hadolint ignore=DL3006\nFROM debian:12\nUSER 1\n", []),
    ],
)
def test_a_pragma_that_switches_nothing_off_is_told(text: str, lines: list[int]) -> None:
    found = [one.place.span for one in lint(text).findings if one.rule.code == "IL003"]
    assert [span.line for span in found if span] == lines


# Whatever a file holds, a user's fault is told as one


@given(st.dictionaries(st.sampled_from([*HADOLINT_KEYS, "rules", *_DIVE_RULES]), VALUES, max_size=4))
def test_any_structure_is_read_or_refused(raw: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.yaml"
        path.write_text(yaml.safe_dump(raw, allow_unicode=True))
        for reader in (read, dive_file_limits):
            try:
                reader(str(path))
            except InputError as error:
                assert "\n" not in error.problem


TOML_VALUES = st.recursive(
    st.booleans()
    | st.integers(-9, 9**9)
    | st.floats()
    | st.sampled_from(["", "DL3006", "error", "5MB", "*", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["DL3006", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*KEYS, *PER_PATH_KEYS, "x"]), TOML_VALUES, max_size=3))
def test_any_table_is_read_or_refused(raw: dict[str, Any]) -> None:
    try:
        _settings("imglint.toml", raw)
    except InputError as error:
        assert "\n" not in error.problem
