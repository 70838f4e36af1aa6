"""What a RUN seems to do and does not: words of another shell, redirections, mounts, pages of errors."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from ..installing import subcommand
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...analyzer.dockerfile import Command, Instruction, Stage

OTHER_SHELL = Rule(
    code="IL035",
    name="bash-in-dash",
    severity=Severity.ERROR,
    message="{what} is Bash's, and the /bin/sh of {base} is dash: {then}",
    page="""A RUN uses what only Bash has, and dash reads it.

On Debian, Ubuntu and what is built on them /bin/sh is dash. It stops at `set -o pipefail`, and knows
neither `source` (write `.`), nor `[[ … ]]` (write `[ … ]`), nor pushd, popd and shopt. Put `SHELL
["/bin/bash", "-c"]` before it, or write what every shell has. Told only where the base is known to
have dash, and nothing in the file puts another shell in its place.
""",
    bad=(
        "FROM debian:12\nRUN set -o pipefail && make\n",
        "FROM python:3.12-slim\nRUN source venv/bin/activate && make\n",
        "FROM ubuntu:24.04\nRUN if [[ -e x ]]; then make; fi\n",
        "FROM node:22\nRUN set -euo pipefail; curl -fsS https://example.org/x | sh\n",
    ),
    good=(
        "FROM alpine:3\nRUN set -o pipefail && make\n",
        "FROM fedora:41\nRUN source x && make\n",
        'FROM debian:12\nSHELL ["/bin/bash", "-c"]\nRUN source x && set -o pipefail\n',
        "FROM debian:12\nRUN bash -c 'source x && make'\nRUN . x && make\n",
        "FROM debian:12\nRUN <<EOF\n#!/bin/bash\nset -o pipefail\nEOF\n",
        "FROM debian:12\nRUN bash <<EOF\nset -o pipefail\nEOF\n",
        "FROM debian:12\nRUN ln -sf bash /bin/sh\nRUN source x\n",
        "FROM a\nRUN source x\n",
    ),
    once_per_instruction=True,
)


@OTHER_SHELL.command("set", "source", "[[", "pushd", "popd", "shopt")
def for_another_shell(command: Command, stage: Stage) -> Outcome:
    script = command.script
    if script.shell not in ("sh", "dash") or stage.root_base.shell != "dash":
        return
    if any(
        one.name in ("bash", "zsh", "ksh") and (one.starts_script or not one.operands())
        for one in script.commands
    ):
        return  # a script for one of those
    if any(stage.names_setting(one) for one in ("/bin/sh", "reconfigure dash", "dash/sh boolean")):
        return
    what = command.name
    then = f"{what} is not found there"
    if command.name == "set":
        if not any("pipefail" in word.value for word in command.args):
            return
        what, then = (
            "set -o pipefail",
            'the build stops here; use SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
        )
    elif command.name == "source":
        then = "it is not found there; write . instead"
    yield OTHER_SHELL.finding(command.words[0].span, what=what, base=stage.lineage[-1].base.raw, then=then)


REDIRECTED = Rule(
    code="IL036",
    name="version-taken-for-redirection",
    severity=Severity.ERROR,
    message="the shell takes {operator} for a redirection: {effect}; put the requirement into quotes",
    page="""A version is compared in a shell without quotes.

`pip install foo>=2.0` installs any foo, and writes what pip says into a file named `=2.0`. Write
`pip install "foo>=2.0"`.
""",
    bad=(
        "FROM a\nRUN pip install b c>=2.0\n",
        "FROM a\nRUN python3 -m pip install b>=1,!=2\n",
        "FROM a\nRUN pip install b<3\n",
    ),
    good=(
        "FROM a\nRUN pip install 'b>=2.0' \"c<3\" d==1 > log 2>&1\n",
        "FROM a\nRUN pip install -r - < requirements.txt && pip freeze > 2024.txt\n",
    ),
)


@REDIRECTED.command(
    "pip", "pip2", "pip3", "python", "python3", "uv", "pipx", "conda", "mamba", "apk", "gem", "npm", "poetry"
)
def redirected_version(command: Command, stage: Stage) -> Outcome:
    values = {word.value for word in command.args[:4]}
    if not values & {"install", "add", "i", "create"}:
        return
    for redirect in command.redirects:
        target = redirect.target.value
        if redirect.operator == ">" and re.match(r"=\d", target):
            effect = f"what {command.name} says goes into a file named {target}, and no version is asked for"
        elif redirect.operator == "<" and re.match(r"=?\d+(?:\.\d+)*(?:,|$)", target):
            effect = f"the build looks for a file named {target}"
        else:
            continue
        yield REDIRECTED.finding(redirect.target.span, operator=redirect.operator, effect=effect)
        return


GONE_MOUNT = Rule(
    code="IL037",
    name="made-in-a-cache-mount",
    severity=Severity.ERROR,
    message="{path} is in the cache mount of line {line} alone, and this {keyword} does not see it",
    page="""A RUN puts what is needed later into a cache mount.

