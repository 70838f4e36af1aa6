"""Package managers in RUN: caches and lists left behind, questions asked, versions left open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Edit, Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage, Word

_LISTS = "/var/lib/apt/lists"


def _cached(instruction: Instruction, *targets: str) -> bool:
    """Whether a cache or tmpfs mount holds one of these directories, so that no layer does."""
    for flag in instruction.flags:
        if flag.name == "mount" and flag.value and re.search(r"type=(?:cache|tmpfs)", flag.value):
            found = re.search(r"(?:target|dst|destination)=([^,]+)", flag.value)
            if found and any(found[1].rstrip("/").startswith(target) for target in targets):
                return True
    return False


def _subcommand(command: Command) -> str:
    return next((word.value for word in command.operands("-o", "-c", "-t", "--config-file")), "")


def _packages(command: Command) -> tuple[Word, ...]:
    """What is installed: the operands behind the subcommand."""
    return command.operands("-o", "-c", "-t", "--target-release", "--virtual", "-X", "--repository")[1:]


APT_LISTS = Rule(
    code="DL3009",
    name="apt-lists-left",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DKL-DI-0005",),
    message="the package lists stay in this layer: remove /var/lib/apt/lists/* in the same RUN",
    page="""`apt-get update` leaves its package lists in the layer.

They are tens of megabytes that the running program never reads. Removing them later hides them
but does not free a byte: it has to happen in the same RUN, by `rm -rf /var/lib/apt/lists/*`,
`apt-get dist-clean`, or a cache mount on that directory.
""",
    bad=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y a\n",
        "FROM debian:12\nRUN apt-get update && rm -rf /tmp/x\n",
        "FROM debian:12\nRUN apt-get update\nRUN rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN rm -rf /var/lib/apt/lists/* && apt-get update\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN apt-get update && apt-get dist-clean\n",
        "FROM debian:12\nRUN apt-get update && find /var/lib/apt/lists -type f -delete\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update\n",
        "FROM debian:12\nRUN <<EOF\napt-get update\nrm -rf /var/lib/apt/lists/*\nEOF\n",
        "FROM debian:12 AS b\nRUN apt-get update\nFROM scratch\nCOPY --from=b /a /a\n",
    ),
    shipped_only=True,
)


@APT_LISTS.command("apt-get", "apt", "aptitude")
def lists_left(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "update" or _cached(command.instruction, _LISTS, "/var/lib/apt"):
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
    yield APT_LISTS.finding(command.span)


RECOMMENDS = Rule(
    code="DL3015",
    name="apt-recommends",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DS-0029",),
    message="without --no-install-recommends apt adds packages that nobody asked for",
    page="""apt-get install without `--no-install-recommends`.

Recommended packages are installed too, often more than was asked for. Settings in an apt.conf
or by `-o APT::Install-Recommends=false` count as well.
""",
    bad=("FROM debian:12\nRUN apt-get install -y a\n",),
    good=(
        "FROM debian:12\nRUN apt-get install -y --no-install-recommends a\n",
        "FROM debian:12\nRUN apt-get -o APT::Install-Recommends=false install -y a\n",
        "FROM debian:12\nRUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/x\n"
        "RUN apt-get install -y a\n",
    ),
    shipped_only=True,
)


@RECOMMENDS.command("apt-get")
def recommends(command: Command, stage: Stage) -> Outcome:
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
    message="without -y apt-get asks, nobody answers, and the build stops here",
    page="""apt-get install without `-y`.

apt asks before it installs additional packages. In a build nobody answers.
""",
    bad=("FROM a\nRUN apt-get install b\n",),
    good=(
        "FROM a\nRUN apt-get install -y b\n",
        "FROM a\nRUN apt-get -qq install b\n",
        "FROM a\nRUN apt-get install --assume-yes b\n",
        "FROM a\nRUN yes | apt-get install b\n",
        "FROM a\nRUN apt-get install -q=2 b\n",
        "FROM a\nRUN echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/y\nRUN apt-get install b\n",
    ),
)


@ASKS.command("apt-get")
def asks(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "install" or not _packages(command) or command.pipe:
        return
    quiet = sum(word.value.count("q") for word in command.args if re.fullmatch(r"-[a-zA-Z]+", word.value))
    if command.has_flag("y", "yes", "assume-yes", "force-yes", "s", "d", "download-only") or quiet > 1:
        return
    given = " ".join(word.value.lower() for word in command.args)
    if "-q=2" in given or "assume-yes" in given or "$" in given:
        return
    if stage.names_setting("assume-yes"):
        return
    install = next(word for word in command.args if word.value == "install")
    yield ASKS.finding(install.span, fix=Edit(install.span, "install -y", safe=True))


APT = Rule(
    code="DL3027",
    name="apt-for-people",
    severity=Severity.WARNING,
    default=False,
    aliases=("CKV_DOCKER_9",),
    message="apt is made for people at a terminal and may change; scripts use apt-get",
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


def _unpinned(word: Word, marks: str) -> bool:
    """A package that names no version; variables may hold one."""
    value = word.value
    return (
        bool(re.match(r"[A-Za-z0-9]", value))
        and not any(mark in value for mark in marks)
        and "$" not in value
    )


APT_PIN = Rule(
    code="DL3008",
    name="unpinned-apt-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is installed in whatever version the archive has that day",
    page="""apt-get install of a package without a version.

