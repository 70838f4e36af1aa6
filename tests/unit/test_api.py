"""`import imglint`: what the documentation shows is true, and importing it costs little."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import imglint
from imglint import lint_options, linting, measuring
from imglint.push import target

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "module", [imglint, linting, measuring, target, lint_options], ids=lambda module: module.__name__
)
def test_the_examples_of_the_documentation(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(module)
    assert result.attempted >= 1
    assert result.failed == 0


def test_every_name_it_offers_is_there() -> None:
    for name in imglint.__all__:
        assert getattr(imglint, name).__doc__, name
    with pytest.raises(AttributeError, match="measur"):
        imglint.measur  # noqa: B018


def test_the_import_alone_loads_nothing_heavy() -> None:
    program = (
        "import imglint, sys; print(sorted({'pandas', 'networkx', 'docker', 'typer'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_an_input_error_tells_what_where_and_what_to_do() -> None:
    with pytest.raises(imglint.InputError) as caught:
        imglint.open_image("no/such/image.tar")
    assert caught.value.subject == "no/such/image.tar"
    assert caught.value.problem
    assert caught.value.hint


def test_text_that_is_no_dockerfile_is_linted_all_the_same() -> None:
    report = imglint.lint(b"\xff\0 what\nFROM x\n", name="shop/Dockerfile")
    assert report.files == ("shop/Dockerfile",)
    assert report.findings


def test_the_notebook_goes_from_an_archive_to_a_frame() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples/notebook.py")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    layers, waste, findings = (part in done.stdout for part in ("wasted_bytes", "46846", "AV0303"))
    assert (layers, waste, findings) == (True, True, True)
