"""yum, dnf and zypper: caches left behind, questions asked, versions left open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..installing import cached, cleaned, subcommand, unpinned
from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage, Word

_VALUED = (
    "-c", "--config", "--setopt", "--enablerepo", "--disablerepo", "--installroot", "--repo", "--repoid",
    "--releasever", "-x", "--exclude", "--from", "-r", "--root", "-R", "-t", "--type",
)  # fmt: skip
_DNFS = ("dnf", "dnf5", "microdnf")
_INSTALLS = frozenset({"install", "in", "reinstall", "rei", "localinstall", "groupinstall"})
_UPDATES = frozenset(
    "update up upgrade upgrade-minimal up-min update-minimal distro-sync dsync dist-upgrade".split()
)
_REMOVES = frozenset("remove erase rm autoremove swap downgrade dg".split())
_ZYPPER_INSTALLS = frozenset({"install", "in"})
_ZYPPER_ASKS = _ZYPPER_INSTALLS | {"remove", "rm", "source-install", "si", "patch", "update", "up"}


def _subcommand(command: Command) -> str:
    return subcommand(command, *_VALUED)


def _unanswered(code: str, program: str, programs: tuple[str, ...], flag: str, alias: str) -> Rule:
    """A rule about an installer that asks where nobody answers."""
    rule = Rule(
        code=code,
        name=f"{program}-asks",
        severity=Severity.WARNING,
        aliases=(alias,) if alias else (),
        message=f"{program} asks a question, nobody answers, and the build fails; use {flag}",
        page=f"""{program} is called without `{flag}`.

{program} asks before it changes anything. In a build nobody answers, and it gives up.
""",
        bad=(
            f"FROM a\nRUN {program} install b\n",
            f"FROM a\nRUN {program} update\n",
            f"FROM a\nRUN {program} remove b\n",
        ),
        good=(
            f"FROM a\nRUN {program} {flag} install b\n",
            f"FROM a\nRUN {program} {flag} update && {program} {flag} remove b\n",
            f"FROM a\nRUN yes | {program} install b\n",
            f"FROM a\nRUN {program} --version\n",
        ),
    )

    @rule.command(*programs)
    def asks(command: Command, stage: Stage) -> Outcome:
        zypper = command.name == "zypper"
        word = next(
            (operand for operand in command.operands(*_VALUED)[:1]
             if operand.value in (_ZYPPER_ASKS if zypper else _INSTALLS | _UPDATES | _REMOVES)),
            None,
        )  # fmt: skip
        if (
            word is None
            and not zypper
            and [operand.value for operand in command.operands(*_VALUED)[:1]] == ["module"]
        ):
            word = next(
                (
                    operand
                    for operand in command.operands(*_VALUED)[1:2]
                    if operand.value in ("install", "enable")
                ),
                None,
            )
        if word is None or command.pipe or any("$" in arg.value[:2] for arg in command.args):
            return
        if zypper and command.has_flag("n", "y", "non-interactive", "no-confirm"):
            return
        if not zypper and command.has_flag("y", "assumeyes", "assumeno", "downloadonly"):
            return
        if not zypper and stage.names_setting("assumeyes"):
            return
        fix = Edit(word.span, f"{flag} {word.value}", safe=True)
        yield rule.finding(word.span, fix=fix)

    return rule


YUM_ASKS = _unanswered("DL3030", "yum", ("yum",), "-y", "")
DNF_ASKS = _unanswered("DL3038", "dnf", _DNFS, "-y", "")
ZYPPER_ASKS = _unanswered("DL3034", "zypper", ("zypper",), "--non-interactive", "")


def _cache_left(code: str, program: str, programs: tuple[str, ...], clean: str, alias: str) -> Rule:
    """A rule about an installer that leaves what it downloaded in the layer."""
    directory = "/var/cache/zypp" if program == "zypper" else f"/var/cache/{program}"
    rule = Rule(
        code=code,
        name=f"{program}-cache-left",
        severity=Severity.INFO,
        antipattern=3,
        aliases=tuple(alias.split()),
        message=f"{program} leaves its downloads in this layer; use {program} {clean} at the end of the RUN",
        page=f"""{program} leaves its metadata and downloads in the layer.

