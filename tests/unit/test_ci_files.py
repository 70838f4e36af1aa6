"""What CI systems read: the action, the snippets, pre-commit's hooks; each is checked and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from image_archives import Saved, docker_legacy

from imglint import __version__
from imglint.discovery import looks_like_dockerfile

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
BIN = Path(sys.executable).parent
FAULTY = "FROM debian\nMAINTAINER me\n"


def against_schema(name: str, path: Path) -> None:
    """Check a file as its consumer's own schema has it; check-jsonschema carries these."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def snippet(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)
    [found] = [block for block in blocks if containing in block]
    return str(found)


def test_the_files_are_what_their_consumers_expect(tmp_path: Path) -> None:
    against_schema("github-actions", ROOT / "action.yml")
    for name, language, containing in (
        ("github-workflows", "yaml", "against: sizes.json"),
        ("gitlab-ci", "yaml", "codequality"),
    ):
        path = tmp_path / f"{name}.yml"
        path.write_text(snippet(language, containing))
        against_schema(name, path)


def test_the_workflow_uses_what_the_action_has() -> None:
    steps = yaml.safe_load(snippet("yaml", "against: sizes.json"))["jobs"]["image"]["steps"]
    [step] = [one for one in steps if str(one.get("uses", "")).startswith("imglint/")]
    assert step["with"].keys() <= ACTION["inputs"].keys()
    used = set(re.findall(r"steps\.imglint\.outputs\.([\w-]+)", json.dumps(steps)))
    assert used <= ACTION["outputs"].keys()
    assert len(used) == 2


class Runner:
    """Runs the `run:` steps of the action, with the few expressions that it uses."""

    def __init__(self, directory: Path, work: Path) -> None:
        self.directory = directory
        self.work = work
        self._home = directory / "imglint"

    def prepare(self) -> None:
        """Stand in for the step that installs: the environment of the tests has imglint already."""
        (self._home / "venv").mkdir(parents=True)
        (self._home / "venv/bin").symlink_to(BIN)

    def install(self, inputs: dict[str, str]) -> str:
        """What the step that installs gives to pip, with a stand-in for python3."""
        tools, asked = self.directory / "tools", self.directory / "asked"
        tools.mkdir(exist_ok=True)
        (tools / "python3").write_text(
            '#!/bin/sh\nmkdir -p "$3/bin"\n'
            f'echo \'#!/bin/sh\necho "$@" > {asked}\' > "$3/bin/python"\nchmod +x "$3/bin/python"\n'
        )
        (tools / "python3").chmod(0o755)
        assert not (self._home / "venv/bin").is_symlink(), "the stand-in would write over the tests' Python"
        code, told, _, _ = self.step(0, inputs, PATH=f"{tools}:{os.environ['PATH']}")
        assert code == 0, told
        return asked.read_text().strip()

    def step(self, number: int, inputs: dict[str, str], **more: str) -> tuple[int, str, dict[str, str], str]:
        """The exit code, what was printed, the outputs and the summary."""
        step = ACTION["runs"]["steps"][number]
        given = {name: str(one["default"]) for name, one in ACTION["inputs"].items()} | inputs
        known = {"github.action_path": str(ROOT), "runner.temp": str(self.directory)}
        known |= {f"inputs.{name}": value for name, value in given.items()}
        environment = {
            name: re.sub(r"\$\{\{ (.+?) \}\}", lambda match: known[match[1]], str(value))
            for name, value in step["env"].items()
        }
        files = {name: self.directory / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        assert "${{" not in step["run"]  # inputs in the script would be code
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.work, capture_output=True, text=True, check=False,
            env={**os.environ, **environment, **{name: str(path) for name, path in files.items()}, **more},
        )  # fmt: skip
        outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        return done.returncode, done.stdout + done.stderr, outputs, files["GITHUB_STEP_SUMMARY"].read_text()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    work = tmp_path / "work"
    work.mkdir()
    found = Runner(tmp_path, work)
    found.prepare()
    return found


def test_the_action_lints(runner: Runner) -> None:
    (runner.work / "Dockerfile").write_text(FAULTY)
    (runner.work / "a b").mkdir()
    (runner.work / "a b/Dockerfile").write_text('FROM debian:12\nUSER 1000\nCMD ["true"]\n')
    code, told, outputs, summary = runner.step(1, {})
    assert (code, outputs["exit-code"]) == (1, "1")
    assert "::warning title=DL3006" in told
    assert json.loads(Path(outputs["sarif"]).read_text())["runs"][0]["results"]
    assert len(json.loads(Path(outputs["json"]).read_text())["findings"]) >= 2
    assert summary.startswith("<!-- imglint report")
    assert summary == Path(outputs["markdown"]).read_text()
    assert runner.step(1, {"path": "a b"})[0] == 0
    (runner.work / "a b/Dockerfile.md").write_text("# how we use Docker\n")
    (runner.work / "a b/dockerfile.py").write_text("import x\n")
    assert runner.step(1, {"path": "a b"})[0] == 0
    assert runner.step(1, {"path": "a b\nDockerfile\n"})[0] == 1
    assert runner.step(1, {"fail-level": "none"})[0] == 0
    assert runner.step(1, {"arguments": "--select=DL4000\n--ignore=DL4000"})[0] == 0


