"""The pre-push hook, with real repositories and a real bare remote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_archives import Saved, docker_legacy

from imglint.analyzer import InputError
from imglint.push.committed import CommittedFiles
from imglint.push.leaks import leaks
from imglint.push.pushed import at, pushed, refs
from imglint.push.repository import Repository as Objects
from imglint.push.texts import PushedTexts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GOOD = 'FROM debian:12\nCOPY app /srv/app\nUSER 1000\nCMD ["/srv/app"]\n'
BAD = 'FROM debian\nENV DB_PASSWORD=s3cr3t-Xq81zz\nCMD ["/srv/app"]\n'
ZERO = "0" * 40
# Of the shape of a token, and none.
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
LEAK = f"FROM debian:12\nUSER 1000\nRUN true\nENV CI={TOKEN}\n"


class Repository:
    """A work tree whose `origin` is a bare repository beside it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.remote = directory / "remote.git"
        self.here = directory / "shop"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "PYTHONPATH": str(ROOT / "src"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for path, bare in ((self.remote, ["--bare"]), (self.here, [])):
            subprocess.run(
                ["git", "init", "-q", "-b", "main", *options, *bare, str(path)],
                check=True,
                env=self.environment,
            )
        self.git("config", "user.name", "a")
        self.git("config", "user.email", "a@example.org")
        self.git("remote", "add", "origin", str(self.remote))
        (self.here / "app").write_text("#!/bin/sh\n")

    def run(self, *command: str, at: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=at or self.here, env=self.environment, capture_output=True, text=True,
            errors="surrogateescape", check=False, **options,
        )  # fmt: skip

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def imglint(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "imglint", *arguments, **options)

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.here / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a")
        return self.git("rev-parse", "HEAD")

    def push(self, *arguments: str) -> tuple[bool, str]:
        """Whether it went through, and what was told."""
        done = self.run("git", "push", *arguments)
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        assert TOKEN not in told
        return done.returncode == 0, told

    def line(self, before: str = ZERO) -> str:
        """What Git tells the hook of a push of HEAD to main."""
        return f"HEAD {self.git('rev-parse', 'HEAD')} refs/heads/main {before}\n"

    def arrived(self, ref: str = "main") -> str:
        done = self.run("git", "--git-dir", str(self.remote), "rev-parse", "--verify", "-q", ref)
        return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path)
    assert found.imglint("hook", "install").returncode == 0
    return found


def test_a_good_commit_arrives_and_a_bad_one_does_not(repository: Repository) -> None:
    good = repository.commit(Dockerfile=GOOD)
    done = repository.run("git", "push", "origin", "main")
    assert done.returncode == 0, done.stderr
    assert repository.arrived() == good
    bad = repository.commit(Dockerfile=BAD)
    done = repository.run("git", "push", "origin", "main")
    assert done.returncode != 0
    assert repository.arrived() == good
    assert f"commit {bad[:9]}: Dockerfile:2:5: DL3064 " in done.stdout + done.stderr
    assert "git push --no-verify" in done.stderr
    assert "Xq81" not in done.stdout + done.stderr
    repository.git("push", "--no-verify", "-q", "origin", "main")
    assert repository.arrived() == bad


def test_the_commit_counts_not_the_work_tree(repository: Repository) -> None:
    good = repository.commit(Dockerfile=GOOD)
    (repository.here / "Dockerfile").write_text(BAD)
    (repository.here / "imglint.toml").write_text("this is no TOML")
    repository.git("add", "Dockerfile")
    assert repository.run("git", "push", "origin", "main").returncode == 0
    assert repository.arrived() == good
    assert (repository.here / "Dockerfile").read_text() == BAD
    assert repository.git("status", "--porcelain").splitlines() == ["M  Dockerfile", "?? imglint.toml"]
    repository.git("rm", "-q", "--cached", "Dockerfile")
    (repository.here / "imglint.toml").unlink()
    repository.commit(Dockerfile=BAD)
    (repository.here / "Dockerfile").write_text(GOOD)
    assert repository.run("git", "push", "origin", "main").returncode != 0
    assert repository.arrived() == good