A mount belongs to one RUN: what is written below it is in no layer. `RUN
--mount=type=cache,target=node_modules npm ci` leaves no node_modules for the next RUN, and a program
that was built into a mounted `target` is not there for `COPY --from`. Mount the package manager's own
cache (`/root/.npm`), mount it again, or copy what is needed to another place in the same RUN. Told
for COPY --from of what is below such a mount, and for node_modules that the next RUN works with.
""",
    bad=(
        "FROM a\nWORKDIR /srv\nRUN --mount=type=cache,target=node_modules npm ci\nRUN npm run build\n",
        "FROM a AS b\nWORKDIR /w\nRUN --mount=type=cache,target=/w/target cargo build --release\n"
        "FROM c\nCOPY --from=b /w/target/release/x /x\n",
    ),
    good=(
        "FROM a\nRUN --mount=type=cache,target=/root/.npm npm ci\nRUN npm run build\n",
        "FROM a\nWORKDIR /srv\nRUN --mount=type=cache,target=node_modules npm ci && npm run build\n",
        "FROM a\nWORKDIR /s\nRUN --mount=type=cache,target=/s/node_modules npm ci\n"
        "RUN --mount=type=cache,target=/s/node_modules npm run build\n",
        "FROM a AS b\nWORKDIR /w\nRUN --mount=type=cache,target=target cargo build && cp target/release/x /w/x\n"
        "FROM c\nCOPY --from=b /w/x /x\n",
        "FROM a AS b\nRUN --mount=type=cache,target=/w/t make\nRUN make DESTDIR=/w/t\nFROM c\nCOPY --from=b /w/t /x\n",
    ),
)


@GONE_MOUNT.instruction("RUN")
def without_the_mount(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction not in stage.instructions:
        return
    before = stage.instructions[: stage.instructions.index(instruction)]
    mounts = [(one, path) for one in before if one.keyword == "RUN" for path in _mounts(one, stage)]
    here = list(_mounts(instruction, stage))
    for one, path in mounts:
        if not path.endswith("/node_modules") or any(
            path == mine or path.startswith(f"{mine}/") for mine in here
        ):
            continue
        if posixpath.dirname(path) != (stage.workdir(instruction) or ""):
            continue
        runs = {command.name for command in stage.script(one).commands}
        commands = stage.script(instruction).commands
        if not runs & {"npm", "yarn", "pnpm"} or any(_installs(command) for command in commands):
            continue
        for command in commands:
            if command.name in ("npm", "yarn", "pnpm", "npx") and subcommand(command) not in (
                "cache",
                "config",
                "prune",
            ):
                yield GONE_MOUNT.finding(command.span, path=path, line=one.span.line, keyword="RUN")
                return


def _installs(command: Command) -> bool:
    return command.name in ("npm", "yarn", "pnpm") and subcommand(command) in (
        "",
        "install",
        "i",
        "ci",
        "add",
    )


@GONE_MOUNT.instruction("COPY")
def copied_from_a_mount(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    source = stage.file.stage_named(flag.value, stage.index) if flag and flag.value else None
    if source is None or len(instruction.args) < 2:
        return
    runs = [one for one in source.instructions if one.keyword == "RUN"]
    mounts = [(one, path) for one in runs for path in _mounts(one, source)]
    for word in instruction.args[:-1] if mounts else ():
        wanted = posixpath.normpath("/" + word.value.strip("\"'").lstrip("/"))
        for one, path in mounts:
            inside = wanted == path or wanted.startswith(f"{path}/")
            others = [
                "".join([run.value.raw, *(doc.body.value for doc in run.heredocs)])
                for run in source.instructions
                if run is not one and run.keyword in ("RUN", "COPY", "ADD")
            ]
            if inside and not any(path in text or wanted in text for text in others):
                yield GONE_MOUNT.finding(word.span, path=wanted, line=one.span.line, keyword="COPY")
                break


def _mounts(run: Instruction, stage: Stage) -> Iterator[str]:
    """The directories of its cache mounts, as absolute paths."""
    for flag in run.flags:
        value = flag.value or ""
        found = re.search(r"(?:target|dst|destination)=([^,]+)", value)
        if flag.name == "mount" and "type=cache" in value and found and "$" not in value:
            yield posixpath.normpath(posixpath.join(stage.workdir(run) or "/", found[1]))


ERROR_PAGE = Rule(
    code="IL038",
    name="error-page-taken-for-file",
    severity=Severity.WARNING,
    message="curl without -f succeeds on an error of the server, and its page becomes {file}: use curl -f",
    page="""curl fetches a program and takes what the server says when there is none.

