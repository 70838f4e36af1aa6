"""The header walk against the tars that other tools write, and against broken ones."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from properties import given, st

from imglint.analyzer import InputError
from imglint.analyzer.image.blob import Blob, File, Stream, Window
from imglint.analyzer.image.tar import Member, members

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def walked(data: bytes, tmp_path: Path) -> list[Member]:
    """The members by offset, which must be the same as those of a stream of odd chunks."""
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    found = list(members(Window(Blob(File.open(str(path)), "")), "a.tar"))
    pieces = (data[at : at + 700] for at in range(0, len(data), 700))
    assert list(members(Stream(pieces, None, "a.tar"), "a.tar")) == found
    return found


def packed(*infos: tarfile.TarInfo, format: int = tarfile.USTAR_FORMAT, **more: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, **more) as tar:  # type: ignore[call-overload]
        for info in infos:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


def entry(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in fields.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS.keys())
def test_the_same_as_the_standard_library(format: int, tmp_path: Path) -> None:
    infos = [
        entry("a", 5, mode=0o4755, uid=1000, gid=50),
        entry("d/", type=tarfile.DIRTYPE, mode=0o755),
        entry("d/" + "n" * 80, 513),
        entry("/".join(["deep" * 10] * 5) + "/file", 1),
        entry("link", type=tarfile.SYMTYPE, linkname="../a"),
        entry("hard", type=tarfile.LNKTYPE, linkname="a"),
        entry("dev", type=tarfile.CHRTYPE),
        entry("end", 0),
    ]
    if format != tarfile.USTAR_FORMAT:
        infos += [
            entry("long/" + "x" * 300, 7, uid=3_000_000),
            entry("longlink", type=tarfile.SYMTYPE, linkname="y" * 300),
            entry("ü" * 120, 3),
        ]
    found = walked(packed(*infos, format=format), tmp_path)
    kinds = {b"0": "file", b"5": "directory", b"2": "symlink", b"1": "hardlink", b"3": "character device"}
    assert [
        (one.name.rstrip("/"), one.kind, one.size, one.mode, one.uid, one.gid, one.link) for one in found
    ] == [
        (one.name.rstrip("/"), kinds[one.type], one.size, one.mode, one.uid, one.gid, one.linkname)
        for one in infos
    ]


_NAMES = st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1, max_size=200)


@given(
    st.lists(st.tuples(_NAMES, st.integers(0, 2000), st.integers(0, 2**40)), max_size=5),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_any_names_sizes_and_owners(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, int, int]], format: int
) -> None:
    data = packed(*(entry(name, size, uid=uid) for name, size, uid in files), format=format)
    found = walked(data, tmp_path_factory.mktemp("tar"))
    assert [(one.name, one.size, one.uid) for one in found] == files


def test_global_records_are_passed_over(tmp_path: Path) -> None:
    data = packed(entry("a", 3), format=tarfile.PAX_FORMAT, pax_headers={"comment": "c" * 40, "path": "no"})
    assert [one.name for one in walked(data, tmp_path)] == ["a"]


def test_pax_sizes_owners_and_links(tmp_path: Path) -> None:
    info = entry("short", 600)
    info.pax_headers = {"path": "the/real/name", "uid": "77", "gid": "88", "SCHILY.xattr.user.a": "\n=\n"}
    link = entry("s", type=tarfile.SYMTYPE)
    link.pax_headers = {"linkpath": "the/target"}
    first, second = walked(packed(info, link, format=tarfile.PAX_FORMAT), tmp_path)
    assert (first.name, first.uid, first.gid, first.size) == ("the/real/name", 77, 88, 600)
    assert (second.link, second.size) == ("the/target", 0)


def test_garbage_after_the_end_is_passed_over(tmp_path: Path) -> None:
    assert len(walked(packed(entry("a", 3)) + os.urandom(3000), tmp_path)) == 1


def test_a_tar_without_an_end_mark(tmp_path: Path) -> None:
    assert len(walked(packed(entry("a", 3))[:1024], tmp_path)) == 1
    assert len(walked(packed(entry("a", 3))[:515], tmp_path)) == 1
    assert walked(b"", tmp_path) == []


def test_sizes_that_only_fit_in_base_256(tmp_path: Path) -> None:
    header = bytearray(entry("a", 9 << 30).tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(InputError, match="ends inside 'a', 9663676416 bytes early"):
        walked(bytes(header), tmp_path)


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (b"-0000000001\0", "no tar header"),
        (b"zzzzzzzzzzz\0", "no tar header"),
        (b"\x80" + b"\x7f" * 11, "which no disk holds"),
        (b"77777777777 ", "bytes early"),
        (b"777777777777", "bytes early"),
    ],
)
def test_absurd_sizes(field: bytes, problem: str, tmp_path: Path) -> None:
    data = bytearray(packed(entry("a", 3)))
    data[124:136] = field
    with pytest.raises(InputError, match=problem):
        walked(bytes(data), tmp_path)


def test_a_block_of_zeros_alone_ends_nothing(tmp_path: Path) -> None:
    """Go's reader, which engines have, refuses it; GNU tar stops there and warns."""
    first, second = packed(entry("a", 3))[:1024], packed(entry("b", 3))
    with pytest.raises(InputError, match="at offset 1024: a block of zeros alone, and more behind it"):
        walked(first + bytes(512) + second, tmp_path)
    assert [one.name for one in walked(first + bytes(512), tmp_path)] == ["a"]
    assert [one.name for one in walked(first + bytes(1024) + second, tmp_path)] == ["a"]


def test_records_without_end(tmp_path: Path) -> None:
    for kind in (b"x", b"g", b"L", b"K"):
        data = entry("a", 1 << 30, type=kind).tobuf(tarfile.GNU_FORMAT)
        with pytest.raises(InputError, match="claims 1073741824 bytes"):
            walked(data, tmp_path)


@pytest.mark.parametrize("record", [b"xx", b"3 a", b"99 a=b\n", b"0 a=b\n", b"9 size=x\n", b"11 uid=-1\n\n"])
def test_damaged_records(record: bytes, tmp_path: Path) -> None:
    head = entry("x", len(record), type=b"x").tobuf(tarfile.PAX_FORMAT)
    data = head + record.ljust(512, b"\0") + packed(entry("a", 3))
    with pytest.raises(InputError, match="PAX record"):
        walked(data, tmp_path)


def test_sparse_files_have_the_size_that_readers_see(tmp_path: Path) -> None:
    old = bytearray(packed(entry("old", 512), entry("next", 1)))
    old[156:157] = b"S"
    old[483:495] = b"00000100000\0"
    first, second = walked(bytes(old), tmp_path)
    assert (first.size, first.data, second.name) == (0o100000, -1, "next")
    more = bytearray(old[:512])
    more[482] = 1
    extended = bytes(more) + bytes(512) + bytes(old[512:])
    assert [one.name for one in walked(extended, tmp_path)] == ["old", "next"]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    data = bytearray(packed(entry("a", 3)))
    data[0:2] = b"\xff\xfe"
    (found,) = walked(bytes(data), tmp_path)
    assert os.fsencode(found.name) == b"\xff\xfe"


def test_the_oldest_form_has_no_magic(tmp_path: Path) -> None:
    info = entry("d/", type=b"\0").tobuf(tarfile.USTAR_FORMAT)
    header = bytearray(info[:257] + bytes(255))
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    (found,) = walked(bytes(header) + bytes(1024), tmp_path)
    assert found.kind == "directory"