Off by default: distributions remove old versions, so a pinned build breaks sooner than an open
one changes. Variables may hold a version and are left alone.
""",
    bad=("FROM a\nRUN apt-get install -y b\n",),
    good=("FROM a\nRUN apt-get install -y b=1.2 c/stable ./d.deb $E\n",),
)


@APT_PIN.command("apt-get")
def apt_versions(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "install":
        return
    for word in _packages(command):
        if _unpinned(word, "=/") and not word.value.endswith(".deb"):
            yield APT_PIN.finding(word.span, package=word.value)


APK_PIN = Rule(
    code="DL3018",
    name="unpinned-apk-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is installed in whatever version the repository has that day",
    page="""apk add of a package without a version.

Off by default: Alpine keeps only the newest version of a branch, so a pinned build breaks.
""",
    bad=("FROM a\nRUN apk add --no-cache b\n",),
    good=("FROM a\nRUN apk add --no-cache b=1.2-r0 'c>3' ./d.apk $E --virtual .deps\n",),
)


@APK_PIN.command("apk")
def apk_versions(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "add":
        return
    for word in command.operands("-t", "--virtual", "-X", "--repository")[1:]:
        if _unpinned(word, "=<>~") and not word.value.endswith(".apk"):
            yield APK_PIN.finding(word.span, package=word.value)


APK_CACHE = Rule(
    code="DL3019",
    name="apk-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    aliases=("DS-0025", "DKL-DI-0004"),
    message="apk add without --no-cache leaves the package index in the layer",
    page="""apk add without `--no-cache`.

The index in /var/cache/apk stays in the layer. A cache mount on that directory, or removing it
in the same RUN, does as well.
""",
    bad=("FROM a\nRUN apk add b\n", "FROM a\nRUN apk update && apk add b && rm -rf /x\n"),
    good=(
        "FROM a\nRUN apk add --no-cache b\n",
        "FROM a\nRUN --mount=type=cache,target=/var/cache/apk apk add b\n",
        "FROM a\nRUN apk add b && rm -rf /var/cache/apk/*\n",
        "FROM a\nRUN apk --no-cache add b\n",
    ),
    shipped_only=True,
)


@APK_CACHE.command("apk")
def apk_cache(command: Command, stage: Stage) -> Outcome:
    if _subcommand(command) != "add" or command.has_flag("no-cache"):
        return
    if _cached(command.instruction, "/var/cache/apk", "/etc/apk/cache", "/var/cache"):
        return
    for later in command.script.following(command):
        if later.name == "rm" and any("/var/cache" in word.value for word in later.args):
            return
        if later.name == "apk" and [word.value for word in later.operands()[:2]] == ["cache", "clean"]:
            return
    yield APK_CACHE.finding(command.span)


YUM_PIN = Rule(
    code="DL3033",
    name="unpinned-yum-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is installed in whatever version the repository has that day",
    page="""yum install of a package without a version.

Off by default, like the other version pins.
""",
    bad=("FROM a\nRUN yum install -y b\n",),
    good=("FROM a\nRUN yum install -y b-1.2 c-2.0.1-3.el7 $D https://example.org/e.rpm\n",),
)
DNF_PIN = Rule(
    code="DL3041",
    name="unpinned-dnf-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is installed in whatever version the repository has that day",
    page="""dnf install of a package without a version.

Off by default, like the other version pins.
""",
    bad=("FROM a\nRUN dnf install -y b\n", "FROM a\nRUN microdnf install -y b\n"),
    good=("FROM a\nRUN dnf install -y b-1.2 $D\n",),
)


@YUM_PIN.command("yum")
def yum_versions(command: Command, stage: Stage) -> Outcome:
    for word in _rpm_packages(command):
        yield YUM_PIN.finding(word.span, package=word.value)


@DNF_PIN.command("dnf", "microdnf")
def dnf_versions(command: Command, stage: Stage) -> Outcome:
    for word in _rpm_packages(command):
        yield DNF_PIN.finding(word.span, package=word.value)


def _rpm_packages(command: Command) -> list[Word]:
    if _subcommand(command) not in ("install", "reinstall"):
        return []
    # A version starts with a digit behind a dash; file names and URLs name one by themselves.
    return [
        word
        for word in command.operands("-c", "--setopt", "--enablerepo", "--disablerepo", "--installroot")[1:]
        if _unpinned(word, "/") and not re.search(r"-\d", word.value) and not word.value.endswith(".rpm")
    ]


PIP_CACHE = Rule(
    code="DL3042",
    name="pip-cache-left",
    severity=Severity.INFO,
    antipattern=3,
    message="pip leaves what it downloaded in ~/.cache/pip: use --no-cache-dir",
    page="""pip install without `--no-cache-dir`.

