"""Which files a build is sent: .dockerignore as the engine reads it, and nothing outside of the directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from imglint.analyzer.dockerfile.context import BuildContext, ContextFile, parse_patterns


@pytest.mark.parametrize(
    ("ignore", "path", "ignored"),
    [
        ("*.md", "README.md", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "docs/deep/a.md", True),
        ("**/*.md", "a.md", True),
        ("docs", "docs/x/y", True),
        ("docs", "docs2", False),
        ("docs/", "docs/x", True),
        ("/docs", "docs/x", True),
        ("./docs/../x", "x", True),
        ("docs/*/x", "docs/a/x", True),
        ("docs/*/x", "docs/a/b/x", False),
        ("docs/**/x", "docs/x", True),
        ("docs/**/x", "docs/a/b/x", True),
        ("docs/**", "docs/a/b", True),
        ("**", "any/thing", True),
        ("**/node_modules", "a/b/node_modules/c", True),
        ("temp?", "tempa", True),
        ("temp?", "tempab", False),
        ("temp?", "temp/", False),
        ("[ab].c", "b.c", True),
        ("[ab].c", "c.c", False),
        ("[a.c", "[a.c", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a.b", "axb", False),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README.md", "CHANGES.md", True),
        ("!README.md\n*.md", "README.md", True),
        ("# x\nx", "# x", False),
        (" x ", "x", True),
        ("! x", "x", False),
        (".\n\n", "x", False),
        ("\ufeffx", "x", True),
    ],
)
def test_dockerignore(tmp_path: Path, ignore: str, path: str, ignored: bool) -> None:
    (tmp_path / ".dockerignore").write_text(ignore)
    assert (BuildContext(str(tmp_path)).ignored_by(path) is not None) is ignored


def test_a_pattern_knows_its_line() -> None:
    found = [(one.text, one.negated, one.line) for one in parse_patterns("# all\n*\n\n!src\n")]
    assert found == [("*", False, 2), ("src", True, 4)]


def test_what_is_sent(tmp_path: Path) -> None:
    for name, text in {"a": "12", "src/b": "123", "src/c": "1", "old/d": "1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / ".dockerignore").write_text("old\nsrc\n!src/b\n")
    context = BuildContext(str(tmp_path))
    sent = (ContextFile(".dockerignore", 15), ContextFile("a", 2), ContextFile("src/b", 3))
    assert context.files == sent
    assert list(context.below("src")) == [ContextFile("src/b", 3)]
    assert list(context.below("a")) == [ContextFile("a", 2)]
    assert list(context.below("old")) == []
    assert context.exists("old/d")
    assert not context.exists("none")


def test_a_file_of_the_dockerfiles_own(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a")
    (tmp_path / "x.Dockerfile.dockerignore").write_text("b")
    context = BuildContext(str(tmp_path), str(tmp_path / "x.Dockerfile"))
    assert (context.ignored_by("a"), context.ignored_by("b") is not None) == (None, True)
    assert BuildContext(str(tmp_path), str(tmp_path / "y.Dockerfile")).ignored_by("a") is not None


def test_texts_that_can_be_read(tmp_path: Path) -> None:
    root = tmp_path / "context"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to("text")
    (root / "text").write_text("t")
    (root / "bytes").write_bytes(b"\xff")
    (root / "ignored").write_text("i")
    (root / ".dockerignore").write_text("ignored")
    context = BuildContext(str(root))
    found = {
        name: context.text(name) for name in ("text", "in", "out", "bytes", "ignored", "none", "../secret")
    }
    assert found == {
        "text": "t", "in": "t", "out": None, "bytes": None, "ignored": None, "none": None, "../secret": None,
    }  # fmt: skip
