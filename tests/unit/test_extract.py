"""`imglint cat` and `imglint extract`: the bytes are the image's, and nothing leaves the directory."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from image_archives import DIRECTORY, FORMS, Content, Node, Saved, docker_legacy, hardlink, layer_tar, symlink

from imglint.__main__ import main
from imglint.analyzer.image import Entry, Image, open_images
from imglint.analyzer.image import extract as extracting

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to be in, with something outside of where is written."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("untouched")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def imglint(*arguments: str) -> tuple[int, bytes, str]:
        code = main(list(arguments))
        told = capfdbinary.readouterr()
        return code, told.out, told.err.decode()

    return imglint


def saved(*layers: bytes | dict[str, Content]) -> str:
    tars = tuple(
        one if isinstance(one, bytes) else layer_tar(one, format=tarfile.PAX_FORMAT) for one in layers
    )
    Path("image.tar").write_bytes(docker_legacy(Saved(tars)))
    return "image.tar"


def listing(place: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """All there is below a place: the mode of each path, and what it holds or leads to."""
    out: dict[str, tuple[int, bytes | str | None]] = {}
    for directory, directories, files in os.walk(place):
        for name in (*directories, *files):
            path = Path(directory, name)
            mode = path.lstat().st_mode
            held = (
                os.readlink(path) if stat.S_ISLNK(mode) else path.read_bytes() if stat.S_ISREG(mode) else None
            )
            out[str(path.relative_to(place))] = mode, held
    return out


# cat

FILES: dict[str, Content] = {
    "etc/": DIRECTORY,
    "etc/conf": "first\n",
    "etc/link": symlink("conf"),
    "absolute": symlink("/etc/conf"),
    "outward": symlink("../../../../../../etc/conf"),
    "loop": symlink("pool"),
    "pool": symlink("loop"),
    "dangling": symlink("nowhere"),
    "hard": hardlink("etc/conf"),
    "null": Node(kind=tarfile.CHRTYPE),
    "binary": b"\0\1\2",
    "steering": "harmless\x1b]0;title\x07",
    "gone": "hidden",
}
LAYERS: tuple[dict[str, Content], ...] = (FILES, {"etc/conf": "second\n", "gone": None}, {"other": "x"})


@pytest.mark.parametrize(
    ("arguments", "content", "note"),
    [
        (["/etc/conf"], b"second\n", ""),
        (["etc/link"], b"second\n", ""),
        (["/absolute"], b"second\n", ""),
        (["/outward"], b"second\n", ""),
        (["../../etc/conf"], b"second\n", ""),
        (["/hard"], b"first\n", ""),  # the file that it is another name of
        (["/binary"], b"\0\1\2", ""),
        (["/etc/conf", "--layer", "0"], b"first\n", ""),
        (["/etc/link", "--layer", "0"], b"first\n", ""),
        (["/gone", "--layer", "0"], b"hidden", ""),
        (["/etc/conf", "--layer", "2"], b"second\n", "note: layer 2 leaves /etc/conf as layer 1 made it\n"),
    ],
)
def test_cat(place: Path, run: Run, arguments: list[str], content: bytes, note: str) -> None:
    assert run("cat", saved(*LAYERS), *arguments) == (0, content, note)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/etc"], "/etc is a directory"),
        (["/"], "/ is a directory"),
        (["/null"], "/null is a character device: it has no contents"),
        (["/dangling"], "/dangling is a link to nowhere, which leads to nothing in the image"),
        (["/loop"], "/loop is a link to pool, which leads to nothing in the image, or round in a circle"),
        (["/gone"], "Use --layer 0, where it is hidden"),
        (["/gone", "--layer", "1"], "Use --layer 0"),
        (["/etc/conf/x"], "there is no /etc/conf/x"),
        (["/etc/conv"], "Use /etc/conf"),
        (["/etc/conf", "--layer", "7"], "has no layer 7"),
    ],
)
def test_what_cat_can_t_give_is_said(place: Path, run: Run, arguments: list[str], told: str) -> None:
    code, out, error = run("cat", saved(*LAYERS), *arguments)
    assert (code, out) == (2, b"") and told in error, error


@pytest.mark.parametrize("path", ["/binary", "/steering"])
def test_a_terminal_gets_no_bytes_that_it_would_obey(
    place: Path, run: Run, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(*LAYERS)
    monkeypatch.setattr("imglint.commands.files.is_terminal", lambda stream: stream is sys.stdout)
    code, out, error = run("cat", source, path)
    assert (code, out) == (2, b"") and f"{path} is binary" in error and "Use > FILE" in error
    assert run("cat", source, "/etc/conf")[:2] == (0, b"second\n")


@pytest.mark.parametrize("form", FORMS)
def test_cat_of_every_form(form: str, place: Path, run: Run) -> None:
    path = FORMS[form](Path(), Saved(tuple(layer_tar(one) for one in LAYERS)))
    assert run("cat", str(path), "/etc/conf", "--layer", "0") == (0, b"first\n", "")


# extract


def test_extract(place: Path, run: Run) -> None:
    code, out, told = run("extract", saved(*LAYERS), "/etc", "/hard", "/binary", "--to", "out")
    assert (code, told) == (0, "note: /hard: a hard link in the image, a file of its own here\n")
    assert out == b"out: 3 files (16 B), 1 directory, 1 link\n"
    assert {path: held for path, (_, held) in listing(Path("out")).items()} == {
        "etc": None, "etc/conf": b"second\n", "etc/link": "conf", "hard": b"first\n", "binary": b"\0\1\2",
    }  # fmt: skip
    assert Path("out").stat().st_mode & 0o777 == 0o700
    assert os.stat("out/hard").st_nlink == 1


def test_extract_from_a_layer(place: Path, run: Run) -> None:
    code, out, _ = run("extract", saved(*LAYERS), "/gone", "/etc/conf", "--layer", "0", "--to", "out")
    assert (code, out) == (0, b"out: 2 files (12 B), 1 directory\n")
    assert Path("out/etc/conf").read_text() == "first\n" and Path("out/gone").read_text() == "hidden"


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as writer:
        for info in members:
            data = b"evil" if info.isreg() else b""
            info.size = len(data)
            writer.addfile(info, io.BytesIO(data))
    return out.getvalue()


LINK, HARD, DIR = {"type": tarfile.SYMTYPE}, {"type": tarfile.LNKTYPE}, {"type": tarfile.DIRTYPE}
UP, UP_AND_DOWN = "1/2/3/up/..", "1/2/3/up/../outside/secret"
ATTACKS = {
    "dots": [member("../../outside/secret"), member("a/../../../outside/new")],
    "dots at the end": [member("x/.."), member("y/../..")],
    "absolute": [member("{outside}/secret"), member("{outside}/new"), member("//{outside}/new2")],
    "absolute link, file through it": [member("l", **LINK, linkname="{outside}"), member("l/secret"), member("l/new")],
    "relative link, file through it": [member("l", **LINK, linkname="../../outside"), member("l/new")],
    "link over a directory": [member("d", **DIR), member("d", **LINK, linkname="{outside}"), member("d/new")],
    "directory over a link": [member("d", **LINK, linkname="{outside}"), member("d", **DIR), member("d/new")],
    "file over a link": [member("f", **LINK, linkname="{outside}/secret"), member("f")],
    "two links up": [
        member("a", **LINK, linkname="b/.."), member("b", **LINK, linkname=".."), member("a/outside/new"),
    ],
    "a link that leads up through another": [
        member("1/2/3", **DIR), member("1/2/3/up", **LINK, linkname="../../.."),
        member("e", **LINK, linkname=UP_AND_DOWN), member("f", **LINK, linkname=UP),
    ],
    "hard link to the host's": [
        member("h", **HARD, linkname="{outside}/secret"), member("i", **HARD, linkname="../../outside/secret"),
    ],
    "hard link to a link": [
        member("l", **LINK, linkname="{outside}/secret"), member("h", **HARD, linkname="l"), member("h"),
    ],
    "hard link to itself": [
        member("h", **HARD, linkname="h"), member("i", **HARD, linkname="j"), member("j", **HARD, linkname="i"),
    ],
    "devices": [
        member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), member("disk", type=tarfile.BLKTYPE, devmajor=7),
        member("pipe", type=tarfile.FIFOTYPE), member("odd", type=b"Z"),
    ],
    "bits": [member("su", mode=0o6755), member("sticky", mode=0o1777), member("open", mode=0o7777, **DIR)],
    "owner": [member("owned", uid=12345, gid=54321)],
    "long names": [member("n" * 256), member("d/" * 2100 + "f"), member("n" * 255)],
    "odd names": [member("a\nb"), member("\x1b[2J"), member("x\udcff"), member(" "), member("-rf"), member("a\\b")],
    "parent is a file": [member("p"), member("p/q"), member("p/q/r")],
    "link to an empty name": [member("l", **LINK, linkname=""), member("m", **LINK, linkname="a" * 5000)],
    "root as a link": [member("./", **LINK, linkname="{outside}"), member("new")],
    "whiteouts": [member(".wh...", ), member("a/.wh..wh..opq"), member(".wh.outside")],
    "case": [member("A"), member("a"), member("A/b")],
}  # fmt: skip


def aimed(members: Iterable[tarfile.TarInfo], outside: Path) -> Iterator[tarfile.TarInfo]:
    for info in members:
        copy = tarfile.TarInfo.frombuf(info.tobuf(tarfile.PAX_FORMAT)[-512:], "utf-8", "surrogateescape")
        copy.name = info.name.replace("{outside}", str(outside))
        copy.linkname = info.linkname.replace("{outside}", str(outside))
        yield copy


@pytest.mark.parametrize("which", [(), ("--layer", "0")], ids=["merged", "layer"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_leaves_the_directory(attack: str, which: tuple[str, ...], place: Path, run: Run) -> None:
    source = saved(tar(*aimed(ATTACKS[attack], place / "outside")))
    before = listing(place)
    code, _, error = run("extract", source, "/", "--to", "out", *which)
    assert code in (0, 1, 2) and "internal" not in error, error
    after = listing(place)
    assert {path: one for path, one in after.items() if path.split("/")[:2] != ["work", "out"]} == before
    root = (place / "work/out").resolve()
    for path, (mode, _) in after.items():
        if path.startswith("work/out/"):
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
            assert not mode & 0o7000
            assert (place / path).lstat().st_uid == os.geteuid()
            assert (place / path).lstat().st_nlink == 1 or stat.S_ISDIR(mode)
            resolved = Path(os.path.realpath(place / path))  # a loop of links leads nowhere
            assert resolved == root or root in resolved.parents, path


def test_what_is_left_out_is_told(place: Path, run: Run) -> None:
    source = saved(tar(*ATTACKS["devices"], member("f"), member("l", **LINK, linkname="/etc")))
    code, out, error = run("extract", source, "/", "--to", "out")
    assert (code, out) == (1, b"out: 1 file (4 B)\n")
    assert error.splitlines() == [
        "left out: /null: a character device", "left out: /disk: a block device", "left out: /pipe: a fifo",
        "left out: /odd: of an unknown kind", "left out: /l: a link to /etc, which would be the host's here",
    ]  # fmt: skip
    code, _, error = run("extract", saved(tar(*ATTACKS["bits"])), "/", "--to", "bits")
    assert code == 0 and "note: /su and 1 more: without its setuid, setgid or sticky bit" in error


def test_links_within_are_made(place: Path, run: Run) -> None:
    links: dict[str, Content] = {
        "a/b/c": symlink("../../x"),
        "a/d": symlink("b/./c"),
        "a/e": symlink("../.."),
        "x": "x",
    }
    code, _, error = run("extract", saved(links), "/", "--to", "out")
    assert code == 1 and error == "left out: /a/e: a link out of the directory, to ../..\n"
    assert Path("out/a/d").read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/etc", "--to", "full"], "is not empty"),
        (["/etc", "--to", "no/where"], "can't be made: no such file or directory"),
        (["/etc", "--to", "image.tar"], "not a directory"),
        (["/etc", "--to", "out", "--max", "6B"], "more than --max 6 B"),
        (["/nothing", "--to", "out"], "there is no /nothing"),
        (["/etc", "--to", "out", "--layer", "9"], "has no layer 9"),
        (["/etc", "--to", "out", "--max", "lots"], "--max: 'lots' is no size"),
    ],
)
def test_what_is_refused_writes_nothing(place: Path, run: Run, arguments: list[str], told: str) -> None:
    source = saved(*LAYERS)
    Path("full").mkdir()
    Path("full/own").write_text("mine")
    before = listing(place)
    code, out, error = run("extract", source, *arguments)
    assert (code, out) == (2, b"") and told in error
    assert listing(place) == before


def test_exactly_max_is_written(place: Path, run: Run) -> None:
    assert (
        run("extract", saved({"a": "12345"}, {"b": hardlink("a")}), "/", "--to", "out", "--max", "10")[0] == 0
    )
    assert (
        run("extract", saved({"a": "12345"}, {"b": hardlink("a")}), "/", "--to", "out2", "--max", "9")[0] == 2
    )


def test_a_sparse_file_counts_with_its_holes(place: Path, run: Run) -> None:
    """A few bytes of tar that claim a terabyte are neither written nor poured out."""
    info = member("s", pax_headers={
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.realsize": str(10**12), "GNU.sparse.map": "0,4",
    })  # fmt: skip
    source = saved(tar(info))
    code, _, error = run("extract", source, "/s", "--to", "out")
    assert code == 2 and "1.0 TB" in error and "--max 1.0 GB" in error and not os.path.exists("out")
    code, out, error = run("cat", source, "/s")
    assert (code, out) == (2, b"") and "is sparse" in error


def extraction(layers: Iterable[dict[str, Content]], place: Path) -> tuple[Image, list[Entry], int]:
    image = open_images(saved(*layers))[0]
    (place / "to").mkdir()
    entries = list(extracting.plan(image, image.tree.values(), 10**9))
    return image, entries, os.open(place / "to", os.O_RDONLY | os.O_DIRECTORY)


def swap(at: str, by: Path) -> None:
    os.rename(at, f"{at}.away")
    os.symlink(by, at)


@pytest.mark.parametrize("when", ["before the file", "while it is written"])
def test_a_link_swapped_in_is_not_followed(when: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, entries, root = extraction([{"a/": DIRECTORY, "a/1": "1", "b/2": "2", "a/secret": "evil"}], place)
    contents = Image.contents

    def swapping(
        self: Image, entries: Iterable[Entry], limit: int | None = None
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        for entry, blocks in contents(self, entries, limit):
            if entry.path == "a/secret" and when == "before the file":
                swap(str(place / "to/a"), place / "outside")

            def passed(entry: Entry = entry, blocks: Iterator[bytes] = blocks) -> Iterator[bytes]:
                if entry.path == "a/1" and when != "before the file":
                    swap(str(place / "to/a"), place / "outside")
                yield from blocks

            yield entry, passed()

    monkeypatch.setattr(Image, "contents", swapping)
    before = listing(place / "outside")
    done = extracting.Extraction()
    extracting.extract(image, entries, root, done)
    os.close(root)
    assert listing(place / "outside") == before
    assert [one.path for one in done.left_out] == ["a/secret"]
    assert "somebody else" in done.left_out[0].why


def test_a_file_that_appears_meanwhile_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, entries, root = extraction([{"a": "1", "l": symlink("a"), "d/": DIRECTORY, "d/x": "2"}], place)
    for name in ("a", "l", "d"):
        os.symlink(place / "outside/secret", place / "to" / name)
    before = listing(place)
    done = extracting.Extraction()
    extracting.extract(image, entries, root, done)
    os.close(root)
    assert listing(place) == before
    assert sorted(one.path for one in done.left_out) == ["a", "d", "d/x", "l"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_half_file_is_removed_and_told(
    error: BaseException, place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved({"a": "first", "b": "x" * 3_000_000, "c": "third"})
    contents = Image.contents

    def failing(
        self: Image, entries: Iterable[Entry], limit: int | None = None
    ) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        for entry, blocks in contents(self, entries, limit):
            yield entry, blocks if entry.path != "b" else broken(blocks)

    def broken(blocks: Iterator[bytes]) -> Iterator[bytes]:
        yield next(blocks)
        raise error

    monkeypatch.setattr(Image, "contents", failing)
    code, out, told = run("extract", source, "/", "--to", "out")
    assert (code, out) == (130 if isinstance(error, KeyboardInterrupt) else 2, b"")
    assert "stopped: out holds 1 file (5 B), each whole; /b, which was begun, is removed" in told
    assert listing(Path("out")).keys() == {"a"}


def test_many_hard_links_and_a_full_count_are_bounded(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "_MOST_NAMES", 40)
    source = saved({"a": "1", **{f"h{n}": hardlink("a") for n in range(30)}, "d/" * 60 + "f": "deep"})
    code, _, told = run("extract", source, "/", "--to", "out")
    assert code == 1 and "more than 40 names were made already" in told
    assert sum(1 for _ in Path("out").rglob("*")) <= 40
