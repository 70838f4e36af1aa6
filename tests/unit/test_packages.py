"""What is installed in an image: the databases of each ecosystem, and whose bytes are whose."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import package_files as files
import pytest
from image_archives import Content, LayerFiles, Saved, docker_legacy, hardlink, oci_archive, symlink

from imglint.analyzer.image import Image, open_images
from imglint.analyzer.packages import Package

PROGRAM = files.go_program(["path\texample.org/shop/cmd", "mod\texample.org/shop\tv1.2.0\th1:x=",
                            "dep\tgolang.org/x/net\tv0.1.0\th1:y=", "dep\told.org/a\tv1.0.0",
                            "=>\tnew.org/a\tv1.1.0\th1:z="])  # fmt: skip
JARS: dict[str, bytes] = {
    "srv/shop-1.0.jar": files.jar({
        "META-INF/maven/org.shop/shop/pom.properties": "#x\ngroupId=org.shop\nartifactId=shop\nversion=1.0\n",
        "META-INF/maven/org.lib/merged/pom.properties": "version=2\ngroupId=org.lib\nartifactId=merged\n",
        "BOOT-INF/lib/spring-core-6.1.2.jar": b"s" * 100,
    }),
    "srv/plain.jar": files.jar({"META-INF/MANIFEST.MF": "Main: 1\r\nImplementation-Version: 3.\r\n 4\r\n\r\n"}),
}  # fmt: skip


def image(*layers: LayerFiles, packed: bool = False, **fields: Any) -> Image:
    saved = Saved.of(*layers, **fields)
    data = oci_archive(saved, how="gzip") if packed else docker_legacy(saved)
    return open_images(iter([data]), name="x.tar")[0]


def found(*layers: LayerFiles, packed: bool = False) -> dict[str, Package]:
    inventory = image(*layers, packed=packed).packages
    assert not inventory.unread
    assert len({one.name for one in inventory.packages}) == len(inventory.packages)
    return {one.name: one for one in inventory.packages}


def sizes(packages: Mapping[str, Package]) -> dict[str, tuple[str, int]]:
    return {name: (one.version, one.bytes) for name, one in packages.items()}


ECOSYSTEMS: dict[str, tuple[LayerFiles, dict[str, tuple[str, int]]]] = {
    "distroless": (files.DISTROLESS, {"tzdata": ("2024a", 60)}),
    "apk": (files.APK, {"musl": ("1.2.4-r2", 100), "curl": ("8.5.0-r0", 40), "libcurl": ("8.5.0-r0", 70)}),
    "pacman": (files.PACMAN, {"zlib": ("1:1.3-1", 30), "vi": ("1-1", 20)}),
    # Its files by RECORD, with METADATA; what leads out of the image, or to what is not there, is nothing.
    "python": (files.PYTHON, {"Flask": ("3.0", 50 + 7 + 5 + 132), "mark-up-safe": ("2", 11), "old": ("1", 13 + 4 + 21)}),
    # The directory without the packages in it.
    "npm": (files.NPM, {"express": ("4.18.2", 63 + 1000 + 17), "qs": ("6.1.0", 31 + 300), "@t/x": ("1.0.0", 36 + 20),
                        "@babel/core": ("7.1.0", 9)}),
    "gem": (files.GEM, {"rack": ("3.0", 77 + 136)}),
    "composer": (files.COMPOSER, {"monolog/monolog": ("3.5.0", 90), "psr/log": ("3.0.0", 9)}),
    "conda": (files.CONDA, {"numpy": ("1.26", 33 + 154)}),
    "go": ({"bin/shop": PROGRAM}, {"example.org/shop": ("v1.2.0", 600_000), "stdlib": ("1.21.5", 0),
                                   "golang.org/x/net": ("v0.1.0", 0), "new.org/a": ("v1.1.0", 0)}),
    "rpm": (files.rpm(), {"bash": ("1:5.2-1.fc39", 502), "bash-doc": ("5.2-1.fc39", 40)}),
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["tar", "gzip"])
@pytest.mark.parametrize("name", ECOSYSTEMS)
def test_names_versions_and_bytes(name: str, packed: bool) -> None:
    layer, expected = ECOSYSTEMS[name]
    assert sizes(found(layer, packed=packed)) == expected


@pytest.mark.parametrize("packed", [False, True], ids=["tar", "gzip"])
def test_jars(packed: bool) -> None:
    packages = found({**JARS, "bin/shop": PROGRAM}, packed=packed)
    shop = packages["org.shop:shop"]
    assert (shop.version, shop.bytes) == ("1.0", len(JARS["srv/shop-1.0.jar"]))
    assert (packages["org.lib:merged"].version, packages["org.lib:merged"].part_of) == ("2", "org.shop:shop")
    assert (packages["spring-core"].version, packages["spring-core"].part_of) == ("6.1.2", "org.shop:shop")
    assert 0 < packages["spring-core"].bytes < 100
    assert (packages["plain"].version, packages["plain"].bytes) == ("3.4", len(JARS["srv/plain.jar"]))
    assert packages["example.org/shop"].bytes == 600_000


DEBIAN: dict[str, Content] = {
    "bin": symlink("usr/bin"),
    "usr/bin/pip": "p" * 10,
    "etc/ca.conf": "c" * 20,
    "usr/share/build": "b" * 30,
    "usr/bin/gcc-12": "g" * 4000,
    "usr/bin/gcc": hardlink("usr/bin/gcc-12"),
    "usr/share/doc/of-nobody": "n" * 50,
}


def test_debian_with_who_drew_in_whom() -> None:
    one = image({"base": "x"}, {**files.DPKG, **DEBIAN})
    packages = {package.name: package for package in one.packages.packages}
    # A list says /bin/pip, which lies in /usr/bin; a file with two names counts once; a directory is no file.
    assert sizes(packages) == {
        "gcc": ("4:12.2.0-3", 4000), "build-essential": ("12.9", 30), "ca-certificates": ("1", 20),
        "python3-pip": ("23.0.1+dfsg-1", 10),
    }  # fmt: skip
    assert one.packages.owned_bytes == 4060
    assert {name: package.wanted for name, package in packages.items()} == {
        "python3-pip": True, "gcc": False, "build-essential": False, "ca-certificates": False,
    }  # fmt: skip
    assert {name for name, package in packages.items() if package.recommended} == {"gcc", "build-essential"}
    assert packages["gcc"].drawn_by == ("python3-pip",)
    assert {package.layer for package in packages.values()} == {1}
    (group,) = one.packages.groups
    assert [head.name for head in group.heads] == ["python3-pip"]
    assert (group.bytes, group.recommended_bytes, group.layer) == (4060, 4030, 1)
    assert [package.name for package in group.drawn] == ["gcc", "build-essential", "ca-certificates"]


def test_what_was_there_before_was_not_drawn_in() -> None:
    below = {path: content for path, content in DEBIAN.items() if "gcc" in path}
    above = {path: content for path, content in DEBIAN.items() if "gcc" not in path}
    packages = {one.name: one for one in image(below, {**files.DPKG, **above}).packages.packages}
    assert (packages["gcc"].layer, packages["gcc"].drawn_by) == (0, ())
    assert packages["build-essential"].drawn_by == ("python3-pip",)


def test_two_that_need_the_same_are_told_together() -> None:
    status = str(files.DPKG["var/lib/dpkg/status"]) + (
        "\nPackage: other\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nDepends: gcc\n"
    )
    groups = image({**files.DPKG, **DEBIAN, "var/lib/dpkg/status": status}).packages.groups
    assert [([head.name for head in one.heads], one.bytes, one.recommended_bytes) for one in groups] == [
        (["python3-pip", "other"], 4000, 0), (["python3-pip"], 60, 30), (["other"], 0, 0),
    ]  # fmt: skip


def test_the_live_database_counts_and_removed_packages_are_none() -> None:
    status = str(files.DPKG["var/lib/dpkg/status"])
    without = status.replace("Package: gcc\nStatus: install", "Package: gcc\nStatus: deinstall")
    without = without.replace("Status: deinstall ok installed", "Status: deinstall ok config-files")
    gone = {"var/lib/dpkg/status": without, "usr/bin/gcc": None, "usr/bin/gcc-12": None,
            "var/lib/dpkg/info/gcc.list": None}  # fmt: skip
    one = image({**files.DPKG, **DEBIAN}, gone)
    assert "gcc" not in {package.name for package in one.packages.packages}
    assert one.wasted_bytes >= 4000
    assert one.packages.owned_bytes == 60


def test_a_package_of_an_ecosystem_in_one_of_the_system_is_a_part() -> None:
    info = "usr/lib/python3/dist-packages/x-1.egg-info/PKG-INFO"
    layer = {
        "var/lib/dpkg/status": "Package: python3-x\nStatus: install ok installed\nVersion: 1-1\nArchitecture: all\n",
        "var/lib/dpkg/info/python3-x.list": f"/{info}\n/usr/lib/python3/dist-packages/x/a.py\n",
        info: "Name: x\nVersion: 1\n",
        info.replace("PKG-INFO", "top_level.txt"): "x\n",
        "usr/lib/python3/dist-packages/x/a.py": "a" * 100,
        "usr/lib/python3/dist-packages/x/a.pyc": "c" * 10,
    }
    one = image(layer).packages
    whole, part = one.packages
    assert (whole.name, part.name, part.part_of) == ("python3-x", "x", "python3-x")
    assert whole.bytes == part.bytes == one.owned_bytes == 100 + 10 + 2 + len(layer[info])
    assert [[head.name for head in group.heads] for group in one.groups] == [["python3-x"]]


def test_who_asked_for_what() -> None:
    wanted = {name: {one.name: (one.wanted, one.drawn_by) for one in found(layer).values()}
              for name, (layer, _) in ECOSYSTEMS.items()}  # fmt: skip
    assert wanted["apk"] == {"musl": (True, ()), "curl": (True, ()), "libcurl": (False, ("curl",))}
    assert wanted["pacman"] == {"zlib": (False, ("vi",)), "vi": (True, ())}
    assert wanted["python"] == {"Flask": (True, ()), "mark-up-safe": (False, ("Flask",)), "old": (False, ())}
    assert wanted["npm"]["qs"] == (False, ("express",))
    assert wanted["npm"]["express"] == wanted["npm"]["@t/x"] == (True, ())
    assert wanted["composer"] == {"monolog/monolog": (True, ()), "psr/log": (False, ("monolog/monolog",))}
    assert wanted["rpm"] == {"bash": (True, ()), "bash-doc": (False, ("bash",))}
    assert wanted["distroless"] == {"tzdata": (None, ())}


def test_pnpm_links_lead_to_one_package() -> None:
    store = "app/node_modules/.pnpm"
    packages = found({
        "app/package.json": '{"dependencies": {"a": "1"}}',
        f"{store}/a@1.0.0/node_modules/a/package.json": '{"name":"a","version":"1.0.0","dependencies":{"b":"2"}}',
        f"{store}/a@1.0.0/node_modules/b": symlink("../../b@2.0.0/node_modules/b"),
        f"{store}/b@2.0.0/node_modules/b/package.json": '{"name":"b","version":"2.0.0"}',
        f"{store}/b@2.0.0/node_modules/b/b.js": "b" * 70,
        "app/node_modules/a": symlink(".pnpm/a@1.0.0/node_modules/a"),
    })  # fmt: skip
    assert packages["b"].bytes == 70 + 30
    assert packages["b"].drawn_by == ("a",)
    assert packages["a"].wanted


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="no Debian")
def test_packages_of_this_debian() -> None:
    """Real entries of dpkg with their real files, recounted by dpkg's own program."""
    layer: dict[str, Content] = {"bin": symlink("usr/bin"), "lib": symlink("usr/lib")}
    expected = {}
    stanzas = []
    for name in ("sed", "hostname", "gzip"):
        stanzas.append(
            subprocess.run(["dpkg", "-s", name], capture_output=True, check=True, text=True).stdout
        )
        listed = subprocess.run(["dpkg", "-L", name], capture_output=True, check=True, text=True).stdout
        layer[f"var/lib/dpkg/info/{name}.list"] = listed
        total = 0
        for line in listed.splitlines():
            path = Path(line)
            if path.is_file() and not path.is_symlink():
                layer[str(path.resolve()).lstrip("/")] = path.read_bytes()
                total += path.stat().st_size
        expected[name] = total
    layer["var/lib/dpkg/status"] = "\n".join(stanzas)
    packages = found(layer)
    assert {name: one.bytes for name, one in packages.items()} == expected
    assert all(
        f"\nVersion: {packages[name].version}\n" in one for name, one in zip(expected, stanzas, strict=True)
    )


