"""apt: lists left behind, questions asked, packages nobody asked for, versions left open."""

from __future__ import annotations

import bisect
import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from ..installing import cached, subcommand, unpinned
from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Dockerfile, Instruction, Stage, Word
    from ...analyzer.dockerfile.span import Span

_LISTS = "/var/lib/apt/lists"
_VALUED = ("-o", "-c", "-t", "--config-file", "--option", "--target-release", "--default-release")


def _subcommand(command: Command) -> str:
    return subcommand(command, *_VALUED)


def _packages(command: Command) -> tuple[Word, ...]:
    """What is installed: the operands behind the subcommand."""
    return command.operands(*_VALUED)[1:]


APT_LISTS = Rule(
    code="DL3009",
    name="apt-lists-left",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DKL-DI-0005",),
    message="the package lists stay in this layer; {advice}",
    page="""`apt-get update` leaves its package lists in the layer.

They are tens of megabytes that the running program never reads. Removing them later hides them
but does not free a byte: it has to happen in the same RUN, by `rm -rf /var/lib/apt/lists/*`,
`apt-get dist-clean`, or a cache mount on that directory.
""",
    bad=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get update && make && rm -rf /tmp/x\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y a\nRUN rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y a\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN apt-get update && apt-get dist-clean\n",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get update && find /var/lib/apt/lists -type f -delete\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update\n",
        "FROM debian:12\nRUN <<EOF\napt-get update\nrm -rf /var/lib/apt/lists/*\nEOF\n",
        "FROM debian:12 AS b\nRUN apt-get update\nFROM scratch\nCOPY --from=b /a /a\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
    yields_to=("DS-0017",),
)


