"""No credential leaves: every command in every format, with one of every known shape in every place.

The values are put together here, so that scanners of this repository find none.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_archives import LayerFiles, Saved, docker_legacy, step
from masked import (
    KEY,
    NAMED,
    PASSWORD,
    RANDOM,
    SEEDS,
    SHAPED,
    URL,
    clean,
    formats,
    leaks,
    run,
    written,
)

from imglint import linting
from imglint.__main__ import main
from imglint.analyzer.credentials import find_credentials, mask, mask_shapes
from imglint.analyzer.dockerfile import Text
from imglint.commands.show import show
from imglint.output import append, write
from imglint.progress import ProgressBar, StatusLine
from imglint.proving import expectations_text
from imglint.reports import Problem, Report, verify_text
from imglint.reports.formats import FORMATS
from imglint.rules.index import INDEX
from imglint.rules.judge import judge_container
from imglint.rules.registry import load, select
from imglint.runner import Check, Observation, Process, Verdict

ROOT = Path(__file__).parents[2]


def everything() -> Iterable[tuple[str, str]]:
    yield from SHAPED.items()
    yield "url", URL
    yield "DB_PASSWORD", f"DB_PASSWORD={NAMED}"


def dockerfile() -> str:
    lines = ["FROM debian", *(f"ARG A{at}={value}" for at, (_, value) in enumerate(everything()))]
    for at, (_, value) in enumerate(everything()):
        lines += [
            f"ENV E{at} {value}",
            f'LABEL l{at}="x {value}"',
            f"RUN apt-get install {value} && cd /{value}",
        ]
    lines += [f"ENV API_TOKEN {NAMED}", f"ARG SECRET_KEY={NAMED}", f"EXPOSE {SHAPED['npm']}", f"ADD {URL} /x"]
    lines += [f"RUN app --password={NAMED} --token {SHAPED['github']}", f"WORKDIR rel/{SHAPED['gitlab']}"]
    lines += [
        f"COPY <<EOF /key\n{KEY}\nEOF",
        f"CMD app --password={NAMED} {SHAPED['slack']} {URL}",
        f"BOGUS {SHAPED['aws']}",
    ]
    return "\n".join([*lines, ""])


def image() -> Saved:
    values = [value for _, value in everything()]
    # The name of a file in a tar of this form has at most 100 characters.
    named = {name: value for name, value in SHAPED.items() if len(value) < 90}
    files: LayerFiles = {
        **{f"srv/{name}/{value}.conf": f"token = {value}\n" for name, value in named.items()},
        "srv/key": KEY, "srv/url": URL, "srv/once": "x" * 2000,
    }  # fmt: skip
    again: LayerFiles = {
        **{f"srv/{name}/{value}.conf": None for name, value in named.items()},
        "srv/once": "y" * 2000,
    }
    config = {
        "Env": [*(f"E{at}={value}" for at, value in enumerate(values)), f"API_TOKEN={NAMED}"],
        "Labels": {f"l{at}": value for at, value in enumerate(values)},
        "Cmd": ["app", f"--password={NAMED}", SHAPED["github"], URL],
        "Entrypoint": ["/bin/sh", "-c", f"login {SHAPED['stripe']}"],
        "Healthcheck": {"Test": ["CMD-SHELL", f"curl {URL} -H 'x: {SHAPED['jwt']}'"]},
        "User": SHAPED["npm"],
    }  # fmt: skip
    steps = [
        step(f"RUN |2 T={SHAPED['npm']} SECRET_KEY={NAMED} /bin/sh -c x\n{SHAPED['github']}\n{KEY}"),
        step("RUN " + " ".join(values)),
        *({**step(f"ENV E{at}={value}"), "empty_layer": True} for at, value in enumerate(values)),
    ]
    return Saved.of(files, again, config=config, history=tuple(steps), tags=(f"shop:{SHAPED['aws']}",))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a Dockerfile and an image, of which the names are credentials, too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / SHAPED["github"]).mkdir()
    (tmp_path / SHAPED["github"] / "Dockerfile").write_text(dockerfile())
    Path(f"{SHAPED['npm']}.tar").write_bytes(docker_legacy(image()))
    return tmp_path


DOCKERFILE = f"{SHAPED['github']}/Dockerfile"
ARCHIVE = f"{SHAPED['npm']}.tar"


def test_the_seeds_are_what_is_looked_for() -> None:
    for name, value in everything():
        assert find_credentials(value) or name == "DB_PASSWORD", name
        assert leaks(value), name
    assert set(leaks(dockerfile())) == set(SEEDS)


@pytest.mark.parametrize(
    "more", [[], ["--select", "ALL", "--no-pragmas"], ["--profile", "hadolint"]], ids=str
)
def test_lint(place: Path, capfd: pytest.CaptureFixture[str], more: list[str]) -> None:
    told = run(capfd, DOCKERFILE, *formats(), *more)
    written("out.*")
    told += run(capfd, DOCKERFILE, *more) + run(capfd, DOCKERFILE, "-f", "full", *more)
    assert "****" in told
    run(capfd, DOCKERFILE, "--statistics", *more)


def test_a_baseline_still_knows_a_file_whose_name_is_masked(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(capfd, DOCKERFILE, "--write-baseline", "base.json")
    written("base.json")
    assert "no findings" in run(capfd, DOCKERFILE, "--baseline", "base.json")


def test_sarif_names_a_run_without_the_credentials_of_its_inputs(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(run(capfd, DOCKERFILE, "-f", "sarif"))
    assert told["runs"][0]["automationDetails"]["id"] == "imglint/lint/%2A%2A%2A%2A%2FDockerfile/"


@pytest.mark.parametrize("border", ["%20", "%2F", "-t%3D"])
def test_a_name_with_escaped_characters(place: Path, capfd: pytest.CaptureFixture[str], border: str) -> None:
    for name, value in SHAPED.items():
        if len(value) > 200:
            continue
        path = Path(f"{name}{border}{value}")
        run(capfd, str(path), codes=(2,))
        path.write_text("FROM debian\nRUN sudo x\n")
        for form in FORMATS:
            run(capfd, str(path), "-f", form)


def key_in_a_command() -> str:
    """A key in a quoted word over continued lines; the last one holds what a rule finds."""
    *lines, last = KEY.split("\n")
    return (
        'FROM debian:12\nRUN echo "' + "".join(f"{one}\\n\\\n" for one in lines) + last + '" > /k && sudo x\n'
    )


@pytest.mark.parametrize("with_end", [True, False])
def test_an_excerpt_shows_no_line_of_a_key(
    place: Path, capfd: pytest.CaptureFixture[str], with_end: bool
) -> None:
    text = (
        key_in_a_command()
        if with_end
        else key_in_a_command().replace("\\n\\\n-----END RSA PRIVATE KEY-----", "")
    )
    Path("Dockerfile").write_text(text)
    told = run(capfd, "Dockerfile", "--select", "ALL", "-f", "full")
    number = text.count("\n")
    assert f'\n {number} | ****" > /k && sudo x\n' in told
    for form in FORMATS:
        run(capfd, "Dockerfile", "--select", "ALL", "-f", form)
    Path("Dockerfile").write_text(
        f"FROM a\nRUN <<EOF\ncat >k <<X\n{KEY}\nX\nsudo x\nEOF\nRUN cd /x && sudo a\n"
    )
    run(capfd, "Dockerfile", "--select", "ALL", "-f", "full")


def test_fix_shows_the_lines_at_their_numbers(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("Dockerfile").write_text(key_in_a_command() + "RUN a\n" * 5 + "MAINTAINER x\nENV A b\n")
    told = run(capfd, "fix", "--diff", "--unsafe", "--select", "LegacyKeyValueFormat", "Dockerfile")
    at = Path("Dockerfile").read_text().count("\n")
    assert f"@@ -{at - 3},4 +{at - 3},4 @@" in told


def test_fix_shows_no_credential_and_writes_all_of_them(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = run(capfd, "fix", "--diff", "--unsafe", "--select", "ALL", DOCKERFILE)
    assert "+++" in told
    assert "****" in told
    run(capfd, "fix", "--unsafe", "--select", "ALL", DOCKERFILE)
    after = Path(DOCKERFILE).read_text()
    assert after != dockerfile()
    assert set(leaks(after)) == set(SEEDS)
    assert "****" not in after


def test_image_history_diff_and_audit(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("old.tar").write_bytes(docker_legacy(Saved.of({"srv/a": "b"}, tags=("old:1",))))
    run(capfd, "image", ARCHIVE, *formats(), "--select", "ALL", "--max-size", "1B")
    run(capfd, "image", ARCHIVE, "old.tar", "-f", "full", "--against", ARCHIVE)
    run(capfd, "image", ARCHIVE, "old.tar", "--compare")
    run(capfd, "history", ARCHIVE)
    run(capfd, "diff", "old.tar", ARCHIVE, *formats())
    run(capfd, "diff", "old.tar", ARCHIVE, "-f", "full")
    run(capfd, "audit", DOCKERFILE, "--image", ARCHIVE, *formats(), "--select", "ALL")
    told = run(capfd, "audit", DOCKERFILE, "--image", ARCHIVE, "-f", "full")
    assert "AV0807" in told
    written("out.*")


def test_graphs_and_records(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for form in ("graphml", "dot", "json", "svg", "html"):
        run(capfd, "image", ARCHIVE, "--graph", f"graph.{form}")
    written("graph.*")
    assert Path("graph.graphml").read_text().count("****") > 10
    for form in ("csv", "parquet"):
        run(capfd, "image", ARCHIVE, "--record", f"sizes.{form}")
        for view in ("text", "json", "markdown"):
            assert "shop" in run(capfd, "trend", f"sizes.{form}", "--format", view)
    written("sizes.*")


def test_nodes_whose_names_are_masked_alike_stay_two(tmp_path: Path) -> None:
    from imglint.analyzer.graph import as_text, layer_graph
    from imglint.analyzer.image import open_images

    tags = (f"shop:{SHAPED['github']}", f"shop:{SHAPED['npm']}")
    (tmp_path / "a.tar").write_bytes(docker_legacy(Saved.of({"a": "b"}, tags=tags)))
    found = layer_graph(open_images(str(tmp_path / "a.tar")))
    assert all(tag in found for tag in tags)  # in Python it is the user's own
    nodes = json.loads(as_text(found, "json"))["nodes"]
    assert [one["id"] for one in nodes if one["kind"] == "tag"] == ["shop:****", "shop:**** 2"]


def test_errors(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        [f"{SHAPED['github']}.missing"],
        ["--select", SHAPED["npm"], DOCKERFILE],
        [f"--{SHAPED['npm']}", DOCKERFILE],
        ["explain", SHAPED["stripe"]],
        ["image", f"docker://{URL}"],
        ["image", ARCHIVE, "--max-size", SHAPED["gitlab"]],
        ["image", ARCHIVE, "--graph", f"{SHAPED['gitlab']}.png"],
        ["verify", f"{SHAPED['gitlab']}.tar"],
        ["trend", f"{SHAPED['gitlab']}.csv"],
        ["audit", "--image", f"{SHAPED['slack']}"],
        ["hook", SHAPED["aws"]],
        ["rules", "--format", SHAPED["aws"]],
    ):  # fmt: skip
        run(capfd, *arguments, codes=(2, 3))
    Path("imglint.toml").write_text(f"select = ['{SHAPED['npm']}']\n{SHAPED['github']} = '{SHAPED['aws']}'\n")
    assert "imglint.toml" in run(capfd, DOCKERFILE, codes=(2,))


LONG = {
    **SHAPED,
    "url": f"https://{'me' * 22}:{PASSWORD}-{RANDOM}@example.org",
    "long jwt": "eyJ" + RANDOM + ".eyJ" + RANDOM + "." + RANDOM[:40],
}


@pytest.mark.parametrize("name", ["github", "digitalocean", "sendgrid", "jwt", "url", "long jwt"])
def test_values_of_files_of_yaml(place: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    """They are shortened in messages, to what alone would not tell that it is a credential."""
    value = LONG[name]
    secret = value if name != "url" else f"{PASSWORD}-{RANDOM}"
    for line in (
        f"ports: {value}",
        f"health: {value}",
        f"command: {value}",
        f"version: {value}",
        f"stop: {{within: {value}}}",
        f'files: {{/a: {{mode: "{value}"}}}}',
        f"version: !!int {value}",
        f"{value}: 1",
        f'ports: {{"{value}": listening}}',
    ):
        Path("expect.yaml").write_text(line + "\n")
        told = run(capfd, "verify", "none.tar", "--expect", "expect.yaml", codes=(2,))
        assert "expect.yaml" in told
        assert not any(secret[at : at + 12] in told for at in range(len(secret) - 11))
    from imglint.analyzer import InputError
    from imglint.analyzer.yaml_file import YamlFile
    from imglint.runner.structure_test import parse_structure_tests

    for line in (
        f"schemaVersion: {value}",
        f"schemaVersion: 2.0.0\ncommandTests: [{{name: a, command: b, args: '{value}'}}]",
    ):
        with pytest.raises(InputError) as error:
            parse_structure_tests(YamlFile(line, "test.yaml"))
        clean(str(error.value))
        assert "****" in str(error.value)


@pytest.mark.parametrize("name", ["jwt", "sendgrid", "gitlab", "npm"])
def test_keys_of_toml_that_are_split_at_their_dots(
    place: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    value = SHAPED[name]
    for text in (
        f"{value} = 1",
        f"[{value}]",
        f"[gates.{value}]\na = 1",
        f"gates.{value} = 1",
        f"severity.{value} = 1",
        f"severity.{value} = 'x'",
        f"images.{value} = 1",
        f"labels.{value} = 'x'",
        f"[[per-path]]\n{value} = 1",
        f"[{value}]\n[{value}]",
        f"a.{value} = 1\n[a.{value}.b]",
    ):
        Path("imglint.toml").write_text(text + "\n")
        told = run(capfd, DOCKERFILE, codes=(2,))
        assert "imglint.toml" in told
        assert [part for part in value.split(".") if len(part) > 8 and part[:10] in told] == []


def test_what_is_shortened_is_masked_before() -> None:
    from types import SimpleNamespace

    from imglint.analyzer.registry import transport
    from imglint.runner import EngineError, engine, health, schema
    from imglint.runner.dial import Dial

    for value in (*SHAPED.values(), f"https://me:{PASSWORD}@example.org"):
        for at in range(0, 200, 3):
            before = "x" * at + " "
            clean(schema._shown(before + value), str(transport._fault(ValueError(before + value))))
            assert PASSWORD[:6] not in schema._shown(before + value)
            received = (before + value)[: at + 1 + max(len(value) - 2, 1)]
            clean(str(Dial("a", 1, "answers", received.encode(), 1.0).proof()))
        with pytest.raises(EngineError) as error:
            engine.described([f"{'x' * 60} {value}"], "Id")
        clean(str(error.value))
        answer = SimpleNamespace(json=lambda said="x" * 960 + " " + value: {"message": said})
        clean(engine.told(answer))
    clean(health.reason(1, "\n".join(KEY.split("\n")[:-1])))


def test_a_line_that_is_folded_is_masked_before() -> None:
    from imglint.reports.look import Look

    told = " ".join(KEY.split("\n")[:-1])
    for room in range(40, 90):
        clean(mask_shapes(Look(width=room).folded(f"a note that holds {told} and more")))


def test_tracebacks(place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Report:
        raise RuntimeError(
            f"ENV API_TOKEN={NAMED}\n" + "\n".join(SHAPED.values()) + repr(f"\n{SHAPED['aws']}") + URL
        )

    monkeypatch.setattr(linting, "lint_files", broken)
    told = run(capfd, DOCKERFILE, codes=(5,))
    assert "RuntimeError: ENV API_TOKEN=****\n****\n" in told


def test_a_rule_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    from imglint.rules.checks import credentials

    def broken(*_: object) -> Any:
        raise ValueError(f"ENV API_TOKEN={NAMED}")

    (rule,) = load(select(["AV0801"]))
    monkeypatch.setattr(credentials.VALUE, "container_checks", [broken])
    (finding,) = judge_container(Observation(), [rule]).findings
    assert finding.message.endswith("ValueError: ENV API_TOKEN=****")


def observation() -> Observation:
    """What a run could show, with credentials in all of it."""
    log = "\n".join([f"password={NAMED}", *SHAPED.values(), URL, KEY])
    checks = [
        Check("command.runs", URL, Verdict.DISPROVED, f"it ended: {value}", {"log": log, "argv": ["a", "--password", NAMED]})
        for _, value in everything()
    ]  # fmt: skip
    return Observation(
        image=URL, image_id="sha256:0", engine="docker 20.10", alive=False, log=log, checks=tuple(checks),
        environment={"API_TOKEN": NAMED, "A": SHAPED["npm"]},
        processes=(Process(pid=1, argv=("app", "--token", SHAPED["github"], f"--password={NAMED}")),),
    )  # fmt: skip


def test_what_a_container_showed(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = observation()
    report = Report(
        files=(URL,), observations=(seen,), findings=judge_container(seen, load(select(["ALL"]))).findings,
        problems=(Problem(URL, f"says {SHAPED['npm']}", SHAPED["aws"]),), notes=(f"note {URL}",),
    )  # fmt: skip
    show(report, [(form, f"out.{form}") for form in FORMATS], verify_text.render)
    show(report, [("full", "-")], verify_text.render)
    clean(*capfd.readouterr())
    written("out.*")


def test_expectations_leave_out_what_holds_a_credential() -> None:
    text = expectations_text(observation())
    clean(mask_shapes(text))
    assert "command" not in yaml.safe_load(text)
    assert "# command: left out, since it holds a credential" in text


def test_the_record_of_pushes(place: Path) -> None:
    from imglint.push.record import PushRecord
    from imglint.runner.push import Outcome
    from imglint.runner.registry import Kept, Target

    record = PushRecord(
        "pushes.jsonl", Report(), "sha256:0", Target("a", SHAPED["npm"]), f"for {URL} API_TOKEN={NAMED}"
    )
    record.started()
    target = Target("a", SHAPED["npm"])
    problem = f"{URL} answers {SHAPED['npm']}"
    record.ended(
        Outcome("not pushed", target, None, Kept(problem=problem), Kept(problem=problem), problem=problem)
    )
    written("pushes.jsonl")
    assert len([json.loads(line) for line in Path("pushes.jsonl").read_text().splitlines()]) == 2


def test_the_hook(place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q", "-b", SHAPED["gitlab"]], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    line = f"refs/heads/{SHAPED['gitlab']} {commit} refs/heads/{SHAPED['gitlab']} {'0' * 40}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    told = run(capfd, "hook", "run", URL)
    assert f"commit {commit[:9]}: ****/Dockerfile:" in told
    assert "1 commit, 1 version of Dockerfiles: " in told


@pytest.mark.parametrize(
    "line",
    [
        "RUN export DB_PASSWORD={} && ls",
        "ENV A b PASSWORD={}",
        "RUN curl -u admin:{} https://example.org/a.sh | sh",
        'RUN curl -s --user "admin:{}" https://example.org/a.sh | sh',
        "RUN echo root:{} | chpasswd",
        "RUN docker login -u a -p {}",
        "CMD app --password {}",
        "CMD mysql -uroot -p{} db",
        'CMD ["app", "--password", "{}"]',
        'CMD ["redis-cli", "-a", "{}"]',
        'CMD ["curl", "-u", "me:{}", "https://example.org"]',
        'HEALTHCHECK CMD "redis-cli -a {} ping"',
        'ENTRYPOINT ["PGPASSWORD={} psql"]',
        'CMD "app --api-token {}"',
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_no_finding_repeats_a_password(
    line: str, form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither what a message repeats of the input, nor the source below it."""
    secret = "Xk7vPq2wLm"
    (tmp_path / "Dockerfile").write_text(f"FROM debian:12\n{line.replace('{}', secret)}\n")
    assert main(["--isolated", "--select", "ALL", "--format", form, str(tmp_path / "Dockerfile")]) in (0, 1)
    assert secret not in capfd.readouterr().out