def test_the_action_installs_the_core_alone_where_that_is_enough(tmp_path: Path) -> None:
    runner = Runner(tmp_path, tmp_path)
    assert runner.install({}) == f"-m pip install --quiet {ROOT}/core"
    assert runner.install({"image": "shop:1"}) == f"-m pip install --quiet {ROOT}/"
    assert runner.install({"version": "0.1.0"}) == "-m pip install --quiet imglint-core==0.1.0"
    assert runner.install({"version": "0.1.0", "image": "shop:1"}) == "-m pip install --quiet imglint==0.1.0"


def test_the_action_takes_options_by_name(runner: Runner) -> None:
    (runner.work / "sub").mkdir()
    (runner.work / "sub/Dockerfile").write_text(FAULTY)
    (runner.work / "sub/quiet.toml").write_text('ignore = ["DL3006", "DL4000", "AV09"]\n')
    there = {"working-directory": "sub"}
    assert runner.step(1, there)[0] == 1
    assert runner.step(1, there | {"config": "quiet.toml"})[0] == 0
    assert runner.step(1, there | {"profile": "no such"})[0] == 2
    code, _, outputs, _ = runner.step(1, {"working-directory": "no/such"})
    assert (code, outputs) == (2, {"exit-code": "2"})


def test_the_action_tells_only_what_is_new(runner: Runner) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *words], cwd=runner.work, check=True, capture_output=True)

    (runner.work / "Dockerfile").write_text(FAULTY)
    git("init", "-q")
    git("add", "Dockerfile")
    git("commit", "-q", "-m", "a")
    assert runner.step(1, {"only-new": "HEAD"})[0] == 0
    (runner.work / "Dockerfile").write_text(FAULTY + "RUN sudo a\n")
    code, told, _, _ = runner.step(1, {"only-new": "HEAD"})
    assert code == 1
    assert "DL3004" in told
    assert "DL3006" not in told


def test_annotations_are_no_flood(runner: Runner) -> None:
    for number in range(20):
        (runner.work / f"Dockerfile.{number}").write_text(FAULTY + "RUN sudo a\n")
    _, told, outputs, _ = runner.step(1, {})
    shown = [line for line in told.splitlines() if line.startswith("::")]
    found = len(json.loads(Path(outputs["json"]).read_text())["findings"])
    assert len(shown) == 51
    assert shown[-1] == f"::notice title=imglint::{found - 50} more are in the job summary"


def test_the_action_audits_an_image(runner: Runner) -> None:
    (runner.work / "shop.tar").write_bytes(docker_legacy(Saved.of({"srv/app": "a"}, tags=("shop:1",))))
    (runner.work / "Dockerfile").write_text("FROM scratch\nCOPY part0 /\n")
    code, _, outputs, summary = runner.step(1, {"image": "shop.tar", "path": "Dockerfile"})
    assert code == 1
    parsed = json.loads(Path(outputs["json"]).read_text())
    assert (len(parsed["images"]), len(parsed["matrix"])) == (1, 30)
    assert outputs["content-bytes"] == "1"
    assert outputs["wasted-bytes"] == "0"
    assert outputs["compressed-bytes"] == ""
    assert outputs["push-verdict"] == parsed["summary"]["push"]["verdict"]
    limited = runner.step(1, {"image": "shop.tar", "max-size": "0B", "fail-level": "none"})
    assert limited[0] == 1
    code, _, _, summary = runner.step(1, {"image": "shop.tar", "against": outputs["json"]})
    assert "| content | 1 B | 1 B | ±0 |" in summary