The downloads stay in the layer and are never used again. `PIP_NO_CACHE_DIR`, a cache mount on
the directory, or removing it in the same RUN does as well.
""",
    bad=("FROM a\nRUN pip install b==1\n", "FROM a\nRUN python3 -m pip install b\n"),
    good=(
        "FROM a\nRUN pip install --no-cache-dir b==1\n",
        "FROM a\nENV PIP_NO_CACHE_DIR=1\nRUN pip install b\n",
        "FROM a\nARG PIP_NO_CACHE_DIR=off\nRUN pip install b\n",
        "FROM a\nRUN --mount=type=cache,target=/root/.cache/pip pip install b\n",
        "FROM a\nRUN pip install b && rm -rf /root/.cache\n",
        "FROM a\nRUN PIP_NO_CACHE_DIR=1 pip install b\n",
    ),
    shipped_only=True,
)


def _pip_arguments(command: Command) -> tuple[Word, ...] | None:
    """What follows `pip install`, also behind `python -m`; None for anything else."""
    words = command.args
    if re.fullmatch(r"python[\d.]*", command.name):
        if [word.value for word in words[:2]] != ["-m", "pip"]:
            return None
        words = words[2:]
    names = [word.value for word in words if not word.value.startswith("-")]
    return words if names[:1] == ["install"] else None


_PIPS = ("pip", "pip2", "pip3", "python", "python2", "python3", *(f"pip3.{minor}" for minor in range(6, 16)))


@PIP_CACHE.command(*_PIPS)
def pip_cache(command: Command, stage: Stage) -> Outcome:
    if _pip_arguments(command) is None or command.has_flag("no-cache-dir"):
        return
    setting = "PIP_NO_CACHE_DIR"
    if setting in stage.variables(command.instruction) or _cached(command.instruction, "/root/.cache", "/"):
        return
    if any(word.raw.startswith(setting) for word in command.assignments):
        return
    for one in command.script.commands:
        if setting in " ".join(word.value for word in one.words):
            return
    for later in command.script.following(command):
        if later.name == "rm" and any(".cache" in word.value for word in later.args):
            return
        if later.name.startswith("pip") and [w.value for w in later.operands()[:2]] == ["cache", "purge"]:
            return
    yield PIP_CACHE.finding(command.span)


PIP_PIN = Rule(
    code="DL3013",
    name="unpinned-pip-package",
    severity=Severity.WARNING,
    default=False,
    message="{package} is installed in whatever version the index has that day",
    page="""pip install of a package without a version.

Off by default. A requirements or constraints file can pin it as well, and is left alone; so are
paths, URLs and variables.
""",
    bad=("FROM a\nRUN pip install b\n",),
    good=(
        "FROM a\nRUN pip install b==1 'c>=2,<3' ./d e @ https://x/e.whl\n",
        "FROM a\nRUN pip install -r requirements.txt\n",
        "FROM a\nRUN pip install -c constraints.txt b\n",
        "FROM a\nRUN pip install .\n",
        "FROM a\nRUN pip install git+https://example.org/b.git@v1\n",
    ),
)

_PIP_VALUED = frozenset(
    "-r --requirement -c --constraint -i --index-url --extra-index-url -e --editable -t --target --root"
    " --prefix -f --find-links --trusted-host --python-version --platform --timeout --retries --src"
    " --cache-dir --proxy --log --progress-bar --no-binary --only-binary --build-option".split()
)


@PIP_PIN.command(*_PIPS)
def pip_versions(command: Command, stage: Stage) -> Outcome:
    words = _pip_arguments(command)
    if words is None or any(word.value in ("-r", "-c", "--requirement", "--constraint") for word in words):
        return
    if any(word.value.startswith(("-r", "-c", "--requirement=", "--constraint=")) for word in words):
        return
    skip = False
    operands = []
    for word in words:
        if skip:
            skip = False
        elif word.value in _PIP_VALUED:
            skip = True
        elif not word.value.startswith("-"):
            operands.append(word)
    values = [word.value for word in operands]
    if "@" in values:
        return
    for word in operands[1:]:
        if _unpinned(word, "=<>~!@/\\:") and not word.value.endswith((".whl", ".gz", ".zip", ".txt")):
            yield PIP_PIN.finding(word.span, package=word.value)