Without `-f` (`--fail`) curl ends with 0 whatever the status is: a page that says 404 is saved and
made executable, and found when the container wants to start it. Told where what is fetched is made
executable, the RUN does not try it, and no checksum is compared.
""",
    bad=(
        "FROM a\nRUN curl -sSL -o /usr/local/bin/x https://example.org/x && chmod +x /usr/local/bin/x\n",
        "FROM a\nRUN curl -LO https://example.org/x && chmod 755 x\n",
        "FROM a\nRUN curl -L https://example.org/x > /bin/x && chmod a+x /bin/x && ls\n",
    ),
    good=(
        "FROM a\nRUN curl -fsSL -o /usr/local/bin/x https://example.org/x && chmod +x /usr/local/bin/x\n",
        "FROM a\nRUN curl -sSLo x.tgz https://example.org/x.tgz && tar xf x.tgz\n",
        "FROM a\nRUN curl -Lo x https://example.org/x && echo '0  x' | sha256sum -c && chmod +x x\n",
        "FROM a\nRUN curl --fail-with-body -Lo x https://example.org/x && chmod +x x\n",
        "FROM a\nRUN curl -Lo /bin/x https://example.org/x && chmod +x /bin/x && x --version\n",
    ),
    once_per_instruction=True,
)


@ERROR_PAGE.command("curl")
def unchecked_download(command: Command, stage: Stage) -> Outcome:
    if command.has_flag("f", "fail", "fail-with-body", "fail-early") or not command.args:
        return
    behind = list(command.script.following(command))
    if any(re.fullmatch(r"(?:sha\d+|md5)sum|gpgv?|cosign|minisign", one.name) for one in behind):
        return
    saved = _saved(command) if command.pipe is None else ""
    if not saved:
        return
    name = saved.rpartition("/")[2]
    if any(one.name == name or (one.args and one.args[0].value.rpartition("/")[2] == name and one.name in _SHELLS)
           for one in behind):  # fmt: skip
        return  # tried at once: a page is no program
    for one in behind:
        words = [word.value.rpartition("/")[2] for word in one.words]
        if (
            one.name == "chmod"
            and name in words
            and any(re.search(r"x|[1357]", w.value) for w in one.args[:-1])
        ):
            yield ERROR_PAGE.finding(command.words[0].span, file=saved)
            return


_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "php", "node", "ruby"})


def _saved(command: Command) -> str:
    """The file that curl writes; "" where there is none, or it can't be told."""
    values = [word.value for word in command.args]
    for at, value in enumerate(values):
        if re.fullmatch(r"-[a-zA-Z]*o|--output", value) and at + 1 < len(values):
            return values[at + 1]
        if value.startswith("--output="):
            return value.partition("=")[2]
    for redirect in command.redirects:
        if redirect.operator in (">", ">>") and not redirect.target.value.startswith("/dev/"):
            return redirect.target.value
    if command.has_flag("O", "remote-name"):
        url = next((value for value in values if "://" in value), "")
        return url.partition("?")[0].rpartition("/")[2]
    return ""