@APT_LISTS.command("apt-get", "apt", "aptitude")
def lists_left(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "update" or cached(command.instruction, _LISTS, "/var/lib/apt"):
        return
    for later in command.script.following(command):
        if later.name in ("rm", "find") and any(
            word.value.startswith((_LISTS, "/var/lib/apt/*", "/var/lib/apt/list"))
            or word.value == "/var/lib/apt"
            for word in later.args
        ):
            return
        if later.name.startswith("apt") and _subcommand(later) in ("dist-clean", "distclean"):
            return
        if later.name == "rm" and any("{" in word.value and "apt" in word.value for word in later.args):
            return
    advice = "remove /var/lib/apt/lists/* in the same RUN"
    if _nothing_else(command):  # and without them the install below would find nothing
        advice = "install in this RUN what they are for, and remove /var/lib/apt/lists/* at its end"
    yield APT_LISTS.finding(command.span, advice=advice)


RECOMMENDS = Rule(
    code="DL3015",
    name="apt-recommends",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DS-0029",),
    message="apt installs recommended packages that nobody asked for; use --no-install-recommends",
    page="""apt-get or apt install without `--no-install-recommends`.

Recommended packages are installed too, often more than was asked for. Settings in an apt.conf
or by `-o APT::Install-Recommends=false` count as well. Told once in a stage, with the other lines.
""",
    bad=(
        "FROM debian:12\nRUN apt-get install -y a\n",
        "FROM debian:12\nRUN apt install -y a\n",
        "FROM debian:12\nRUN apt-get -o APT::Install-Recommends=0 install -y a\nRUN apt-get install -y b\n",
    ),
    good=(
        "FROM alt:p10\nRUN apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get install -y --no-install-recommends a\n",
        "FROM debian:12\nRUN apt-get -o APT::Install-Recommends=false install -y a\n",
        "FROM debian:12\nRUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/x\n"
        "RUN apt-get install -y a\n",
    ),
    shipped_only=True,
    once_per_instruction=True,
    once_per_stage=True,
)


@RECOMMENDS.command("apt-get", "apt")
def recommends(command: Command, stage: Stage) -> Outcome:
    reference = stage.lineage[-1].reference
    if reference is not None and reference.name == "alt":
        return  # ALT Linux: its apt installs RPM packages, which recommend nothing
    if _subcommand(command) != "install" or command.has_flag("no-install-recommends"):
        return
    if any("install-recommends" in word.value.lower() for word in command.args):
        return
    if stage.names_setting("apt::install-recommends"):
        return
    install = next(word for word in command.args if word.value == "install")
    fix = Edit(install.span, "install --no-install-recommends", safe=False)
    yield RECOMMENDS.finding(install.span, fix=fix)


ASKS = Rule(
    code="DL3014",
    name="apt-asks",
    severity=Severity.WARNING,
    aliases=("DS-0021",),
    message="{program} without -y asks a question, nobody answers, and the build fails; use -y",
    page="""apt-get changes packages without `-y`.

apt asks before it installs additional packages, upgrades or removes any. In a build nobody answers.
autoremove is told where the same RUN has removed something: else there is hardly ever anything to ask.
""",
    bad=(
        "FROM a\nRUN apt-get install b\n",
        "FROM a\nRUN apt-get update && apt-get upgrade\n",
        "FROM a\nRUN apt-get purge --auto-remove gcc\n",
        "FROM a\nRUN apt-get purge -y gcc && apt-get autoremove\n",
        "FROM a\nRUN apt install b\n",
        "FROM a\nRUN apt-get -f install\n",
    ),
    good=(
        "FROM a\nRUN apt-get -y dist-upgrade && apt-get autoremove -qqy && apt-get --quiet --quiet remove b\n",
        "FROM a\nRUN apt-get upgrade --dry-run && apt-get clean && apt update\n",
        "FROM a\nRUN apt-get install -y b && apt-get autoremove\n",
        "FROM a\nRUN apt-get -qq install b\n",
        "FROM a\nRUN apt-get install --assume-yes b\n",
        "FROM a\nRUN yes | apt-get install b\n",
        "FROM a\nRUN apt-get install -q=2 b\n",
        "FROM a\nRUN echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/y\nRUN apt-get install b\n",
    ),
)


_CHANGES = frozenset(
    "install reinstall upgrade dist-upgrade full-upgrade remove purge autoremove autopurge build-dep".split()
)


@ASKS.command("apt-get", "apt", "aptitude")
def asks(command: Command, stage: Stage) -> Outcome:
    subcommand = _subcommand(command)
    if subcommand not in _CHANGES or command.pipe:
        return
    if subcommand.startswith("auto") and not any(
        _subcommand(one) in ("remove", "purge") for one in command.script.commands if one.name == command.name
    ):
        return
    repairs = command.has_flag("f", "fix-broken")
    if subcommand in ("install", "reinstall", "remove", "purge", "build-dep") and not (
        _packages(command) or repairs
    ):
        return
    quiet = sum(word.value.count("q") for word in command.args if re.fullmatch(r"-[a-zA-Z]+", word.value))
    quiet += sum(word.value == "--quiet" for word in command.args)
    if command.has_flag("y", "yes", "assume-yes", "force-yes", "s", "d", "download-only") or quiet > 1:
        return
    if command.has_flag("simulate", "just-print", "dry-run", "recon", "no-act", "print-uris", "assume-no"):
        return
    given = " ".join(word.value.lower() for word in command.args)
    if "-q=2" in given or "assume-yes" in given or "$" in given.partition(subcommand)[0]:
        return
    if any(re.fullmatch(r"\$\{?\w+\}?", word.value) for word in command.args):
        return
    if stage.names_setting("assume-yes"):
        return
    word = next(word for word in command.args if word.value == subcommand)
    yield ASKS.finding(word.span, program=command.name, fix=Edit(word.span, f"{subcommand} -y", safe=True))


APT = Rule(
    code="DL3027",
    name="apt-for-people",
    severity=Severity.WARNING,
    default=False,
    aliases=("CKV_DOCKER_9",),
    message="apt is for people at a terminal, and may change; use apt-get",
    page="""RUN calls `apt`.

Its own manual says that its interface is not kept stable for scripts. Use apt-get or apt-cache.
""",
    bad=("FROM a\nRUN apt install -y b\n",),
    good=("FROM a\nRUN apt-get install -y b\n",),
)


@APT.command("apt")
def apt(command: Command, stage: Stage) -> Outcome:
    fix = Edit(command.words[0].span, "apt-get", safe=False)
    yield APT.finding(command.words[0].span, fix=fix)


APT_PIN = Rule(
    code="DL3008",
    name="unpinned-apt-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is not pinned: the build installs the version of that day; use package=version",
    page="""apt-get install of a package without a version.

Off by default: distributions remove old versions, so a pinned build breaks sooner than an open
one changes. Variables may hold a version and are left alone, and so is `package-`, which removes it.
""",
    bad=(
        "FROM a\nRUN apt-get install -y b\n",
        "FROM a\nRUN apt-get install -y g++\n",
        "FROM a\nRUN apt-get remove -y x && apt-get install -y b+\n",
    ),
    good=("FROM a\nRUN apt-get install -y b=1.2 c/stable ./d.deb $E wget-\n",),
)


@APT_PIN.command("apt-get")
def apt_versions(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "install":
        return
    for word in _packages(command):
        if unpinned(word, "=/") and not word.value.endswith((".deb", "-")):
            # b+ installs b, but g++ is a name.
            name = word.value if word.value.endswith("++") else word.value.removesuffix("+")
            yield APT_PIN.finding(word.span, package=name)


UPDATE_ALONE = Rule(
    code="DS-0017",
    name="update-in-a-run-of-its-own",
    severity=Severity.WARNING,
    aliases=("CKV_DOCKER_5", "CIS-DI-0007"),
    message="the lists are cached, and a later install uses them however old; update and install in one RUN",
    page="""Package lists are fetched in one RUN and used in another.

The build cache keeps the layer with the lists. When the install below changes, it runs with lists
of months ago, and asks for versions that the archive no longer has, or gets old ones. Put
`apt-get update && apt-get install …` into one RUN. Told where an install or upgrade
below, in this stage or one built on it, reads these lists: not where it fetches its own first (as
`apk add --no-cache` does), where a RUN in between removes them, or where they lie in a cache mount.
""",
    bad=(
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends a\n",
        "FROM alpine:3\nRUN apk update\nRUN apk add b\n",
        "FROM debian:12 AS b\nRUN apt-get update\nFROM b\nRUN apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y a && apt-get update\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get update && sudo apt-get install -y a\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update\n",
        "FROM debian:12\nRUN apt-get update && ./install-all.sh\n",
        "FROM debian:12\nRUN apt-get update; apt-get upgrade -y\n",
        "FROM debian:12\nRUN apt-get update\nRUN pip install b\n",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get update && apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get install -y a\nRUN apt-get update\n",
        "FROM alpine:3\nRUN apk update\nRUN apk add --no-cache b && apk -U add c\n",
    ),
)


@UPDATE_ALONE.command("apt-get", "apt", "aptitude", "apk")
def updated_alone(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "update" or cached(command.instruction, "/var/lib/apt", "/var/cache"):
        return
    if _nothing_else(command) and _used_later(command, stage):
        yield UPDATE_ALONE.finding(command.span)


class _Event(NamedTuple):
    """A RUN, by its beginning, that installs from lists as they are; or else one that fetches or removes them."""

    start: int
    uses: bool


_FETCHES = ("add", "install", "reinstall", "upgrade", "dist-upgrade", "full-upgrade", "build-dep")


def _used_later(update: Command, stage: Stage) -> bool:
    """Whether what happens next to an update's lists is an install, in its stage or in one built on it."""
    events = _events(stage, update.name[:3])
    at = bisect.bisect_right(events, update.instruction.start, key=lambda event: event.start)
    return events[at].uses if at < len(events) else stage.index in _used_above(stage.file, update.name[:3])


@functools.lru_cache(maxsize=16)
def _used_above(file: Dockerfile, family: str) -> frozenset[int]:
    """The stages on which one is built that installs from the lists it finds; `family` is apt or apk."""
    out: set[int] = set()
    for stage in reversed(file.stages):
        events = _events(stage, family)
        if stage.parent is not None and (events[0].uses if events else stage.index in out):
            out.add(stage.parent.index)
    return frozenset(out)


@functools.lru_cache(maxsize=64)
def _events(stage: Stage, family: str) -> tuple[_Event, ...]:
    """What each RUN of a stage does first to the package lists of apt or apk; in order."""
    found = [(run, _first_event(run, stage, family)) for run in stage.all("RUN")]
    return tuple(_Event(run.start, uses) for run, uses in found if uses is not None)


def _first_event(run: Instruction, stage: Stage, family: str) -> bool | None:
    """Whether a RUN installs from the lists it finds; None where it does nothing to them."""
    if cached(run, "/var/lib/apt", "/var/cache"):
        return None
    for command in stage.script(run).commands:
        if command.name == "rm" and _removes_lists(command):
            return False
        if not command.name.startswith(family):
            continue
        wanted = _subcommand(command)
        if wanted == "update":
            return False
        if wanted in _FETCHES and not command.has_flag("no-cache", "update-cache", "update", "U"):
            return True
    return None


def _nothing_else(update: Command) -> bool:
    """Whether the RUN of an update does nothing else: another program can be an installer."""
    harmless = {"sudo", "set", "echo", "rm", "true", ":", "export", "mkdir", "sed", "sleep", "cd"}
    return not any(
        command is not update and command.name not in harmless
        for command in update.script.commands
        if not (command.name == update.name and _subcommand(command) == "update")
    )


NO_LISTS = Rule(
    code="IL040",
    name="apt-without-lists",
    severity=Severity.WARNING,
    message="no apt-get update stands before this in the RUN, and {why}: {effect}; add it to this RUN",
    page="""apt installs or upgrades packages, and nothing has fetched the lists.

The images of Debian and Ubuntu, and the official ones built on them, hold no package lists. Without
`apt-get update` install finds no package, and upgrade finds nothing to do, and says that all is well.
So it is where an earlier RUN has removed the lists again.
""",
    bad=(
        "FROM debian:12\nRUN apt-get install -y b\n",
        "FROM ubuntu:24.04\nRUN apt-get upgrade -y\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y b && rm -rf /var/lib/apt/lists/*\n"
        "RUN apt-get install -y c\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get upgrade -y && apt-get install -y b\n",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y b\n",
        "FROM debian:12\nRUN curl -fsS https://example.org/setup | bash -\nRUN apt-get install -y b\n",
        "FROM debian:12\nCOPY b.deb /\nRUN apt-get install -y ./b.deb /c.deb\n",
        "FROM a\nRUN apt-get install -y b\n",
        "FROM debian:12\nRUN ./prepare && apt-get install -y b\n",
        "FROM debian:12\nRUN apt-get update && rm -rf /var/lib/apt/lists/*\nRUN ./prepare && apt-get install -y b\n",
        "FROM debian:12\nRUN rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y b\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt apt-get install -y b\n",
    ),
    once_per_instruction=True,
)


@NO_LISTS.command("apt-get", "apt")
def without_lists(command: Command, stage: Stage) -> Outcome:
    wanted = _subcommand(command)
    upgrades = wanted in ("upgrade", "dist-upgrade", "full-upgrade")
    facts, base = stage.root_base, stage.lineage[-1]
    if not (upgrades or wanted == "install") or facts.distribution != "debian" or not facts.known:
        return
    packages = [word.value for word in command.operands(*_VALUED)[1:]]
    if not upgrades and (not packages or any("/" in package or "$" in package for package in packages)):
        return
    if any("apt" in (flag.value or "") for flag in command.instruction.flags):
        return
    before = _lists_before(command, stage)
    if before and (before.removed is None or before.removed == command.instruction.span.line):
        return
    effect = "nothing is upgraded" if upgrades else "it finds no package"
    why = (
        f"line {before.removed} removed the package lists"
        if before
        else f"{base.base.raw} comes without package lists"
    )
    yield NO_LISTS.finding(command.span, why=why, effect=effect)


_BRINGS_NO_LISTS = frozenset(
    "apt-get apt set echo rm mkdir cp mv ln sed export cd useradd groupadd adduser addgroup usermod chown chmod true : touch"
    " test [ printf dpkg pip pip3 npm yarn tar unzip curl wget cat ls tee grep".split()
)


class _Lists(NamedTuple):
    """From a place of a stage on there are package lists, or may be; or `removed` says on which line they went."""

    since: tuple[int, int]
    removed: int | None


def _lists_before(command: Command, stage: Stage) -> _Lists | None:
    """What happened last to the package lists before a command; None for nothing at all."""
    place = _position(command.span)
    for below in stage.lineage:
        if below.all("ONBUILD"):
            return _Lists(place, None)  # a trigger may do anything
        found = [one for one in _lists(below) if below is not stage or one.since < place]
        if found:
            return found[-1]
    return None


@functools.lru_cache(maxsize=64)
def _lists(stage: Stage) -> tuple[_Lists, ...]:
    """Where a stage fetches package lists, or runs what can do anything, and where it removes them; in order."""
    out: list[_Lists] = []
    for run in stage.runs():
        if not stage.understands(run):
            if not out or out[-1].removed is not None:
                out.append(_Lists(_position(run.span), None))
            continue
        for command in stage.script(run).commands:
            if command.name not in _BRINGS_NO_LISTS or (
                command.name in ("apt-get", "apt") and _subcommand(command) == "update"
            ):
                if not out or out[-1].removed is not None:
                    out.append(_Lists(_position(command.span), None))
            elif (
                command.name == "rm"
                and _removes_lists(command)
                and not (command.depth or command.nested or cached(run, _LISTS))
            ):
                out.append(_Lists(_position(command.span), run.span.line))
    return tuple(out)


def _removes_lists(command: Command) -> bool:
    return any(word.value in (_LISTS, f"{_LISTS}/", f"{_LISTS}/*", "/var/lib/apt") for word in command.args)


def _position(span: Span) -> tuple[int, int]:
    return span.line, span.column
