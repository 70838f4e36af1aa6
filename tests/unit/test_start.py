"""A plain lint starts without what it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("typer", "rich", "pandas", "numpy", "networkx", "docker", "tabulate", "requests", "dataclasses",
         "inspect", "pathlib", "argparse")  # fmt: skip

PROGRAM = """
import sys
from imglint.__main__ import main
code = main(sys.argv[1:])
loaded = sorted(set(sys.modules) & {names!r})
sys.stderr.write("loaded: " + " ".join(loaded))
sys.exit(code)
"""


def run(*arguments: str, program: str = PROGRAM.format(names=set(HEAVY))) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    "arguments", [["examples/seed/Dockerfile"], ["lint", "--select", "ALL", "examples/seed/Dockerfile"]]
)
def test_lint_loads_nothing_heavy(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 1, result.stderr
    assert "IL010" in result.stdout
    assert result.stderr.strip().splitlines()[-1] == "loaded:"


def test_lint_works_where_the_others_can_not_be_imported() -> None:
    blocked = """
import sys
for name in ("pandas", "numpy", "networkx", "typer", "rich", "docker", "tabulate", "isal", "zstandard", "xxhash"):
    sys.modules[name] = None
from imglint.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    result = run("examples/seed/Dockerfile", program=blocked)
    assert result.returncode == 1, result.stderr
    assert "IL010" in result.stdout


def test_image_works_without_pandas_networkx_and_docker() -> None:
    blocked = """
import sys
for name in ("pandas", "numpy", "networkx", "docker"):
    sys.modules[name] = None
from imglint.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    result = run("image", "examples/waste/waste.tar", program=blocked)
    assert result.returncode == 1, result.stderr
    assert "wasted" in result.stdout


def test_only_rules_that_the_file_can_set_off_are_imported(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:12\n")
    program = """
import sys
from imglint.__main__ import main
main(sys.argv[1:])
print(sorted(name for name in sys.modules if name.startswith("imglint.rules.checks.")))
"""
    result = run(str(tmp_path / "Dockerfile"), program=program)
    assert "packages" not in result.stdout
    assert "user" in result.stdout


# What a machine with imglint-core alone does not have.
LIGHT = """
import sys
from imglint.light import LEFT_OUT
for name in LEFT_OUT:
    sys.modules[name] = None
from imglint.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["image", "examples/waste/waste.tar"], "tabulate"),
        (["image", "examples/waste/waste.tar", "--format", "json"], "tabulate"),
        (["image", "nothing.tar"], "tabulate"),
        (["image", "--help"], "typer"),
        (["verify", "--help"], "typer"),
        (["push", "--help"], "typer"),
        (["explain", "--help"], "typer"),
        (["verify", "shop:1.0"], "typer"),
        (["fix", "examples/seed/Dockerfile"], "typer"),
    ],
)
def test_a_command_that_needs_more_than_the_core_says_so(arguments: list[str], module: str) -> None:
    result = run(*arguments, program=LIGHT)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"imglint: {arguments[0]}: needs the package {module}, which imglint-core leaves out\n"
        "  Use `pip install imglint`\n"
    )


@pytest.mark.parametrize(
    "form", ["full", "json", "sarif", "github", "gitlab", "junit", "checkstyle", "markdown"]
)
def test_the_core_lints_in_every_format(form: str) -> None:
    result = run("--format", form, "examples/seed/Dockerfile", program=LIGHT)
    assert (result.returncode, result.stderr) == (1, "")
    assert "IL010" in result.stdout


def test_the_core_helps_explains_and_names_its_version() -> None:
    assert "Use `pip install imglint` for all commands" in run("--help", program=LIGHT).stdout
    assert "ends its first process" in run("explain", "IL010", program=LIGHT).stdout
    assert run("--version", program=LIGHT).stdout == run("--version").stdout


def test_names_that_need_more_than_the_core_say_so() -> None:
    program = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "xxhash" else real(name, *rest)
import imglint
print(imglint.lint("FROM debian\\n").findings[0].rule.code)
imglint.open_image
"""
    result = run(program=program)
    assert result.stdout == "DL3006\n"
    assert "ImportError: imglint.open_image needs the package xxhash" in result.stderr
    assert "Use `pip install imglint`" in result.stderr


def test_the_core_names_what_was_asked_for_and_no_command_that_it_lacks() -> None:
    told = run("--format", "html", "examples/seed/Dockerfile", program=LIGHT).stderr
    assert told.startswith("imglint: lint: needs the package jinja2")
    assert "imglint rules" not in run("explain", "NOPE", program=LIGHT).stderr
    assert "imglint rules" in run("explain", "NOPE").stderr


def test_what_is_not_installed_says_nothing_of_the_image() -> None:
    program = """
import gzip, sys
sys.modules["isal"] = None
from imglint.analyzer.image.archive import open_archive
try:
    open_archive(iter([gzip.compress(b"x" * 2000)]))
except ImportError as error:
    print(error.name)
"""
    assert run(program=program).stdout == "isal\n"
