"""Package databases in the form of each ecosystem, written here by what the form's own documents say of it."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from image_archives import Node

DPKG = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "var/lib/dpkg/status": """\
Package: python3-pip
Status: install ok installed
Architecture: all
Version: 23.0.1+dfsg-1
Depends: python3 (>= 3.9~), nothing | ca-certificates
Recommends: build-essential,
 python3-dev (>= 3.2)
Description: installer
 of packages
 .
 Version: 9

Package: ca-certificates
Status: install ok installed
Architecture: all
Version: 1

Package: build-essential
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 12.9
Depends: gcc (>= 4:10.2)

Package: gcc
Status: install ok installed
Architecture: amd64
Version: 4:12.2.0-3

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
""",
    "var/lib/apt/extended_states": """\
Package: gcc
Architecture: amd64
Auto-Installed: 1

Package: build-essential
Architecture: amd64
Auto-Installed: 1

Package: ca-certificates
Architecture: amd64
Auto-Installed: 1
""",
    "var/lib/dpkg/info/python3-pip.list": "/.\n/usr\n/usr/bin\n/bin/pip\n/usr/share/doc\n",
    "var/lib/dpkg/info/ca-certificates.list": "/etc/ca.conf\n",
    "var/lib/dpkg/info/build-essential:amd64.list": "/usr/share/build\n",
    "var/lib/dpkg/info/gcc.list": "/usr/bin/gcc\n/usr/bin/gcc-12\n/usr/share/doc\n",
}  # fmt: skip

DISTROLESS = {
    "var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2024a\nArchitecture: all\n",
    "var/lib/dpkg/status.d/tzdata.md5sums": "0123456789abcdef0123456789abcdef  usr/share/zoneinfo/UTC\n",
    "usr/share/zoneinfo/UTC": "u" * 60,
}

APK = {
    "lib/apk/db/installed": """\
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1abc=

P:curl
V:8.5.0-r0
A:x86_64
D:so:libc.musl-x86_64.so.1 !older so:libcurl.so.4>=8
F:usr
F:usr/bin
R:curl

P:libcurl
V:8.5.0-r0
A:x86_64
o:curl
p:so:libcurl.so.4=4.8.0
F:usr/lib
R:libcurl.so.4
""",
    "etc/apk/world": "curl>8\nmusl\n!older\n",
    "lib/ld-musl-x86_64.so.1": "m" * 100,
    "usr/bin/curl": "c" * 40,
    "usr/lib/libcurl.so.4": "l" * 70,
}

PACMAN = {
    "var/lib/pacman/local/zlib-1:1.3-1/desc": "%NAME%\nzlib\n\n%VERSION%\n1:1.3-1\n\n%ARCH%\nx86_64\n\n%REASON%\n1\n",
    "var/lib/pacman/local/zlib-1:1.3-1/files": "%FILES%\nusr/\nusr/lib/\nusr/lib/libz.so\n",
    "var/lib/pacman/local/vi-1-1/desc": "%NAME%\nvi\n\n%VERSION%\n1-1\n\n%DEPENDS%\nzlib>=1\n",
    "var/lib/pacman/local/vi-1-1/files": "%FILES%\nusr/bin/vi\n",
    "usr/lib/libz.so": "z" * 30,
    "usr/bin/vi": "v" * 20,
}

_SITE = "usr/local/lib/python3.11/site-packages"
PYTHON = {
    f"{_SITE}/flask/__init__.py": "f" * 50,
    f"{_SITE}/flask-3.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\n"
    "Requires-Dist: Mark_Up.Safe>=2\nRequires-Dist: asgiref; extra == 'async'\n\nName: other\n",
    f"{_SITE}/flask-3.0.dist-info/RECORD": "flask/__init__.py,sha256=x,50\n../../../bin/flask,,\n"
    '"flask/a,b.py",,\nflask-3.0.dist-info/METADATA,,\n/etc/passwd,,\n../../../../../../../../etc/x,,\n',
    f"{_SITE}/flask-3.0.dist-info/REQUESTED": "",
    f"{_SITE}/flask/a,b.py": "b" * 5,
    "usr/local/bin/flask": "#" * 7,
    f"{_SITE}/mark_up_safe-2.dist-info/METADATA": "Name: mark-up-safe\nVersion: 2\n",
    f"{_SITE}/mark_up_safe-2.dist-info/RECORD": "mark.py,,\n",
    f"{_SITE}/mark.py": "m" * 11,
    f"{_SITE}/old-1.egg-info/PKG-INFO": "Name: old\nVersion: 1\n",
    f"{_SITE}/old-1.egg-info/top_level.txt": "old\n",
    f"{_SITE}/old/x.py": "o" * 13,
}

NPM = {
    "app/package.json": json.dumps({"name": "app", "dependencies": {"express": "4"}, "devDependencies": {"@t/x": "1"}}),
    "app/node_modules/express/package.json": '{"name":"express","version":"4.18.2","dependencies":{"qs":"6"}}',
    "app/node_modules/express/index.js": "e" * 1000,
    "app/node_modules/express/node_modules/qs/package.json": '{"name":"qs","version":"6.1.0"}',
    "app/node_modules/express/node_modules/qs/lib/qs.js": "q" * 300,
    "app/node_modules/express/lib/package.json": '{"type":"module"}',
    "app/node_modules/@t/x/package.json": '\ufeff{"name":"@t/x","version":"1.0.0"}',
    "app/node_modules/@t/x/x.d.ts": "t" * 20,
    "app/.yarn/cache/@babel-core-npm-7.1.0-0123456789-10.zip": "y" * 9,
}  # fmt: skip

GEM = {
    "usr/lib/ruby/gems/3.1.0/specifications/rack-3.0.gemspec": "Gem::Specification.new do |s|\n"
    '  s.name = "rack".freeze\n  s.version = "3.0"\n  s.add_runtime_dependency(%q<webrick>.freeze, ["~> 1"])\nend\n',
    "usr/lib/ruby/gems/3.1.0/gems/rack-3.0/lib/rack.rb": "r" * 77,
}

COMPOSER = {
    "srv/composer.json": '{"require": {"php": ">=8", "monolog/monolog": "^3"}}',
    "srv/vendor/composer/installed.json": '{"packages": [{"name": "monolog/monolog", "version": "3.5.0", "require": '
    '{"psr/log": "^3"}}, {"name": "psr/log", "version": "3.0.0"}]}',
    "srv/vendor/monolog/monolog/src/Logger.php": "m" * 90,
    "srv/vendor/psr/log/src/Log.php": "p" * 9,
}

CONDA = {
    "opt/conda/conda-meta/numpy-1.26.json": '{"name": "numpy", "version": "1.26", "subdir": "linux-64", "files": '
    '["lib/np.so", "../../etc/passwd"], "depends": ["blas >=1"], "requested_spec": "numpy"}',
    "opt/conda/lib/np.so": "n" * 33,
}


def jar(members: Mapping[str, bytes | str]) -> bytes:
    """A jar with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def go_program(lines: Sequence[str], *, version: str = "go1.21.5", size: int = 600_000) -> Node:
    """A program as Go's linker leaves it: an ELF whose second part is data, with what it was built of."""
    modules = b"0" * 16 + "\n".join(lines).encode() + b"\n" + b"1" * 16
    told = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    for text in (version.encode(), modules):
        length = len(text)
        while length >= 0x80:
            told += bytes([length & 0x7F | 0x80])
            length >>= 7
        told += bytes([length]) + text
    header = (
        b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    parts = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 8192, 8192, 4096)
    parts += struct.pack("<IIQQQQQQ", 1, 6, 8200, 8200, 8200, 0, 0, 4096)
    note = struct.pack("<III", 4, 4, 4) + b"Go\0\0abcd"
    data = (header + parts + note).ljust(8192, b"\0") + bytes(64) + told
    return Node(data.ljust(size, b"\0"), mode=0o755)


