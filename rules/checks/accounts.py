"""Accounts and privileges in an image: passwords, uids, programs that run as their owner."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..rule import ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.image import Image

EMPTY_PASSWORD = Rule(
    code="DKL-LI-0001",
    name="empty-password",
    severity=Severity.ERROR,
    antipattern=9,
    message="{user} can log in without a password: /etc/shadow holds none for this account",
    page="""An account of the image has an empty password and a shell to log in with.

Any process in the container becomes that user by `su`, and a login server lets everyone in. A `!`
or `*` in the field locks the account; accounts whose shell is nologin or false are left alone.
""",
    bad=(ImageExample(layers=({"etc/shadow": "root::19000:0:::::\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n"},)),),
    good=(
        ImageExample(
            layers=({
                "etc/shadow": "root:*:19000:0:::::\napp:!:19000::::::\nd::1::::::\n",
                "etc/passwd": "root:x:0:0::/root:/bin/sh\nd:x:2:2::/:/sbin/nologin\n",
            },)
        ),
    ),
)  # fmt: skip
SAME_UID = Rule(
    code="DKL-LI-0002",
    name="duplicate-uid",
    severity=Severity.WARNING,
    antipattern=9,
    message="{names} have the same {kind} {number}: each owns what the other one owns",
    page="""Two accounts or groups share a number.

The kernel knows only numbers. Files, processes and privileges of one account are those of the
other, whatever their names say.
""",
    bad=(ImageExample(layers=({"etc/passwd": "root:x:0:0::/:/bin/sh\nadmin:x:0:0::/:/bin/sh\n"},)),),
    good=(ImageExample(layers=({"etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:1:1::/:/bin/sh\n"},)),),
)
SETUID = Rule(
    code="CIS-DI-0008",
    name="setuid-program",
    severity=Severity.WARNING,
    antipattern=9,
    message="{path} runs as {owner}, whoever starts it; layer {layer} adds it to those of the base",
    page="""The build adds a program with the setuid or setgid bit.

Such a program is the usual way from an ordinary user to root. What the base image brings is left
alone, as far as the history tells where the base ends, and so are those that every distribution
has (passwd, su, mount). `RUN chmod a-s` in the step that makes the file takes the bit away,
and `--security-opt no-new-privileges` makes it void.
""",
    bad=(ImageExample(layers=({"usr/bin/x": "x"},), modes={"usr/bin/x": 0o4755}),),
    good=(
        ImageExample(layers=({"usr/bin/x": "x"},), modes={"usr/bin/x": 0o755}),
        ImageExample(layers=({"usr/bin/passwd": "x"},), modes={"usr/bin/passwd": 0o4755}),
        ImageExample(layers=({"usr/bin/x": "x"},), modes={"usr/bin/x": 0o4644}),
    ),
)


def _table(image: Image, path: str) -> Iterator[list[str]]:
    for line in (image.read(path) or b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and not line.startswith("#"):
            yield fields


@EMPTY_PASSWORD.image
def without_password(image: Image) -> Outcome:
    shells = {fields[0]: fields[-1] for fields in _table(image, "etc/passwd")}
    for fields in _table(image, "etc/shadow"):
        shell = shells.get(fields[0], "")
        if fields[1] == "" and shell and not shell.endswith(("nologin", "false", "sync")):
            yield EMPTY_PASSWORD.finding(Place("image", path="etc/shadow"), user=fields[0])


@SAME_UID.image
def same_number(image: Image) -> Outcome:
    for path, kind in (("etc/passwd", "uid"), ("etc/group", "gid")):
        names: dict[str, list[str]] = {}
        for fields in _table(image, path):
            names.setdefault(fields[2], []).append(fields[0])
        for number, found in names.items():
            if len(set(found)) > 1:
                shown = " and ".join(sorted(set(found)))
                yield SAME_UID.finding(Place("image", path=path), names=shown, kind=kind, number=number)


# What distributions ship so; where the base ends can't always be told.
_USUAL = frozenset(
    "su sudo mount umount passwd chsh chfn chage newgrp gpasswd expiry unix_chkpwd pam_timestamp_check ping ping6"
    " ssh-keysign dbus-daemon-launch-helper fusermount fusermount3 pkexec polkit-agent-helper-1 wall write bsd-write"
    " crontab ssh-agent staprun usernetctl userhelper sg newuidmap newgidmap utempter pt_chown traceroute6.iputils"
    " bbsuid".split()
)


@SETUID.image
def added_setuid(image: Image) -> Outcome:
    for path, entry in image.tree.items():
        if not entry.is_file or not entry.mode & (stat.S_ISUID | stat.S_ISGID) or not entry.mode & 0o111:
            continue
        if entry.layer not in image.own_layers or path.rpartition("/")[2] in _USUAL:
            continue
        layer = image.layers[entry.layer]
        owner = f"uid {entry.uid}" if entry.mode & stat.S_ISUID else f"gid {entry.gid}"
        place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=path)
        yield SETUID.finding(
            place, path=f"/{path}", owner=owner, layer=layer.index, proof={"mode": f"{entry.mode:04o}"}
        )