def test_inputs_are_never_code(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> None:
    mark = runner.work / "mark"
    evil = f'$(touch {mark}); touch {mark} `touch {mark}` "; touch {mark} #'
    for name in ACTION["inputs"]:
        code, _, _, _ = runner.step(1, {name: evil})
        assert code in ((2,) if name in ("path", "image", "arguments", "fail-level") else (2, 3))
    installs = Runner(tmp_path_factory.mktemp("fresh"), runner.work)
    assert installs.install({"version": evil, "image": evil}) == f"-m pip install --quiet imglint=={evil}"
    assert not mark.exists()


def test_wrong_input_still_tells_the_exit_code(runner: Runner) -> None:
    code, told, outputs, _ = runner.step(1, {"path": "no/such"})
    assert (code, outputs["exit-code"]) == (2, "2")
    assert "no/such" in told


HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile", "a/Dockerfile", "dockerfile", "Dockerfile.dev", "web.Dockerfile", "Containerfile", "x.containerfile",
        "Dockerfile.dockerignore", "Dockerfiles", "MyDockerfile", "dockerfile_test.py", "Dockerfile.d/x",
    ],
)  # fmt: skip
def test_pre_commit_takes_the_files_that_imglint_finds(name: str) -> None:
    hook = HOOKS[0]
    taken = bool(re.search(hook["files"], name)) and not re.search(hook["exclude"], name)
    assert taken == looks_like_dockerfile(name.rpartition("/")[2])
    assert hook["entry"].split()[-1] == "--found", "so that what begins otherwise is left out"


def test_the_light_hook_takes_the_same_files() -> None:
    """pre-commit can install no folder of a repository, so that docs/ci.md shows the hook as one of the user's own."""
    [light] = yaml.safe_load(snippet("yaml", "subdirectory=core"))["repos"][0]["hooks"]
    names = ("id", "name", "entry", "language", "stages", "files", "exclude")
    assert {name: light[name] for name in names} == {name: HOOKS[0][name] for name in names}
    assert light["additional_dependencies"] == [
        f"git+https://github.com/imglint/imglint@v{__version__}#subdirectory=core"
    ]


def test_pre_commit_itself(tmp_path: Path) -> None:
    """The real pre-commit installs imglint from a repository, lints a commit and audits a push."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    product = tmp_path / "product"
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, product / name
        if not name.startswith(("tests/", "docs/", "benchmarks/")) and source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    shop = tmp_path / "shop"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    (tmp_path / "gitconfig").write_text(
        "[user]\nname = a\nemail = a@example.org\n[init]\ndefaultBranch = main\n"
    )

    def run(*command: str, cwd: Path = shop) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    def git(*arguments: str, cwd: Path = shop) -> str:
        done = run("git", *arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    git("init", "-q", cwd=product)
    git("add", "-A", cwd=product)
    git("commit", "-q", "-m", "a", cwd=product)
    git("init", "-q", "--bare", str(tmp_path / "remote.git"), cwd=tmp_path)
    git("clone", "-q", str(tmp_path / "remote.git"), str(shop), cwd=tmp_path)
    configuration = yaml.safe_load(snippet("yaml", "imglint-audit"))
    configuration["repos"][0] |= {"repo": str(product), "rev": git("rev-parse", "HEAD", cwd=product)}
    (shop / ".pre-commit-config.yaml").write_text(yaml.safe_dump(configuration))
    done = run("pre-commit", "install", "--hook-type", "pre-commit", "--hook-type", "pre-push")
    assert done.returncode == 0, done.stdout + done.stderr

    (shop / "Dockerfile").write_text(FAULTY)
    git("add", "-A")
    refused = run("git", "commit", "-q", "-m", "a")
    assert refused.returncode != 0
    assert "DL3006" in refused.stdout + refused.stderr
    (shop / "Dockerfile").write_text('FROM debian:12\nUSER 1000\nCMD ["true"]\n')
    # What its name alone makes a Dockerfile is none, and stops no commit.
    (shop / "dockerfile.py").write_text("from x import y\n")
    (shop / "Dockerfile.md").write_text("# how we use Docker\n")
    git("add", "-A")
    git("commit", "-q", "-m", "good")
    good = git("rev-parse", "HEAD")
    # The work tree is bad, and the commit that is pushed is good.
    git("push", "-q", "origin", "main")
    assert git("rev-parse", "origin/main") == good
    # A warning stops the commit, and no push.
    (shop / "Dockerfile").write_text(FAULTY)
    git("commit", "-q", "-a", "--no-verify", "-m", "warned")
    git("push", "-q", "origin", "main")
    warned = git("rev-parse", "origin/main")
    assert warned == git("rev-parse", "HEAD") != good
    # A token does, though it is gone again in what is pushed last.
    (shop / "Dockerfile").write_text(FAULTY + "ENV A=ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a\n")
    git("commit", "-q", "-a", "--no-verify", "-m", "bad")
    bad = git("rev-parse", "HEAD")
    (shop / "Dockerfile").write_text(FAULTY)
    git("commit", "-q", "-a", "--no-verify", "-m", "good again")
    stopped = run("git", "push", "-q", "origin", "main")
    assert stopped.returncode != 0
    assert "hook id: imglint-audit" in stopped.stdout
    assert "hook id: imglint\n" not in stopped.stdout
    assert f"commit {bad[:9]} (removed again later): Dockerfile:3:7: AV0801" in stopped.stdout
    assert git("rev-parse", "origin/main") == warned