def test_every_ref_is_audited_and_deletions_are_not(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    repository.git("branch", "other")
    repository.git("push", "-q", "origin", "other")
    repository.git("checkout", "-q", "-b", "bad")
    repository.commit(services__web__Dockerfile=BAD)
    repository.git("tag", "-a", "-m", "a", "v1")
    repository.git("checkout", "-q", "main")
    # A bad tag beside a good branch: nothing of the push arrives.
    repository.commit(README="more")
    assert repository.run("git", "push", "origin", "main", "v1").returncode != 0
    assert (repository.arrived("v1"), repository.arrived() == repository.git("rev-parse", "main")) == (
        "",
        False,
    )
    repository.git("push", "-q", "origin", ":other")
    assert repository.arrived("other") == ""
    # A tag that names a file holds nothing to audit.
    repository.git("tag", "file", repository.git("rev-parse", "main:app"))
    repository.git("push", "-q", "origin", "file")


def test_a_repository_without_dockerfiles(repository: Repository) -> None:
    head = repository.commit(README="text")
    done = repository.run("git", "push", "origin", "main")
    assert (done.returncode, repository.arrived()) == (0, head)
    assert "1 commit, 0 versions of Dockerfiles\n" in done.stdout + done.stderr


def test_the_image_that_the_configuration_maps(repository: Repository) -> None:
    (repository.here / ".gitignore").write_text("*.tar\n")
    image = repository.here / "shop.tar"
    files = {
        "srv/app": "#!/bin/sh\n",
        "root/.aws/credentials": "aws_secret_access_key = " + "wJalrXUtnFEMI" * 3,
    }
    image.write_bytes(docker_legacy(Saved.of(files, tags=("shop:1",))))
    repository.commit(Dockerfile=GOOD, **{"imglint.toml": '[images]\nDockerfile = "shop.tar"\n'})
    done = repository.run("git", "push", "origin", "main")
    assert done.returncode != 0
    assert "process runs as root" in done.stdout + done.stderr
    assert repository.arrived() == ""
    # An image that is not there can't be audited; the message says how to push all the same.
    image.unlink()
    done = repository.run("git", "push", "origin", "main")
    assert done.returncode != 0
    assert "git push --no-verify" in done.stderr
    assert "shop.tar" in done.stderr


def test_a_broken_configuration_of_the_commit(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD, **{"imglint.toml": "no = [toml"})
    done = repository.run("git", "push", "origin", "main")
    assert done.returncode != 0
    assert "imglint.toml" in done.stderr
    assert "could not look at it all (exit code 2); to push anyway: git push --no-verify" in done.stderr


def test_files_of_the_repository_are_not_imported(repository: Repository) -> None:
    head = repository.commit(Dockerfile=GOOD, **{"yaml.py": "raise SystemExit(9)", "imglint__x.py": ""})
    assert repository.run("git", "push", "origin", "main").returncode == 0
    assert repository.arrived() == head


def test_from_a_directory_below_and_a_linked_work_tree(repository: Repository, tmp_path: Path) -> None:
    repository.commit(Dockerfile=GOOD, deep__Dockerfile=BAD)
    done = repository.run("git", "push", "origin", "main", at=repository.here / "deep")
    assert done.returncode != 0
    repository.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    done = repository.run("git", "push", "origin", "linked", at=tmp_path / "linked")
    assert done.returncode != 0
    assert repository.arrived("linked") == ""


def test_install_and_uninstall(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    hook = repository.here / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n# somebody else's\n")
    refused = repository.imglint("hook", "install")
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    assert repository.imglint("hook", "uninstall").returncode == 2
    assert "somebody" in hook.read_text()
    assert repository.imglint("hook", "install", "--force", "--fail-level", "error").returncode == 0
    assert "--fail-level error" in hook.read_text()
    assert os.access(hook, os.X_OK)
    of_run = ("--run", "--wait", "2m", "--memory", "2g", "--network", "backend")
    assert repository.imglint("hook", "install", *of_run).returncode == 0
    assert "hook run --run --network backend --memory 2g --wait 2m -- " in hook.read_text()
    given = ("--run", "-e", "SHOP_URL", "-v", "./my conf:/etc/shop", "--allow-egress")
    assert repository.imglint("hook", "install", *given).returncode == 0
    assert "--run --env SHOP_URL --volume './my conf:/etc/shop' --allow-egress -- " in hook.read_text()
    # A hook is a file that others read.
    refused = repository.imglint("hook", "install", "--run", "-e", "SHOP_URL=amqp-7731")
    assert (refused.returncode, "amqp-7731" in refused.stderr + hook.read_text()) == (2, False)
    assert repository.imglint("hook", "install").returncode == 0  # its own is written anew
    assert repository.imglint("hook", "uninstall").returncode == 0
    assert "somebody" in hook.read_text()
    repository.git("config", "core.hooksPath", "my hooks")
    assert repository.imglint("hook", "install").returncode == 0
    assert (repository.here / "my hooks/pre-push").is_file()
    outside = tmp_path / "outside"
    outside.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "imglint", "hook", "install"],
        cwd=outside, env=repository.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "inside a Git repository" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "data",
    [
        b"refs/heads/main\n",
        b"\n",
        b"refs/heads/main " + b"g" * 40 + b" refs/heads/main " + b"0" * 40 + b"\n",
        b"\xff\xfe\x00",
        b"a b c d e\n",
        b"refs/heads/main " + b"1" * 40 + b" refs/heads/main " + b"0" * 40 + b"\n",  # not in the repository
        b"refs/heads/main --help refs/heads/main " + b"0" * 40 + b"\n",
    ],
)
def test_odd_standard_input(repository: Repository, data: bytes) -> None:
    repository.commit(Dockerfile=GOOD)
    done = subprocess.run(
        [sys.executable, "-m", "imglint", "hook", "run", "origin", "url"],
        cwd=repository.here, env=repository.environment, input=data, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"imglint: ")
    assert b"--no-verify" in done.stderr
    assert b"Traceback" not in done.stderr


def test_no_refs_and_refs_with_odd_names() -> None:
    assert refs(b"") == ()
    [one] = refs(b"refs/heads/\xff " + b"1" * 64 + b" refs/heads/\xff " + b"0" * 64)
    assert one.local.encode("utf-8", "surrogateescape") == b"refs/heads/\xff"
    [deleted] = refs(f"(delete) {ZERO} refs/heads/main {'1' * 40}\n".encode())
    assert deleted.deletes
    with pytest.raises(InputError):
        refs(b"a b\n")


# Every version of the pushed range