REMOTE = Rule(
    code="IL039",
    name="remote-file-unverified",
    severity=Severity.INFO,
    message="{url} is added as it is that day: {advice}",
    page="""ADD fetches a file from the network and compares nothing.

Whoever controls the server decides what is in the image, and over plain http so does everyone on the
way. `ADD --checksum=sha256:… https://…` stops the build when the file is another one. Git
repositories are left alone: a tag or a commit behind `#` names their state; and so is the state of a
branch by GitHub's API, which is added to start the cache anew.
""",
    bad=("FROM a\nADD http://example.org/x.tar /x/\n", "FROM a\nADD https://example.org/x.sh /x.sh\n"),
    good=(
        "FROM a\nADD --checksum=sha256:0000 https://example.org/x.tar /x/\n",
        "FROM a\nADD https://github.com/a/b.git#v1 /x\nADD x.tar /y/\n",
    ),
    security=True,
)


@REMOTE.instruction("ADD")
def unverified(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.flag("checksum"):
        return
    for word in instruction.args[:-1]:
        url = word.value.strip("\"'")
        if not re.match(r"https?://", url) or re.search(
            r"\.git(?:#|$)|//api\.github\.com/repos/.*/git/", url
        ):
            continue
        plain = url.startswith("http://")
        advice = "name its --checksum"
        if plain:
            advice = "nothing protects it on its way; use https, and name its --checksum"
        severity = Severity.WARNING if plain else None
        shown = url if len(url) <= 60 else url[:59] + "…"
        yield REMOTE.finding(word.span, url=shown, advice=advice, severity=severity)


NO_LISTS = Rule(
    code="IL040",
    name="apt-without-lists",
    severity=Severity.WARNING,
    message="no apt-get update stands before this in the RUN, and {base} comes without package lists: {effect}",
    page="""apt installs or upgrades packages, and nothing has fetched the lists.

The images of Debian and Ubuntu, and the official ones built on them, hold no package lists. Without
`apt-get update` install finds no package, and upgrade finds nothing to do, and says that all is well.
""",
    bad=("FROM debian:12\nRUN apt-get install -y b\n", "FROM ubuntu:24.04\nRUN apt-get upgrade -y\n"),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get upgrade -y && apt-get install -y b\n",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y b\n",
        "FROM debian:12\nRUN curl -fsS https://example.org/setup | bash -\nRUN apt-get install -y b\n",
        "FROM debian:12\nCOPY b.deb /\nRUN apt-get install -y ./b.deb /c.deb\n",
        "FROM a\nRUN apt-get install -y b\n",
        "FROM debian:12\nRUN ./prepare && apt-get install -y b\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt apt-get install -y b\n",
    ),
    once_per_instruction=True,
)


@NO_LISTS.command("apt-get", "apt")
def without_lists(command: Command, stage: Stage) -> Outcome:
    wanted = subcommand(command, "-o", "-c", "-t")
    upgrades = wanted in ("upgrade", "dist-upgrade", "full-upgrade")
    facts, base = stage.root_base, stage.lineage[-1]
    if not (upgrades or wanted == "install") or facts.distribution != "debian" or not facts.known:
        return
    packages = [word.value for word in command.operands("-o", "-c", "-t")[1:]]
    if not upgrades and (not packages or any("/" in one or "$" in one for one in packages)):
        return
    if any("apt" in (flag.value or "") for flag in command.instruction.flags):
        return
    if _may_have_lists(command, stage):
        return
    effect = "nothing is upgraded" if upgrades else "it finds no package"
    yield NO_LISTS.finding(command.span, base=base.base.raw, effect=effect)


_HARMLESS = frozenset(
    "apt-get apt set echo rm mkdir cp mv ln sed export cd useradd groupadd adduser addgroup usermod chown chmod true : touch"
    " test [ printf dpkg pip pip3 npm yarn tar unzip curl wget cat ls tee grep".split()
)


