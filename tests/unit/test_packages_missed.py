"""What no list may leave out in silence: packages in other states, behind links, with moved files, or damaged."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path

import package_files as files
import pytest
from image_archives import LayerFiles, Saved, docker_legacy, symlink

from imglint.__main__ import main
from imglint.analyzer.image import Image, open_images
from imglint.analyzer.packages import Package


def image(layer: LayerFiles) -> Image:
    return open_images(iter([docker_legacy(Saved.of(layer))]), name="x.tar")[0]


def named(layer: LayerFiles) -> dict[str, Package]:
    inventory = image(layer).packages
    assert not inventory.unread
    assert len({one.name for one in inventory.packages}) == len(inventory.packages)
    return {one.name: one for one in inventory.packages}


def stanza(name: str, more: str = "", status: str = "install ok installed") -> str:
    return f"Package: {name}\nStatus: {status}\nArchitecture: all\nVersion: 1\n{more}\n"


@pytest.mark.parametrize(
    "state",
    ["unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending", "Installed"],
)
def test_a_package_of_dpkg_whose_files_are_there(state: str) -> None:
    found = named({
        "var/lib/dpkg/status": stanza("a", status=f"install ok {state}"),
        "var/lib/dpkg/info/a.list": "/usr/a\n",
        "usr/a": "12345",
    })  # fmt: skip
    assert found["a"].bytes == 5


@pytest.mark.parametrize("state", ["not-installed", "config-files"])
def test_a_package_of_dpkg_whose_files_are_gone(state: str) -> None:
    assert named({"var/lib/dpkg/status": stanza("a", status=f"deinstall ok {state}")}) == {}


def test_fields_of_dpkg_in_any_case() -> None:
    text = "package: a\nSTATUS: install ok installed\nversion: 2\nArchitecture: all\n"
    assert named({"var/lib/dpkg/status": text})["a"].version == "2"


LINKED: dict[str, LayerFiles] = {
    "a directory": {"var/lib/dpkg": symlink("/usr/lib/db"), "usr/lib/db/status": stanza("a"),
                    "usr/lib/db/info/a.list": "/usr/a\n", "usr/a": "12345"},
    "a directory above": {"var/lib": symlink("../data"), "data/dpkg/status": stanza("a"),
                          "data/dpkg/info/a.list": "/usr/a\n", "usr/a": "12345"},
    "a file": {"var/lib/dpkg/status": symlink("/srv/x"), "srv/x": stanza("a"),
               "var/lib/dpkg/info/a.list": "/usr/a\n", "usr/a": "12345"},
    "both": {"var/lib/dpkg": symlink("/srv"), "srv/status": symlink("other"), "srv/other": stanza("a"),
             "srv/info/a.list": "/usr/a\n", "usr/a": "12345"},
    "apk": {"lib/apk": symlink("/srv/apk"), "srv/apk/db/installed": "P:a\nV:1\nF:usr\nR:a\n", "usr/a": "12345"},
    "pacman": {"var/lib/pacman/local": symlink("/srv"), "srv/a-1/desc": "%NAME%\na\n\n%VERSION%\n1\n",
               "srv/a-1/files": "%FILES%\nusr/a\n", "usr/a": "12345"},
}  # fmt: skip


@pytest.mark.parametrize("name", LINKED)
def test_databases_that_a_link_leads_to(name: str) -> None:
    found = named(LINKED[name])
    assert {one.name: one.bytes for one in found.values()} == {"a": 5}
    assert found["a"].layer == 0


def test_rpm_behind_a_link() -> None:
    database = files.rpm_database([files.rpm_header({1000: "a", 1001: "1", 1002: "1"})])
    layer: LayerFiles = {"var/lib/rpm": symlink("/usr/lib/x"), "usr/lib/x/rpmdb.sqlite": database}
    assert list(named(layer)) == ["a"]
    # As Fedora has it: read once.
    there: LayerFiles = {
        "var/lib/rpm": symlink("../../usr/lib/sysimage/rpm"),
        "usr/lib/sysimage/rpm/rpmdb.sqlite": database,
    }
    assert list(named(there)) == ["a"]


def test_links_of_databases_that_lead_nowhere_or_in_circles() -> None:
    layer: LayerFiles = {
        "var/lib/dpkg": symlink("dpkg"), "lib/apk/db/installed": symlink("/none"), "etc/apk": symlink("/"),
    }  # fmt: skip
    assert named(layer) == {}


DAMAGED: dict[str, tuple[str, str | bytes]] = {
    "a cut status": ("var/lib/dpkg/status", "Package: a\nStat"),
    "bytes": ("var/lib/dpkg/status", b"\0\xff" * 100_000),
    "no version": ("var/lib/dpkg/status", stanza("b") + "Package: a\nStatus: install ok installed\n"),
    "apk": ("lib/apk/db/installed", "garbage\n"),
    "python": ("site/a.dist-info/METADATA", "garb"),
    "pacman": ("var/lib/pacman/local/a/desc", "garbage"),
    "npm": ("node_modules/a/package.json", "{}"),
    "conda": ("conda-meta/a.json", "{}"),
    "gem": ("g/specifications/a.gemspec", "garbage"),
    "composer": ("vendor/composer/installed.json", '{"packages": [1]}'),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_database_is_told(name: str) -> None:
    path, data = DAMAGED[name]
    inventory = image({path: data}).packages
    assert [one.path for one in inventory.unread] == [path]
    (note,) = inventory.notes()
    assert note == f"packages may be missing: /{path} is {inventory.unread[0].why}"


def test_several_damaged_databases_are_told_in_one_note() -> None:
    deep = {f"node_modules/{name}/package.json": "[" * 200_000 for name in "ab"}
    (note,) = image(deep).packages.notes()
    assert note == (
        "packages may be missing: /node_modules/a/package.json is no package database that can be read: "
        "it is nested too deeply (the same of 1 more file: --format json names all)"
    )


def test_a_diverted_file_is_where_dpkg_has_put_it() -> None:
    found = named({
        "var/lib/dpkg/status": stanza("bash") + "\n" + stanza("dash"),
        "var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n/bin/x\n/bin/y\n:\n",
        "var/lib/dpkg/info/bash.list": "/bin/sh\n/bin/x\n",
        "var/lib/dpkg/info/dash.list": "/bin/sh\n",
        "bin/sh": "d" * 3, "bin/sh.distrib": "b" * 50, "bin/y": "y" * 700, "bin/x": "mine",
    })  # fmt: skip
    assert {name: one.bytes for name, one in found.items()} == {"bash": 750, "dash": 3}


def test_what_is_drawn_in_through_another_that_was_asked_for() -> None:
    """Without web in the command, app would draw in lib all the same."""
    inventory = image({
        "var/lib/dpkg/status": "\n".join([stanza("app", "Depends: web\n"), stanza("web", "Depends: lib\n"), stanza("lib")]),
        "var/lib/apt/extended_states": "Package: lib\nArchitecture: all\nAuto-Installed: 1\n",
    }).packages  # fmt: skip
    found = {one.name: one for one in inventory.packages}
    assert sorted(found["lib"].drawn_by) == ["app", "web"]
    assert found["app"].drawn_by == found["web"].drawn_by == ()
    rows = {
        tuple(sorted(head.name for head in one.heads)): [two.name for two in one.drawn]
        for one in inventory.groups
    }
    assert rows == {("app",): [], ("web",): [], ("app", "web"): ["lib"]}


def test_the_directories_of_modules_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "/".join("d" * 60)
    needs = {f"n{at}": "1" for at in range(1000)}
    layer: dict[str, str] = {
        f"{deep}/node_modules/p{at}/package.json": json.dumps(
            {"name": f"p{at}", "version": "1", "dependencies": needs}
        )
        for at in range(3)
    }
    layer[f"{deep}/package.json"] = json.dumps({"dependencies": needs})
    calls = []
    real = Image.resolve

    def counted(self: Image, path: str) -> str | None:
        calls.append(path)
        return real(self, path)

    monkeypatch.setattr(Image, "resolve", counted)
    assert len(image({**layer}).packages.packages) == 3
    assert 0 < len(calls) < 300


def test_directories_of_a_list_that_are_not_there_are_not_walked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look-up from the root would take the depth of the directory that is there."""
    deep = "/".join("d" * 40)
    layer = {
        f"{deep}/x.dist-info/METADATA": "Name: x\nVersion: 1\n",
        f"{deep}/x.dist-info/RECORD": "".join(f"none{at}/f,,\n" for at in range(1000)) + "x.py,,\n",
        f"{deep}/x.py": "12345",
    }
    calls = []
    real = Image.resolve

    def counted(self: Image, path: str) -> str | None:
        calls.append(path)
        return real(self, path)

    monkeypatch.setattr(Image, "resolve", counted)
    (found,) = image({**layer}).packages.packages
    assert (found.files, found.bytes) == (1, 5)
    assert 0 < len(calls) < 200