def test_a_token_that_a_later_commit_removes(repository: Repository) -> None:
    first = repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    leaked = repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=LEAK + "RUN false\n")
    repository.commit(Dockerfile=GOOD)
    passed, told = repository.push("origin", "main")
    assert not passed
    assert f"commit {leaked[:9]} (removed again later): Dockerfile:4:8: AV0801 " in told
    assert told.count("AV0801") == 1, "each credential once, where it came in"
    assert "3 commits, 3 versions of Dockerfiles: 1 credential" in told
    assert repository.arrived() == first
    # The same without the commit that had it.
    repository.git("reset", "-q", "--hard", first)
    repository.commit(Dockerfile=GOOD + "LABEL a=b\n")
    assert repository.push("origin", "main")[0]


@pytest.mark.parametrize(
    "path", ["Dockerfile", "a b/Dockerfile.prod", "deep/er/web.dockerfile", "Containerfile"]
)
def test_a_token_in_a_file_that_was_deleted_or_renamed(repository: Repository, path: str) -> None:
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    leaked = repository.commit(**{path: LEAK})
    repository.git("mv", path, "Dockerfile.moved")
    repository.git("commit", "-q", "-m", "a")
    repository.git("rm", "-q", "Dockerfile.moved")
    repository.git("commit", "-q", "-m", "a")
    passed, told = repository.push("origin", "main")
    assert not passed
    assert f"commit {leaked[:9]} (removed again later): {path}:4:8: AV0801 " in told


def test_merges(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD, **{"b.Dockerfile": GOOD})
    repository.git("push", "-q", "origin", "main")
    for name in ("one", "two", "three"):
        repository.git("checkout", "-q", "-b", name, "main")
        repository.commit(**{name: name})
    # An octopus whose merge commit itself, and none of its parents, holds the token.
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-commit", "one", "two", "three")
    evil = repository.commit(Dockerfile=LEAK)
    assert len(repository.git("rev-list", "--parents", "-1", "HEAD").split()) == 4
    repository.commit(Dockerfile=GOOD)
    passed, told = repository.push("origin", "main")
    assert not passed
    assert f"commit {evil[:9]} (removed again later): Dockerfile:4" in told
    # What comes in by a merge and is on the remote already leaks nothing new.
    repository.git("reset", "-q", "--hard", "origin/main")
    repository.git("checkout", "-q", "-b", "known", "main")
    repository.commit(**{"b.Dockerfile": LEAK})
    repository.git("push", "-q", "--no-verify", "origin", "known")
    repository.git("checkout", "-q", "main")
    repository.commit(more="more")
    repository.git("merge", "-q", "-m", "a", "known")
    passed, told = repository.push("origin", "main")
    assert passed, told
    assert "0 credentials" in told or "0 versions" in told


def test_what_the_remote_has_is_told_by_its_refs_alone(repository: Repository, tmp_path: Path) -> None:
    repository.commit(Dockerfile=LEAK)
    repository.git("push", "-q", "--no-verify", "origin", "main")
    repository.commit(Dockerfile=GOOD)
    assert repository.push("origin", "main")[0]
    # Another remote has none of it, whatever it is called; nor one that is pushed to by its address.
    for name in ("other", "origin/inner", str(tmp_path / "second.git")):
        subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "second.git")], check=True)
        if not name.startswith("/"):
            repository.git("remote", "add", name, str(tmp_path / "second.git"))
        passed, told = repository.push(name, "main")
        assert not passed
        assert "(removed again later): Dockerfile:4:8: AV0801" in told
    # A ref of the remote origin/inner says nothing of origin.
    repository.git("checkout", "-q", "--orphan", "new")
    leaked = repository.commit(Dockerfile=LEAK + "LABEL new=1\n")
    repository.git("update-ref", "refs/remotes/origin/inner/new", leaked)
    assert not repository.push("origin", "new")[0]


def test_a_branch_without_common_history(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    repository.git("checkout", "-q", "--orphan", "other")
    root = repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD)
    passed, told = repository.push("origin", "other")
    assert not passed
    assert f"commit {root[:9]} (removed again later)" in told


def test_a_force_push(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    repository.commit(Dockerfile=GOOD + "LABEL a=1\n")
    repository.git("push", "-q", "origin", "main")
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD + "LABEL a=2\n")
    passed, told = repository.push("--force", "origin", "main")
    assert (passed, "(removed again later)" in told) == (False, True)
    repository.git("reset", "-q", "--hard", "HEAD~2")
    repository.commit(Dockerfile=GOOD + "LABEL a=2\n")
    assert repository.push("--force", "origin", "main")[0]


def test_tags(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    repository.commit(Dockerfile=LEAK)
    repository.git("tag", "-a", "-m", "a", "v1")
    repository.git("reset", "-q", "--hard", "HEAD~1")
    passed, told = repository.push("origin", "v1")
    assert (passed, "Dockerfile:4:8: AV0801" in told) == (False, True)
    # A tag of a tree alone.
    repository.git("tag", "tree", "v1^{tree}")
    passed, told = repository.push("origin", "tree")
    assert (passed, "tree " in told, "Dockerfile:4:8: AV0801" in told) == (False, True, True)
    # An old tag beside its branch is not judged on its own: only what it leaks.
    repository.git("tag", "v0")
    repository.commit(Dockerfile="FROM debian:12\nCOPY --from=none a /b\nEXPOSE 99999\n")
    repository.git("tag", "broken")
    repository.commit(Dockerfile=GOOD)
    assert repository.push("origin", "v0", "broken", "main")[0]


def test_a_shallow_clone(repository: Repository, tmp_path: Path) -> None:
    repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "--no-verify", "origin", "main")
    shallow = Repository.__new__(Repository)
    shallow.__dict__ |= repository.__dict__ | {"here": tmp_path / "shallow"}
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.remote}", str(shallow.here))
    assert shallow.imglint("hook", "install").returncode == 0
    shallow.git("config", "user.name", "a")
    shallow.git("config", "user.email", "a@example.org")
    shallow.commit(Dockerfile=GOOD + "LABEL a=b\n")
    passed, told = shallow.push("origin", "HEAD:more")
    assert passed, told
    assert "1 commit, 1 version of Dockerfiles" in told
    # Where all that is here is new to the remote, what is cut off is said.
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "second.git")], check=True)
    _, told = shallow.push(str(tmp_path / "second.git"), "HEAD:more")
    assert "note: the history here is cut off at commit" in told


