"""Builds what a release consists of, and checks it: `make release`, into dist/.

Wheels and source distributions of imglint-core and imglint, their checksums, a bill of materials of what
`pip install imglint` brings, and this version's part of the changelog.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = "https://github.com/imglint/imglint"
# What imglint is built of. Where no core/ stands beside it, it requires the published one.
_PUBLISHED = ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py", "src/imglint/__init__.py")
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\((?!https?://|mailto:|#)([^)\s]+)\)")


def version() -> str:
    """The version, which stands in src/imglint/__init__.py, and once more in what imglint requires.

    Raises:
        SystemExit: the two differ.
    """
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "src/imglint/__init__.py").read_text(), re.MULTILINE)
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if f"imglint-core=={found[1]}" not in project["dependencies"]:
        raise SystemExit(
            f"pyproject.toml requires another imglint-core than {found[1]}: Use imglint-core=={found[1]}"
        )
    return found[1]


def absolute(text: str, tag: str) -> str:
    """Markdown whose links into the repository lead to it from anywhere, as from the page of a package index.

    >>> absolute("[rules](docs/rules/README.md) ![a](docs/a.svg) [b](#b)", "v1")
    '[rules](https://github.com/imglint/imglint/blob/v1/docs/rules/README.md) \
![a](https://raw.githubusercontent.com/imglint/imglint/v1/docs/a.svg) [b](#b)'
    """
    raw = SOURCE.replace("github.com", "raw.githubusercontent.com")

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        base = f"{raw}/{tag}" if picture else f"{SOURCE}/blob/{tag}"
        return f"{picture}[{words}]({base}/{target})"

    return _LINK.sub(link, text)


def changes(text: str, number: str) -> str:
    """A version's part of the changelog, or what is unreleased, if the version has none yet."""
    parts = dict(re.findall(r"^## \[?([^\]\s]+)\]?[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    return str(parts.get(number, parts.get("Unreleased", ""))).strip() + "\n"


def published_tree(directory: Path) -> Path:
    """The source of imglint as it is published, in a directory."""
    for name in _PUBLISHED:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    readme = directory / "README.md"
    readme.write_text(absolute(readme.read_text("utf-8"), f"v{version()}"), "utf-8")
    return directory


def checksums(files: list[Path]) -> str:
    """As sha256sum writes them, and checks them with --check."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(files, key=lambda file: file.name)
    )


def _run(*words: str | Path) -> None:
    print("$", *words, flush=True)
    subprocess.run([str(word) for word in words], check=True)


def _bill_of_materials(wheels: list[Path], target: Path) -> None:
    """Of an environment with nothing but imglint and what it requires."""
    with tempfile.TemporaryDirectory() as directory:
        python = Path(directory, "bin/python")
        _run(sys.executable, "-m", "venv", "--without-pip", directory)
        _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *wheels)
        for path in Path(directory).rglob("direct_url.json"):
            path.unlink()  # it names this machine's folder
        tool = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON")
        _run(sys.executable, *tool, "--output-file", target, python)


def main() -> None:
    """Build everything anew; the first check that fails ends it."""
    number, target = version(), ROOT / "dist"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory:
        for source in (ROOT / "core", published_tree(Path(directory))):
            _run(sys.executable, "-m", "build", "--outdir", target, source)
    wheels = sorted(target.glob("*.whl"))
    _run(sys.executable, "-m", "twine", "check", "--strict", *wheels, *target.glob("*.tar.gz"))
    _run(
        sys.executable,
        "-m",
        "check_wheel_contents",
        "--toplevel",
        "imglint",
        *target.glob("imglint_core-*.whl"),
    )
    _bill_of_materials(wheels, target / f"imglint-{number}.cdx.json")
    (target / "SHA256SUMS").write_text(checksums(list(target.iterdir())))
    (target / "CHANGES.md").write_text(changes((ROOT / "CHANGELOG.md").read_text("utf-8"), number), "utf-8")
    print(f"imglint {number} is in dist/:", *sorted(path.name for path in target.iterdir()), sep="\n  ")


if __name__ == "__main__":
    main()
