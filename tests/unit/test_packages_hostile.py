"""Databases that are cut, damaged, or made to harm: told, and the rest goes on."""

from __future__ import annotations

import random
import time
import zipfile
from io import BytesIO

import package_files as files
import pytest
from image_archives import Content, LayerFiles, Node, Saved, docker_legacy, oci_archive

from imglint.analyzer.image import open_images
from imglint.analyzer.packages import Inventory

# What has to be found beside anything.
SANE = files.GEM


def read(layer: LayerFiles, *, packed: bool = False) -> Inventory:
    saved = Saved.of({**layer, **SANE})
    data = oci_archive(saved) if packed else docker_legacy(saved)
    inventory = open_images(iter([data]), name="x.tar", verify=False)[0].packages
    assert "rack" in {one.name for one in inventory.packages}
    return inventory


def data_of(content: Content) -> bytes:
    assert content is not None
    content = content.data if isinstance(content, Node) else content
    return content.encode() if isinstance(content, str) else content


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one fault."""
    at = chance.randrange(len(data) + 1)
    other = chance.randrange(len(data) + 1)
    low, high = min(at, other), max(at, other)
    match chance.randrange(7):
        case 0:
            return data[:at]
        case 1:
            return data[at:]
        case 2:
            return data[:low] + data[high:]
        case 3:
            return data[:at] + chance.randbytes(20) + data[at + 20 :]
        case 4:
            return data[:at] + b"\xff\xfe\0\x80" + data[at:]
        case 5:
            return data[:at] + data[low:high] * 3 + data[at:]
        case _:
            return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]


WHOLE: dict[str, Content] = {
    **files.DPKG, **files.DISTROLESS, **files.APK, **files.PACMAN, **files.PYTHON, **files.NPM, **files.COMPOSER,
    **files.CONDA, **files.rpm(), "srv/shop.jar": files.jar({"META-INF/MANIFEST.MF": "Implementation-Version: 1\n"}),
    "bin/shop": files.go_program(["mod\ta/b\tv1\t"]),
}  # fmt: skip


def test_a_thousand_faults() -> None:
    chance = random.Random(20261201)
    targets = [path for path, content in WHOLE.items() if content is not None and data_of(content)]
    for _ in range(12):
        # Every file of one image is damaged in its own way.
        layer: dict[str, Content] = {}
        for path in targets:
            content = WHOLE[path]
            data = damaged(data_of(content), chance)
            layer[path] = content._replace(data=data) if isinstance(content, Node) else data
        for one in read(layer).unread:
            assert one.path in layer
            assert one.why


BOMBS: dict[str, tuple[str, bytes]] = {
    "deep JSON": ("app/node_modules/x/package.json", b"[" * 500_000),
    "a long number": ("app/node_modules/x/package.json", b"1" * 500_000),
    "no object": ("app/node_modules/x/package.json", b"[]"),
    "no UTF-8": ("app/node_modules/x/package.json", b'{"name": "\xff\xfe"}'),
    "deep composer": ("srv/vendor/composer/installed.json", b'{"packages":' * 200_000),
    "no list": ("srv/vendor/composer/installed.json", b'{"packages": 1}'),
    "deep TOML": ("usr/lib/sysimage/libdnf5/packages.toml", b"x = " + b"[" * 200_000),
    "no SQLite": ("var/lib/rpm/rpmdb.sqlite", b"x" * 4096),
    "cut SQLite": ("var/lib/rpm/rpmdb.sqlite", files.rpm_database([files.rpm_header({1000: "a"})])[:5000]),
    "another table": ("var/lib/rpm/rpmdb.sqlite", files.rpm_database([], schema="CREATE TABLE x (y)")),
    "a view": (
        "var/lib/rpm/rpmdb.sqlite",
        files.rpm_database([], schema="CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS"
                           " (SELECT x'00' UNION ALL SELECT blob FROM n) SELECT blob FROM n"),
    ),
    "more than it holds": ("var/lib/rpm/rpmdb.sqlite", files.rpm_database([b"\xff" * 64])),
    "a text without end": (
        "var/lib/rpm/rpmdb.sqlite",
        files.rpm_database([b"\0\0\0\1\0\0\0\1" + b"\0\0\x03\xe8\0\0\0\6\0\0\0\0\0\0\0\1" + b"x"]),
    ),
    "Berkeley DB": ("var/lib/rpm/Packages", b"\0" * 100),
    "NDB": ("usr/lib/sysimage/rpm/Packages.db", b"RpmP" + bytes(100)),
    "writes not yet in it": ("var/lib/rpm/rpmdb.sqlite-wal", b"7\x7f\6\x82" + bytes(100)),
    "no zip": ("srv/x.jar", b"PK"),
    "a huge table": ("srv/x.jar", b"PK\5\6" + bytes(8) + b"\xff\xff\xff\x7f" + bytes(4) + b"\0\0"),
    "64-bit offsets": ("srv/x.jar", b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18)),
    "a table that is not there": ("srv/x.jar", b"x" * 50 + b"PK\5\6" + bytes(8) + b"\x40\0\0\0" + bytes(4) + b"\0\0"),
    "too large": ("var/lib/pacman/local/x/desc", bytes(16 * 1024 * 1024 + 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_what_can_not_be_read_is_told_by_its_name(name: str) -> None:
    path, data = BOMBS[name]
    inventory = read({path: data})
    assert [one.path for one in inventory.unread] == [path]
    (note,) = inventory.notes()
    assert f"/{path}" in note
    assert len(note) < 400


def test_an_expression_in_place_of_a_column_ends() -> None:
    """A generated column can compute without end: SQLite is stopped, or has no such column to give."""
    schema = "CREATE TABLE Packages (a INTEGER, blob BLOB AS (zeroblob(900000000)) VIRTUAL)"
    before = time.process_time()
    read({"var/lib/rpm/rpmdb.sqlite": files.rpm_database([], schema=schema)})
    assert time.process_time() - before < 60


def test_what_is_packed_in_a_jar_is_not_unpacked_without_end() -> None:
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", b"Implementation-Version: 1\n" + b" " * 50_000_000)
    inventory = read({"srv/x.jar": inner.getvalue()})
    assert not inventory.unread
    assert [one.name for one in inventory.packages if one.ecosystem == "java"] == ["x"]


def test_lines_without_end() -> None:
    inventory = read({
        "lib/apk/db/installed": "P:a\nV:1\n" + "F:x\n" * 100_000 + "R:y\n" * 100_000,
        "var/lib/dpkg/status": "Package: a\n" * 50_000 + "Version: 1\n",
        "var/lib/dpkg/info/a.list": "/" * 500_000 + "\n" + "/a/../" * 50_000,
        "site/x.dist-info/METADATA": "Name: x\nVersion: 1\n" + "Requires-Dist: " + ";" * 200_000 + "\n",
        "site/x.dist-info/RECORD": '"' * 300_000,
        "g/specifications/x.gemspec": "s.name = " * 50_000 + "\n" * 100_000,
    })  # fmt: skip
    assert {one.name for one in inventory.packages} >= {"a", "x"}


def test_a_cut_layer_is_told() -> None:
    """Without digests to check, a layer may end inside a database."""
    status = "Package: a\nStatus: install ok installed\nVersion: 1\n"
    whole = Saved.of({**SANE, "var/lib/dpkg/status": status * 100})
    data = docker_legacy(whole)
    assert data.count(status.encode() * 100) == 1
    inventory = open_images(iter([data]), name="x.tar", verify=False)[0].packages
    assert len([one for one in inventory.packages if one.ecosystem == "dpkg"]) == 1


def test_circles_of_dependencies_end() -> None:
    stanzas = "\n".join(
        f"Package: p{at}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
        f"Depends: {', '.join(f'p{(at * 7 + by) % 300}' for by in range(40))}\n"
        for at in range(300)
    )
    assert len(read({"var/lib/dpkg/status": stanzas}).packages) == 301


def test_a_long_directory_named_again_and_again_is_told() -> None:
    """Two bytes a file that stand for 3,000 each."""
    path = "lib/apk/db/installed"
    inventory = read({path: f"P:a\nV:1\nF:{'d' * 3000}\n" + "R:x\n" * 30_000})
    assert [(one.path, "more than fits in memory" in one.why) for one in inventory.unread] == [(path, True)]
    header = files.rpm_header(
        {1000: "a", 1001: "1", 1002: "1", 1116: [0] * 30_000, 1117: ["x"] * 30_000, 1118: ["/" + "d" * 3000]}
    )
    inventory = read({"var/lib/rpm/rpmdb.sqlite": files.rpm_database([header])})
    assert ["more than fits in memory" in one.why for one in inventory.unread] == [True]