def test_a_remote_commit_that_is_not_here(repository: Repository) -> None:
    leaked = repository.commit(Dockerfile=LEAK)
    head = repository.commit(Dockerfile=GOOD)
    line = f"refs/heads/main {head} refs/heads/main {'1' * 40}\n"
    done = repository.imglint("hook", "run", "nowhere", "url", input=line)
    assert done.returncode == 1
    assert f"commit {leaked[:9]} (removed again later): Dockerfile:4" in done.stdout
    assert "note: refs/heads/main of the remote is 111111111, which is not here" in done.stdout


def test_a_partial_clone(repository: Repository, tmp_path: Path) -> None:
    repository.commit(Dockerfile="FROM debian:11\nUSER 1000\n")
    repository.commit(Dockerfile=GOOD)
    repository.git("push", "-q", "origin", "main")
    repository.run("git", "config", "uploadpack.allowFilter", "true", at=repository.remote)
    partial = Repository.__new__(Repository)
    partial.__dict__ |= repository.__dict__ | {"here": tmp_path / "partial"}
    repository.git(
        "clone", "-q", "--filter=blob:none", "--no-local", f"file://{repository.remote}", str(partial.here)
    )
    line = f"refs/heads/main {partial.git('rev-parse', 'HEAD')} refs/heads/main {ZERO}\n"
    done = partial.imglint("hook", "run", "elsewhere", "url", input=line)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Dockerfile is not here, since the clone is partial, and was not looked at" in done.stdout
    missing = partial.git("rev-list", "--objects", "--missing=print", "HEAD")
    assert "?" in missing, "nothing was fetched"


def test_a_replaced_commit_is_pushed_as_it_was(repository: Repository) -> None:
    clean = repository.commit(Dockerfile=GOOD)
    leaked = repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD, more="more")
    repository.git("replace", leaked, clean)
    passed, told = repository.push("origin", "main")
    assert not passed
    assert f"commit {leaked[:9]} (removed again later)" in told


def test_old_credentials_stop_nothing(repository: Repository) -> None:
    repository.commit(Dockerfile=BAD + "RUN one\n")
    repository.git("push", "-q", "--no-verify", "origin", "main")
    repository.commit(Dockerfile=BAD + "RUN two\n")
    assert repository.push("origin", "main")[0]
    repository.git("mv", "Dockerfile", "Dockerfile.web")
    repository.commit(**{"Dockerfile.web": BAD + "RUN three\n"})
    assert repository.push("origin", "main")[0]
    # Another value of the same name is a new one.
    repository.commit(**{"Dockerfile.web": BAD.replace("Xq81", "Yr92") + "RUN three\n"})
    passed, told = repository.push("origin", "main")
    assert (passed, "Dockerfile.web:2:5: DL3064" in told, "removed" in told) == (False, True, False)


@pytest.mark.parametrize(
    ("name", "text", "passes"),
    [
        ("imglint.toml", 'ignore = ["AV0801"]', True),
        ("imglint.toml", 'select = ["DL3006"]', False),
        (".hadolint.yaml", "ignored: [DL3006]", False),
        ("pyproject.toml", '[tool.imglint]\nignore = ["AV08"]', True),
    ],
)
def test_who_may_leave_credentials_out(repository: Repository, name: str, text: str, passes: bool) -> None:
    repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD, **{name: text})
    assert repository.push("origin", "main")[0] is passes


def test_a_pragma_leaves_a_credential_out(repository: Repository) -> None:
    text = LEAK.replace("ENV", "# imglint ignore=AV0801 ; reason=revoked\nENV")
    repository.commit(Dockerfile=GOOD)
    repository.commit(Dockerfile=text)
    repository.commit(Dockerfile=text + "LABEL a=b\n")
    assert repository.imglint("hook", "run", "o", "u", input=repository.line()).returncode == 0
    repository.commit(Dockerfile=LEAK)
    assert not repository.push("origin", "main")[0]


def test_a_baseline_of_the_commit_takes_findings_out(repository: Repository) -> None:
    text = LEAK + "EXPOSE 99999\n"
    for directory in ("", "deep__"):
        repository.commit(**{f"{directory}Dockerfile": text})
    assert not repository.push("origin", "main")[0]
    repository.imglint("--write-baseline", "old.json")
    repository.commit(**{"imglint.toml": 'baseline = "old.json"\n'})
    passed, told = repository.push("origin", "main")
    assert passed, told
    # Only the commit's own counts.
    repository.git("rm", "-q", "--cached", "old.json")
    repository.git("commit", "-q", "-m", "a")
    repository.commit(Dockerfile=text + "RUN b\n")
    (repository.here / ".git/info/exclude").write_text("old.json\n")
    repository.git("rm", "-q", "--cached", "old.json")
    repository.git("commit", "-q", "--amend", "-m", "a")
    passed, told = repository.push("origin", "main")
    assert (passed, "old.json" in told) == (False, True)


