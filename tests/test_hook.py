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
from imglint.pushed import refs

ROOT = Path(__file__).parent.parent
GOOD = 'FROM debian:12\nCOPY app /srv/app\nUSER 1000\nCMD ["/srv/app"]\n'
BAD = 'FROM debian\nENV DB_PASSWORD=s3cr3t-Xq81zz\nCMD ["/srv/app"]\n'
ZERO = "0" * 40


class Repository:
    """A work tree whose `origin` is a bare repository beside it."""

    def __init__(self, directory: Path) -> None:
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
                ["git", "init", "-q", "-b", "main", *bare, str(path)], check=True, env=self.environment
            )
        self.git("config", "user.name", "a")
        self.git("config", "user.email", "a@example.org")
        self.git("remote", "add", "origin", str(self.remote))
        (self.here / "app").write_text("#!/bin/sh\n")

    def run(self, *command: str, at: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=at or self.here, env=self.environment, capture_output=True, text=True, check=False, **options
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
    assert "AV0901" in done.stdout + done.stderr
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
    assert "holds no Dockerfile" in done.stdout + done.stderr


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
    assert "could not audit (exit code 2); to push anyway: git push --no-verify" in done.stderr


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