They are tens of megabytes that the running program never reads. `{program} {clean}` or
`rm -rf {directory}` counts in the same RUN, behind the last install; so does a cache mount on
that directory.
""",
        bad=(
            f"FROM a\nRUN {program} install -y b\n",
            f"FROM a\nRUN {program} {clean} && {program} install -y b\n",
            f"FROM a\nRUN {program} install -y b && rm -rf /tmp/x\n",
            f"FROM a\nRUN {program} install -y b\nRUN {program} {clean}\n",
        ),
        good=(
            f"FROM a\nRUN {program} install -y b && {program} {clean}\n",
            f"FROM a\nRUN {program} install -y b && {program} install -y c && {program} -q {clean}\n",
            f"FROM a\nRUN {program} install -y b && rm -rf {directory}/*\n",
            f"FROM a\nRUN --mount=type=cache,target={directory} {program} install -y b\n",
            f"FROM a AS b\nRUN {program} install -y b\nFROM c\n",
        ),
        shipped_only=True,
        once_per_instruction=True,
    )

    @rule.command(*programs)
    def left(command: Command, stage: Stage) -> Outcome:
        wanted = _ZYPPER_INSTALLS if program == "zypper" else _INSTALLS | _UPDATES
        if _subcommand(command) not in wanted or cached(
            command.instruction, directory, "/var/cache/yum", "/var/cache/libdnf5", "/var/cache"
        ):
            return
        behind = list(command.script.following(command))
        if any(one.name in programs and _subcommand(one) in wanted for one in behind):
            return  # told at the last one
        for later in behind:
            words = [word.value for word in later.operands(*_VALUED)]
            if later.name in ("yum", "zypper", *_DNFS) and _cleans(words):
                return
        # One directory serves yum and dnf on newer systems.
        if not cleaned(command, directory, "/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5"):
            yield rule.finding(command.span)

    return rule


def _cleans(words: list[str]) -> bool:
    """`clean all`, and zypper's `clean` and `cc`; `clean metadata` leaves the packages."""
    return words[:2] == ["clean", "all"] or words in (["clean"], ["cc"])


YUM_CACHE = _cache_left("DL3032", "yum", ("yum",), "clean all", "DS-0015")
DNF_CACHE = _cache_left("DL3040", "dnf", _DNFS, "clean all", "DS-0019 DS-0027")
ZYPPER_CACHE = _cache_left("DL3036", "zypper", ("zypper",), "clean --all", "DS-0020")


def _pin(code: str, program: str, programs: tuple[str, ...], installs: frozenset[str], good: str) -> Rule:
    """A rule about packages without a version."""
    rule = Rule(
        code=code,
        name=f"unpinned-{program}-package",
        severity=Severity.WARNING,
        default=False,
        message="{package} is not pinned: the build installs the version of that day; name a version",
        page=f"""{program} install of a package without a version.

Off by default, like the other version pins: repositories drop old versions, and a pinned build
breaks sooner than an open one changes. Variables may hold a version and are left alone.
""",
        bad=(f"FROM a\nRUN {program} install -y b\n",),
        good=(f"FROM a\nRUN {program} install -y {good} $D https://example.org/e.rpm\n",),
    )

    @rule.command(*programs)
    def open_versions(command: Command, stage: Stage) -> Outcome:
        if _subcommand(command) not in installs:
            return
        for word in command.operands(*_VALUED)[1:]:
            if _open_version(word):
                yield rule.finding(word.span, package=word.value)

    return rule


def _open_version(word: Word) -> bool:
    # A version starts with a digit behind a dash; file names and URLs name one by themselves.
    return unpinned(word, "/=<>~") and not re.search(r"-\d|\.rpm$", word.value)


YUM_PIN = _pin("DL3033", "yum", ("yum",), frozenset({"install", "reinstall"}), "b-1.2 c-2.0.1-3.el7")
DNF_PIN = _pin("DL3041", "dnf", _DNFS, frozenset({"install", "in", "reinstall", "rei"}), "b-1.2")
ZYPPER_PIN = _pin("DL3037", "zypper", ("zypper",), _ZYPPER_INSTALLS, "b=1.2 'c>=3'")


DIST_UPGRADE = Rule(
    code="DL3035",
    name="zypper-dist-upgrade",
    severity=Severity.WARNING,
    default=False,
    message="zypper replaces the release of the image by another one; use a newer base image",
    page="""zypper dist-upgrade in a RUN.

It moves the whole system to another state of the repositories, in a layer on top of the old one.
What results depends on the day. Use a base image of the release that you want.
""",
    bad=("FROM a\nRUN zypper -n dist-upgrade\n", "FROM a\nRUN zypper dup -y\n"),
    good=("FROM a\nRUN zypper -n update\n",),
)


@DIST_UPGRADE.command("zypper")
def upgrades_release(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) in ("dist-upgrade", "dup"):
        yield DIST_UPGRADE.finding(command.span)