def test_a_name_of_many_directories_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a name's directory, one above the other, would take the square of its length."""
    calls = []
    real = posixpath.dirname

    def counted(path: str) -> str:
        calls.append(len(path))
        return str(real(path))

    monkeypatch.setattr(posixpath, "dirname", counted)
    name = "a/" * 5000 + "a"
    layer = {
        "composer.json": '{"require": {"x/y": "1"}}',
        "vendor/composer/installed.json": json.dumps({"packages": [{"name": name, "version": "1"}]}),
    }
    assert [one.name for one in image({**layer}).packages.packages] == [name]
    assert len(calls) < 300


ODD: LayerFiles = {
    "etc/os-release": 'ID=" "\n',
    "node_modules/a/package.json": '{"name": " ", "version": "1"}',
    "node_modules/b/package.json": '{"name": "b", "version": "\\ud800"}',
    "node_modules/c/package.json": '{"name": "\\ud800x", "version": "1"}',
    "conda-meta/a.json": '{"name": "c", "version": "\\udfff", "subdir": "\\ud800"}',
    "lib/apk/db/installed": "P:/\nV:1\n",
    "var/lib/dpkg/status": stanza("/"),
    "var/lib/pacman/local/a/desc": "%NAME%\n/\n\n%VERSION%\n1\n",
    "g/specifications/a.gemspec": 's.name = "/"\ns.version = "1"\n',
    "srv/a.jar": files.jar({"META-INF/maven/x/y/pom.properties": "groupId=x\nartifactId=/\nversion=1\n"}),
    **files.PYTHON,
}  # fmt: skip


def test_a_bill_of_materials_with_odd_names(tmp_path: Path) -> None:
    source, target = tmp_path / "x.tar", tmp_path / "bill.json"
    source.write_bytes(docker_legacy(Saved.of(ODD)))
    assert main(["image", str(source), "-f", "cyclonedx", "-o", str(target), "--isolated"]) in (0, 1)
    components = json.loads(target.read_text())["components"]
    versions = {(one["name"], one.get("version")) for one in components}
    assert versions >= {
        (" ", "1"),
        ("b", "\ufffd"),
        ("\ufffdx", "1"),
        ("c", "\ufffd"),
        ("/", "1"),
        ("Flask", "3.0"),
    }