def rpm_header(values: Mapping[int, str | Sequence[str] | Sequence[int]]) -> bytes:
    """A header as rpm stores it: tags with type, offset and count, then their values."""
    index, store = b"", b""
    for tag, value in values.items():
        if isinstance(value, str):
            kind, count, data = 6, 1, value.encode() + b"\0"
        elif value and isinstance(value[0], int):
            store += bytes(-len(store) % 4)
            kind, count, data = 4, len(value), struct.pack(f">{len(value)}I", *value)
        else:
            kind, count, data = 8, len(value), b"".join(str(one).encode() + b"\0" for one in value)
        index += struct.pack(">IIII", tag, kind, len(store), count)
        store += data
    return struct.pack(">II", len(values), len(store)) + index + store


def rpm_database(headers: Sequence[bytes], *, schema: str = "") -> bytes:
    """rpm's database with these headers, in SQLite's mode with a second file, as rpm has it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rpmdb.sqlite")
        database = sqlite3.connect(path)
        database.execute(
            schema or "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
        )
        if not schema:
            database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(one,) for one in headers])
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")
        database.close()
        return path.read_bytes()


def rpm() -> dict[str, bytes | str]:
    """Two packages of rpm, one that the other recommends, and dnf's word of who asked for them."""
    bash = rpm_header({
        1000: "bash", 1001: "5.2", 1002: "1.fc39", 1003: [1], 1022: "x86_64", 1044: "bash-5.2-1.fc39.src.rpm",
        1037: [0, 64, 0], 1116: [0, 0, 1], 1117: ["bash", "ghost", "bashrc"], 1118: ["/usr/bin/", "/etc/"],
        1047: ["bash", "/bin/sh"], 1049: ["rpmlib(X)", "libc.so.6"], 5046: ["bash-doc"],
    })  # fmt: skip
    doc = rpm_header({1000: "bash-doc", 1001: "5.2", 1002: "1.fc39", 1022: "noarch", 1116: [0], 1117: ["b.txt"],
                      1118: ["/usr/share/doc/"]})  # fmt: skip
    key = rpm_header({1000: "gpg-pubkey", 1001: "a", 1002: "b"})
    return {
        "usr/lib/sysimage/rpm/rpmdb.sqlite": rpm_database([bash, doc, key]),
        "usr/lib/sysimage/rpm/rpmdb.sqlite-wal": b"",
        "usr/lib/sysimage/libdnf5/packages.toml": '[packages."bash.x86_64"]\nreason = "User"\n'
        '[packages."bash-doc.noarch"]\nreason = "Weak Dependency"\n',
        "etc/os-release": "ID=fedora\nVERSION_ID=39\n",
        "usr/bin/bash": "b" * 500,
        "usr/bin/ghost": "g" * 7,
        "etc/bashrc": "rc",
        "usr/share/doc/b.txt": "d" * 40,
    }