def test_no_name_of_a_rule_hides_what_is_told() -> None:
    """A rule's name stands before a colon, as the name of a secret does before its value."""
    for rule in load(INDEX):
        line = f"Dockerfile:1:2: {rule.title}: root may be told [info]"
        assert (mask(line), mask_shapes(line)) == (line, line)


def test_the_lines_of_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imglint.progress.is_terminal", lambda _: True)
    monkeypatch.setattr("imglint.progress._PATIENCE", -1.0)
    for value in (*SHAPED.values(), URL):
        with ProgressBar(value, 10) as bar:
            bar(5)
        with StatusLine(value) as status:
            status(f"asking {value}")
        write(f"\x1b[1;31m{value}\x1b[0m\n")
    out, errors = capfd.readouterr()
    clean(out, errors)
    assert "reading **** [" in errors
    assert "\x1b[1;31m****\x1b[0m" in out


# What masking must not do


def test_what_a_report_says_itself_stays(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("secret.Dockerfile").write_text("FROM debian\n" + "#\n" * 120 + "RUN cd /x\n")
    told = run(capfd, "secret.Dockerfile", "--select", "DL3003")
    assert told.startswith("secret.Dockerfile:122:5: DL3003 ")


def test_a_fix_with_a_credential_is_not_in_the_json(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("Dockerfile").write_text(f"FROM a:1\nENV API_TOKEN {NAMED}\nENV A b\n")
    found = json.loads(run(capfd, "Dockerfile", "-f", "json", "--select", "LegacyKeyValueFormat"))["findings"]
    assert [one["fix"] is None for one in found] == [True, False]


def test_examples_of_rules_stay(capfd: pytest.CaptureFixture[str]) -> None:
    main(["explain", "AV0801"])
    assert "s3cr3t@example.org" in capfd.readouterr().out


def test_a_long_report_is_masked_at_once(tmp_path: Path) -> None:
    """Linear and without a thought for each line: 60,000 lines take some tenths of a second."""
    text = "".join(
        f"a/Dockerfile:{at}:1: DL3006 task-{at:040x} has no tag {SHAPED['npm']}\n" for at in range(60_000)
    )
    start = time.process_time()
    write(text, str(tmp_path / "out"))
    assert time.process_time() - start < 5
    assert (tmp_path / "out").read_text().count("****") == 60_000


def test_keys_are_masked_to_their_end_however_their_lines_end() -> None:
    for written_as in (KEY, json.dumps(KEY), repr(KEY), json.dumps(json.dumps(KEY)), KEY.replace("\n", "%0A"),
                       KEY.replace("\n", "\r\n"), " ".join(KEY.split("\n")), KEY.replace("\n", "&#10;")):  # fmt: skip
        assert leaks(mask(f"a {written_as} stays")) == []
        assert mask(f"a {written_as} stays").endswith("stays")
    hostile = KEY + "\\\\n" * 50_000
    start = time.process_time()
    mask(hostile)
    assert time.process_time() - start < 10


# The door


def test_nothing_else_writes() -> None:
    """Only output.py meets the standard streams, and opens files to write."""
    allowed = {
        "src/imglint/output.py",
        "analyzer/image/extract.py",  # the image's own bytes, which are asked for as they are
        "runner/journal.py",  # for the next run alone, which has to find by it what was made
    }
    found = []
    for folder in ("src/imglint", "analyzer", "rules", "reports", "runner"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if path.is_symlink() or any(parent.is_symlink() for parent in path.parents) or name in allowed:
                continue
            found += [f"{name}:{line}" for line in _writes(ast.parse(path.read_text()))]
    assert found == []
    caught = "open('a', mode='w'); print(1); sys.stderr.write('x'); os.write(1, b'')"
    assert len(list(_writes(ast.parse(caught)))) == 4


def _writes(tree: ast.AST) -> Iterable[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        arguments = [
            ast.unparse(one)
            for one in (*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode"))
        ]
        opens = called in ("open", "os.fdopen") and any(
            letter in one for one in arguments for letter in "wax+"
        )
        printed = called == "print" or (called.startswith(("sys.stdout.", "sys.stderr.")) and called.endswith(
            (".write", ".writelines")
        ))  # fmt: skip
        if opens or printed or called in ("os.write", "tempfile.mkstemp", "tempfile.NamedTemporaryFile"):
            yield node.lineno


def test_lines_are_appended_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append("a\n", str(path))
    append(f"{SHAPED['npm']}\n", str(path))
    assert path.read_text() == "a\n****\n"


def test_text_keeps_its_bytes(tmp_path: Path) -> None:
    write(Text("caf\udce9\n").value, str(tmp_path / "out"), errors="surrogateescape")
    assert (tmp_path / "out").read_bytes() == b"caf\xe9\n"