def test_packages_of_this_environment() -> None:
    """Real dist-infos, recounted by Python's own reader of them."""
    layer: dict[str, Content] = {}
    expected = {}
    for name in ("tabulate", "pluggy", "iniconfig"):
        distribution = importlib.metadata.distribution(name)
        total = 0
        for file in distribution.files or ():
            path = Path(str(distribution.locate_file(file))).resolve()
            if path.is_file():
                layer[f"site/{file}" if ".." not in file.parts else f"bin/{path.name}"] = path.read_bytes()
                total += path.stat().st_size
        expected[name] = (distribution.version, total)
    assert sizes(found(layer)) == expected


def test_one_that_was_asked_for_draws_in_what_another_one_needs() -> None:
    """Left out of the command, `web` would come for `app` all the same, and `lib` with it."""
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nDepends: {needs}\n\n"
        for name, needs in (("app", "web"), ("web", "lib"), ("lib", ""))
    )
    states = "Package: lib\nArchitecture: all\nAuto-Installed: 1\n"
    found = image(
        {**files.DPKG, "var/lib/dpkg/status": status, "var/lib/apt/extended_states": states}
    ).packages
    by = {one.name: one.drawn_by for one in found.packages}
    assert by == {"app": (), "web": (), "lib": ("web", "app")}
    (together,) = (one for one in found.groups if len(one.heads) == 2)
    assert [one.name for one in together.drawn] == ["lib"]