def _may_have_lists(command: Command, stage: Stage) -> bool:
    """Whether an update, or a program that can do anything, runs before a command."""
    for below in stage.lineage:
        for run in below.runs():
            if below is stage and run.start > command.instruction.start:
                break
            if not below.understands(run):
                return True
            for one in below.script(run).commands:
                if one is command:
                    break
                if one.name not in _HARMLESS or subcommand(one, "-o", "-c", "-t") == "update":
                    return True
    return any(below.all("ONBUILD") for below in stage.lineage)


NO_PROBE = Rule(
    code="IL041",
    name="health-check-without-its-tool",
    severity=Severity.WARNING,
    message="{tool} is not in {base}, and nothing here installs it: the check fails each time, and the container is"
    " never healthy",
    page="""A HEALTHCHECK calls a program that the image does not have.

debian, ubuntu and the slim images have neither curl nor wget, Alpine has no curl, and distroless
images have nothing at all. Told for bases that are known, where no RUN and no COPY names the program.
Install it, or ask with what is there: `wget -q -O /dev/null http://127.0.0.1/` on Alpine, or the
program itself.
""",
    bad=(
        "FROM debian:12\nHEALTHCHECK CMD curl -f http://localhost/ || exit 1\n",
        'FROM python:3.12-slim\nHEALTHCHECK CMD ["curl", "-f", "http://127.0.0.1/"]\n',
        "FROM alpine:3\nHEALTHCHECK --interval=5s CMD curl -f http://localhost/\n",
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM alpine:3\nHEALTHCHECK CMD wget -q -O /dev/null http://localhost/\n",
        "FROM python:3.12\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM a\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nCOPY --from=b /usr/bin/curl /usr/bin/\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nRUN ./setup\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nHEALTHCHECK NONE\n",
    ),
)


@NO_PROBE.instruction("HEALTHCHECK")
def probe_missing(instruction: Instruction, stage: Stage) -> Outcome:
    reference = stage.lineage[-1].reference
    if reference is None or stage.windows or instruction.value.value.upper().startswith("NONE"):
        return
    lacking = _lacking(reference.familiar.lower(), (reference.tag or "").lower())
    text = instruction.value.raw
    tools = [tool for tool in lacking if re.search(rf"(?:^|[\s\"'/;|&(]){tool}(?=[\s\"'])", text)]
    for tool in tools:
        if not _may_have(tool, stage):
            at = text.index(tool)
            span = instruction.value.part(at, at + len(tool)).span
            yield NO_PROBE.finding(span, tool=tool, base=stage.lineage[-1].base.raw)
            return


def _lacking(name: str, tag: str) -> tuple[str, ...]:
    """Which of the usual tools an image does not have."""
    if name in ("debian", "ubuntu"):
        return ("curl", "wget")
    if name.startswith("gcr.io/distroless/"):
        return ("curl", "wget", "nc")
    if name == "alpine" or (name in ("python", "node", "ruby", "golang", "rust") and "alpine" in tag):
        return ("curl",)
    if name in ("python", "node", "ruby", "rust", "perl") and "slim" in tag:
        return ("curl", "wget")
    if (
        name in ("mcr.microsoft.com/dotnet/aspnet", "mcr.microsoft.com/dotnet/runtime")
        and "alpine" not in tag
    ):
        return ("curl", "wget")
    return ()


def _may_have(tool: str, stage: Stage) -> bool:
    """Whether anything in the file names the tool, or runs what could bring it."""
    for below in stage.lineage:
        for one in below.instructions:
            if one.keyword in ("COPY", "ADD", "ENV", "ARG", "ONBUILD") and tool in one.line.value:
                return True
            if one.keyword in ("COPY", "ADD") and [word.value for word in one.args] == ["/", "/"]:
                return True
            if one.keyword == "RUN":
                text = one.line.value + "".join(doc.body.value for doc in one.heredocs)
                if tool in text or not below.understands(one):
                    return True
                for command in below.script(one).commands:
                    program = command.words[0].value
                    if "/" in program or program in ("sh", "bash", "make", "xargs") or "$" in program:
                        return True
                    if program in ("apt-get", "apt", "apk") and any(
                        "$" in word.value for word in command.args
                    ):
                        return True
    return False