def test_the_address_of_a_remote_is_shown_without_its_password(repository: Repository) -> None:
    repository.commit(Dockerfile=GOOD)
    done = repository.imglint(
        "hook", "run", "https://me:hunter22@example.org/x", "u", input=repository.line()
    )
    assert (done.returncode, "hunter22" in done.stdout + done.stderr) == (0, False)
    assert "to https://me:****@example.org/x" in done.stdout


def test_a_token_in_parts_of_lines_that_stood_there_before(repository: Repository) -> None:
    """Lines that are all known can still be put together into something new."""
    repository.commit(
        Dockerfile="FROM a:1\nRUN echo 'root:toor' \\\n  && true\nRUN cat x \\\n  | chpasswd\nUSER 1\n"
    )
    repository.git("push", "-q", "--no-verify", "origin", "main")
    leaked = repository.commit(Dockerfile="FROM a:1\nRUN echo 'root:toor' \\\n  | chpasswd\nUSER 1\n")
    repository.commit(Dockerfile=GOOD)
    passed, told = repository.push("origin", "main")
    assert (passed, f"commit {leaked[:9]} (removed again later): Dockerfile:2" in told) == (False, True)


def test_ten_thousand_commits(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each blob is read once, and the number of processes does not grow with that of commits."""
    import time

    started: list[str] = []
    real = subprocess.Popen

    def counted(*arguments: Any, **options: Any) -> Any:
        started.append(" ".join(arguments[0][:3]))
        return real(*arguments, **options)

    monkeypatch.chdir(repository.here)
    monkeypatch.setattr(subprocess, "Popen", counted)
    numbers = {}
    for count in (100, 10_000):
        branch = f"refs/heads/long{count}"
        stream = []
        for number in range(count):
            extra = f"ENV CI={TOKEN}\n" if number == count // 2 else ""
            text = (
                f"FROM debian:12\nRUN apt-get update && apt-get install -y a{number % 97}=1.{number} \\\n"
                f"    && rm -rf /var/lib/apt/lists/*\n{extra}COPY app /srv/app\nUSER 1000\nLABEL of={count}\n"
            )
            stream.append(
                f"commit {branch}\ncommitter a <a@example.org> {number} +0000\ndata 1\na\n"
                f"M 100644 inline Dockerfile\ndata {len(text)}\n{text}\n"
            )
        subprocess.run(["git", "fast-import", "--quiet"], input="".join(stream).encode(), check=True)
        started.clear()
        before = time.perf_counter(), time.process_time()
        with Objects() as objects:
            sent = pushed(objects, (at(branch),), "origin")
            files = CommittedFiles(objects, sent.heads[0].commit)
            texts = PushedTexts(objects, ())
            texts.expect(one.oid for one in sent.versions)
            [leak] = leaks(sent, {sent.heads[0].commit: files}.__getitem__, texts)
            numbers[count] = len(started), objects.blobs_read, len(sent.versions)
            files.close()
        spent = time.perf_counter() - before[0], time.process_time() - before[1]
        print(f"{count} commits: {spent[0]:.1f} s, of them {spent[1]:.1f} s in Python")  # noqa: T201  (people want to see it)
        assert (leak.removed, leak.finding.rule.code) == (True, "AV0801")
        assert leak.version.commit == repository.git("rev-parse", f"{branch}~{count - count // 2 - 1}")
    # One more blob for each version, and the head's once more for what the heads hold.
    assert numbers == {100: (numbers[100][0], 101, 100), 10_000: (numbers[100][0], 10_001, 10_000)}


# What else is new in what is changed


def test_only_what_is_new_and_an_error_stops_a_push(repository: Repository) -> None:
    old = "FROM debian\nMAINTAINER me\nEXPOSE 99999\nRUN sudo a\n"
    repository.commit(Dockerfile=old, **{"old.Dockerfile": old})
    repository.git("push", "-q", "--no-verify", "origin", "main")
    repository.commit(Dockerfile=old + "RUN sudo b\n")
    passed, told = repository.push("origin", "main")
    assert passed
    assert "0 new findings at error or above" in told
    assert "older and 1 lesser findings are not shown: `imglint Dockerfile` shows them" in told
    repository.commit(Dockerfile=old + "EXPOSE 88888\n")
    passed, told = repository.push("origin", "main")
    assert not passed
    assert "Dockerfile:5:8: DL3011 impossible-port: 88888" in told
    assert "99999" not in told
    # The configured level.
    repository.commit(Dockerfile=old + "RUN sudo b\nRUN sudo c\n")
    assert repository.push("origin", "main")[0]
    assert repository.imglint("hook", "install", "--fail-level", "warning").returncode == 0
    repository.commit(Dockerfile=old + "RUN sudo b\nRUN sudo c\nRUN sudo d\n")
    passed, told = repository.push("origin", "main")
    assert (passed, "DL3004" in told) == (False, True)
    assert repository.imglint("hook", "install", "--fail-level", "none").returncode == 0
    repository.commit(Dockerfile=LEAK)
    passed, told = repository.push("origin", "main")
    assert (passed, "AV0801" in told) == (True, True)


def test_the_context_is_the_commits(repository: Repository) -> None:
    assert repository.imglint("hook", "install", "--fail-level", "info").returncode == 0
    repository.commit(Dockerfile='FROM debian:12\nCOPY . /srv\nUSER 1000\nCMD ["/srv/app"]\n')
    passed, told = repository.push("origin", "main")
    assert passed, told
    assert ".git" not in told.replace("remote.git", "").replace("git push", "")
    repository.commit(**{"node_modules__x.js": "x" * 200_000})
    repository.commit(Dockerfile='FROM debian:12\nCOPY . /app\nUSER 1000\nCMD ["/app/app"]\n')
    passed, told = repository.push("origin", "main")
    assert (passed, "takes node_modules (200.0 kB)" in told) == (False, True)
    repository.commit(Dockerfile=GOOD, **{".dockerignore": "app\n"})
    passed, told = repository.push("origin", "main")
    assert (passed, "CopyIgnoredFile" in told) == (False, True)


def test_what_is_no_dockerfile_stops_nothing(repository: Repository) -> None:
    big = repository.here / "big.Dockerfile"
    with big.open("wb") as stream:
        stream.truncate(33 * 1024 * 1024)
    (repository.here / "bin.Dockerfile").write_bytes(b"\x7fELF\0\0")
    (repository.here / "link.Dockerfile").symlink_to("nowhere")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "1" * 64 + "\nsize 1\n"
    repository.commit(
        **{
            "docs__Dockerfile.md": f"# how we use Docker: {TOKEN}\n", "Dockerfile": "# soon\n", "Containerfile": "",
            "dockerfile.py": "from x import y\n", "lfs.Dockerfile": pointer, "Dockerfile.alpine": "{% if x %}\nFROM a\n",
            "node_modules__x__Dockerfile": LEAK,
        }
    )  # fmt: skip
    passed, told = repository.push("origin", "main")
    assert passed, told
    notes = [line for line in told.splitlines() if line.startswith("note: ")]
    assert len(notes) == 7, notes
    for what in (
        "big.Dockerfile has 34.6 MB, and was not looked at", "bin.Dockerfile: is binary", "Dockerfile: holds only comments",
        "Containerfile: is empty", "lfs.Dockerfile: is kept in Git LFS", "Dockerfile.alpine: is a template",
        "link.Dockerfile: is a link or a submodule",
    ):  # fmt: skip
        assert any(what in note for note in notes), (what, notes)


# Whose repository it is


def snapshot(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_nothing_of_the_repository_runs_and_nothing_is_written_to_it(
    repository: Repository, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    program = f"touch {mark}; cat"
    repository.commit(Dockerfile=GOOD, **{".gitattributes": "* filter=evil diff=evil\n"})
    repository.commit(Dockerfile=GOOD + "RUN two\n", **{"imglint.toml": '[images]\nDockerfile = "no.tar"\n'})
    line = repository.line(repository.git("rev-parse", "HEAD~1"))
    for name, value in {
        "filter.evil.smudge": program, "filter.evil.clean": program, "filter.evil.process": program,
        "filter.evil.required": "true", "diff.evil.textconv": program, "diff.evil.command": program,
        "diff.external": program, "core.fsmonitor": program, "core.pager": program, "core.sshCommand": program,
        "log.showSignature": "true", "gpg.program": program,
    }.items():  # fmt: skip
        repository.git("config", name, value)
    mark.unlink(missing_ok=True)
    before = snapshot(repository.here)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    repository.environment["TMPDIR"] = str(temporary)
    done = repository.imglint("hook", "run", "origin", "url", input=line)
    assert (done.returncode, "no.tar" in done.stderr) == (2, True), "the image is asked for, and not there"
    assert not mark.exists()
    assert snapshot(repository.here) == before
    assert not list(temporary.iterdir())


def test_links_and_paths_of_a_tree_lead_nowhere(repository: Repository, tmp_path: Path) -> None:
    """A tree can hold names that lead out of it; for the audit of an image its files are written down."""
    (repository.here / "out").symlink_to(tmp_path)
    repository.commit(Dockerfile=GOOD, **{"imglint.toml": '[images]\nDockerfile = "no.tar"\n'})
    blob = repository.git("rev-parse", "HEAD:Dockerfile")
    inner = repository.run(
        "git", "mktree", "--missing", input=f"100644 blob {blob}\tescaped\n"
    ).stdout.strip()
    entries = repository.git("ls-tree", "HEAD") + f"\n040000 tree {inner}\t..\n040000 tree {inner}\tout\n"
    tree = repository.run("git", "mktree", input=entries).stdout.strip()
    commit = repository.git("commit-tree", "-m", "a", tree)
    done = repository.imglint("hook", "run", "o", "u", input=f"refs/heads/x {commit} refs/heads/x {ZERO}\n")
    assert "no.tar" in done.stderr
    assert not list(tmp_path.rglob("escaped"))


def test_odd_paths(tmp_path: Path) -> None:
    directory = tmp_path / "a b\nc\udcff"
    directory.mkdir()
    repository = Repository(directory)
    assert repository.imglint("hook", "install").returncode == 0
    names = [
        "new\nline/Dockerfile",
        "sp ace/web.Dockerfile",
        "\udcff/Dockerfile.\udcfe",
        "-x/Dockerfile",
        ":(top)/Dockerfile",
    ]
    for name in names:
        path = repository.here / name
        path.parent.mkdir()
        path.write_text(LEAK)
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "a")
    passed, told = repository.push("origin", "main")
    assert not passed
    assert told.count("AV0801") == len(names)
    assert "new\\nline/Dockerfile:4:8: AV0801" in told


def test_a_sha256_repository(tmp_path: Path) -> None:
    repository = Repository(tmp_path, "--object-format=sha256")
    assert repository.imglint("hook", "install").returncode == 0
    first = repository.commit(Dockerfile=GOOD)
    assert len(first) == 64
    assert repository.push("origin", "main")[0]
    leaked = repository.commit(Dockerfile=LEAK)
    repository.commit(Dockerfile=GOOD)
    passed, told = repository.push("origin", "main")
    assert (passed, f"commit {leaked[:9]} (removed again later)" in told) == (False, True)
    repository.git("push", "-q", "--no-verify", "origin", "main:other")
    assert repository.push("origin", ":other")[0]


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_LITERAL_PATHSPECS": "1"}, {"GIT_GLOB_PATHSPECS": "1"}, {"GIT_INDEX_FILE": "/nonexistent/index"},
        {"GIT_DIR": ".git", "GIT_WORK_TREE": "."}, {"GIT_EXTERNAL_DIFF": "false"}, {"GIT_PREFIX": "deep/"},
    ],
    ids=str,
)  # fmt: skip
def test_variables_of_git(repository: Repository, variables: dict[str, str]) -> None:
    leaked = repository.commit(Dockerfile=LEAK)
    head = repository.commit(Dockerfile=GOOD)
    repository.environment |= variables
    done = repository.imglint("hook", "run", "o", "u", input=f"refs/heads/a {head} refs/heads/a {ZERO}\n")
    assert done.returncode == 1, done.stderr
    assert f"commit {leaked[:9]} (removed again later): Dockerfile:4" in done.stdout


def test_a_bare_repository_and_a_submodule(repository: Repository, tmp_path: Path) -> None:
    repository.commit(Dockerfile=LEAK)
    repository.git("push", "-q", "--no-verify", "origin", "main")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "second.git")], check=True)
    done = repository.run(sys.executable, "-m", "imglint", "hook", "install", at=repository.remote)
    assert done.returncode == 0, done.stderr
    done = repository.run("git", "push", str(tmp_path / "second.git"), "main", at=repository.remote)
    assert (done.returncode, "Dockerfile:4:8: AV0801" in done.stdout + done.stderr) == (1, True)
    inner = repository.here / "inner"
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository.remote), "inner"
    )
    (inner / "Dockerfile").write_text(LEAK + "LABEL a=b\n")
    for command in (
        [sys.executable, "-m", "imglint", "hook", "install"],
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-a", "-m", "a"],
    ):
        assert repository.run(*command, at=inner).returncode == 0
    # The token is the remote's already; a second one is not.
    assert repository.run("git", "push", "origin", "HEAD:a", at=inner).returncode == 0
    (inner / "Dockerfile").write_text(LEAK.replace("16C7", "27D8"))
    repository.run(
        "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qam", "a", at=inner
    )
    done = repository.run("git", "push", "origin", "HEAD:a", at=inner)
    assert (done.returncode, "Dockerfile:4:8: AV0801" in done.stdout + done.stderr) == (1, True)


def test_a_configuration_beside_the_temporary_files_is_nobodys(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "imglint.toml").write_text('ignore = ["ALL"]\n')
    repository.environment |= {"TMPDIR": str(tmp_path)}
    repository.commit(Dockerfile=LEAK)
    assert not repository.push("origin", "main")[0]


def test_the_range_that_pre_commit_names(repository: Repository) -> None:
    first = repository.commit(Dockerfile=GOOD)
    leaked = repository.commit(Dockerfile=LEAK)
    last = repository.commit(Dockerfile=GOOD)
    told = {}
    for name, before in {"all": first, "none": last, "unknown": ""}.items():
        repository.environment |= {
            "PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": before, "PRE_COMMIT_TO_REF": last, "PRE_COMMIT_REMOTE_NAME": "origin",
        }  # fmt: skip
        done = repository.imglint("hook", "run")
        told[name] = done.returncode, f"commit {leaked[:9]} (removed again later)" in done.stdout
    assert told == {"all": (1, True), "none": (0, False), "unknown": (1, True)}


# What the remote has already


OLD = (
    "FROM debian\nLABEL org.opencontainers.image.source=https://example.org/shop\nCOPY app /srv/app\n"
    "WORKDIR /srv\nHEALTHCHECK CMD /srv/app --healthy\nEXPOSE 99999\nRUN sudo a\nENV PASSWORD=oldbutgold1\n"
)


@pytest.fixture
def old(repository: Repository) -> Repository:
    """The remote has a Dockerfile with a credential and with errors."""
    repository.commit(Dockerfile=OLD)
    repository.git("push", "-q", "--no-verify", "origin", "main")
    return repository


def test_a_change_and_its_revert(old: Repository) -> None:
    old.commit(Dockerfile=OLD + "# a comment\n")
    old.git("revert", "--no-edit", "HEAD")
    passed, told = old.push("origin", "main")
    assert (passed, "2 versions of Dockerfiles: 0 credentials, 0 new findings" in told) == (True, True), told


def test_a_token_that_comes_and_goes_is_told_without_older_ones(old: Repository) -> None:
    leaked = old.commit(Dockerfile=OLD + f"ENV CI={TOKEN}\n")
    old.git("revert", "--no-edit", "HEAD")
    passed, told = old.push("origin", "main")
    assert not passed
    assert f"commit {leaked[:9]} (removed again later): Dockerfile:9:8: AV0801" in told
    assert ("DL3064" in told, "2 versions of Dockerfiles: 1 credential, 0 new findings" in told) == (
        False,
        True,
    )


@pytest.mark.parametrize("path", ["Dockerfile.prod", "services/x/Containerfile"])
@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_renamed_and_copied_files(old: Repository, path: str, changed: bool, copied: bool) -> None:
    (old.here / path).parent.mkdir(parents=True, exist_ok=True)
    if not copied:
        old.git("mv", "Dockerfile", path)
    text = OLD.replace("sudo a", "sudo b") if changed else OLD
    old.commit(**{path: text})
    passed, told = old.push("origin", "main")
    assert (passed, "1 version of Dockerfiles: 0 credentials, 0 new findings" in told) == (True, True), told
    # A new value and a new error in it are new, under the same name, too.
    old.commit(**{path: text.replace("gold1", "silver2") + "EXPOSE 88888\n"})
    old.git("update-ref", "refs/remotes/origin/main", "HEAD~2")
    old.git("--git-dir", str(old.remote), "update-ref", "refs/heads/main", old.git("rev-parse", "HEAD~2"))
    passed, told = old.push("origin", "main")
    assert (passed, f"{path}:8:5: DL3064" in told, f"{path}:9:8: DL3011 impossible-port: 88888" in told) == (
        False,
        True,
        True,
    )
    assert ("99999" in told, "1 credential, 1 new finding " in told) == (False, True)


def test_a_copy_as_a_backup(old: Repository) -> None:
    old.commit(**{"Dockerfile.bak": OLD})
    passed, told = old.push("origin", "main")
    assert (passed, "0 credentials, 0 new findings" in told) == (True, True), told


def test_a_new_history_of_files_that_the_remote_has(old: Repository) -> None:
    old.git("checkout", "-q", "--orphan", "new")
    old.commit(
        README="new\n"
    )  # else it would be the remote's own commit, where it is made in the same second
    passed, told = old.push("origin", "new")
    assert (passed, "0 credentials, 0 new findings" in told) == (True, True), told


def test_values_of_all_branches_of_the_remote_are_known(old: Repository) -> None:
    for name in ("one", "two", "three"):
        old.git("checkout", "-q", "-b", name, "main")
        old.commit(**{f"{name}.Dockerfile": f"FROM debian:12\nUSER 1\nENV API_TOKEN=value-of-{name}-1\n"})
        old.git("push", "-q", "--no-verify", "origin", name)
    old.git("checkout", "-q", "main")
    text = "FROM debian:12\nUSER 1\nENV A_TOKEN=value-of-one-1 B_TOKEN='value-of-two-1' C_TOKEN=value-of-three-1\n"
    old.commit(Dockerfile=OLD, **{"all.Dockerfile": text})
    passed, told = old.push("origin", "main")
    assert (passed, "0 credentials" in told) == (True, True), told
    old.commit(**{"all.Dockerfile": text.replace("three-1", "four-1")})
    passed, told = old.push("origin", "main")
    assert (passed, "1 credential," in told) == (False, True), told


def test_another_private_key_is_new(repository: Repository) -> None:
    text = "FROM debian:12\nUSER 1\nRUN <<E\necho '-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----' > /k\nE\n"
    repository.commit(Dockerfile=text.format("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2))
    repository.git("push", "-q", "--no-verify", "origin", "main")
    repository.commit(Dockerfile=text.format("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2) + "# a\n")
    assert repository.push("origin", "main")[0]
    repository.commit(Dockerfile=text.format("MIIEvQIBADANBgkqhkiG9w0BAQEFBBTD" * 2))
    passed, told = repository.push("origin", "main")
    assert (passed, "AV0801" in told) == (False, True), told


def test_a_tag_of_a_file(old: Repository) -> None:
    old.commit(Dockerfile=LEAK.replace("RUN true", "COPY none /a") + "RUN sudo a\n", notes=f"about {TOKEN}\n")
    for name, path in (("file", "Dockerfile"), ("notes", "notes"), ("known", "Dockerfile")):
        old.git("tag", name, f"{'origin/main' if name == 'known' else 'HEAD'}:{path}")
    oid = old.git("rev-parse", "file")
    passed, told = old.push("origin", "file")
    assert (passed, f"blob {oid[:9]}: Dockerfile:4:8: AV0801" in told) == (False, True), told
    assert "to origin): 1 blob, 1 version of Dockerfiles: 1 credential, 0 new findings" in told
    assert f"`git cat-file blob {oid[:9]} | imglint -` shows them" in told
    passed, told = old.push("origin", "notes")
    assert passed
    assert "note: refs/tags/notes: is the blob " in told
    assert "which does not begin as a Dockerfile, and was not looked at" in told
    passed, told = old.push("origin", "known")
    assert (passed, "0 credentials, 0 new findings" in told) == (True, True), told


def test_trees_of_the_remote_that_a_partial_clone_does_not_hold(old: Repository, tmp_path: Path) -> None:
    old.git("checkout", "-q", "-b", "other")
    old.commit(Dockerfile=OLD + "# a comment\n")
    old.git("push", "-q", "--no-verify", "origin", "other")
    old.run("git", "config", "uploadpack.allowFilter", "true", at=old.remote)
    partial = Repository.__new__(Repository)
    partial.__dict__ |= old.__dict__ | {"here": tmp_path / "partial"}
    old.git("clone", "-q", "--filter=tree:0", "--no-local", f"file://{old.remote}", str(partial.here))
    partial.git("config", "user.name", "a")
    partial.git("config", "user.email", "a@example.org")
    partial.commit(Dockerfile=OLD + "# another\n")
    done = partial.imglint("hook", "run", "origin", "url", input=partial.line())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1 version of Dockerfiles: 0 credentials, 0 new findings" in done.stdout
    missing = partial.git("rev-list", "--objects", "--missing=print", "origin/other")
    assert "?" in missing, "nothing was fetched"
