"""What a RUN seems to do and does not: words of another shell, redirections, mounts, pages of errors."""

from __future__ import annotations

import functools
import itertools
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
    message="{what} is a feature of Bash, and the /bin/sh of {base} is dash: {then}",
    page="""A RUN uses what only Bash has, and dash reads it.

On Debian, Ubuntu and what is built on them /bin/sh is dash. It knows neither `source` (write `.`), nor
`[[ … ]]` (write `[ … ]`), nor pushd, popd and shopt, and up to Debian 12 and Ubuntu 24.04 it stops at
`set -o pipefail`. Put `SHELL ["/bin/bash", "-c"]` before it, or write what every shell has. Told only
where the base is known to have dash, of pipefail where its release is known, too, and nothing in the
file puts another shell in its place.
""",
    bad=(
        "FROM debian:12\nRUN set -o pipefail && make\n",
        "FROM python:3.12-slim\nRUN source venv/bin/activate && make\n",
        "FROM ubuntu:24.04\nRUN if [[ -e x ]]; then make; fi\n",
        "FROM ubuntu:24.04\nRUN set -o pipefail && make\n",
        "FROM node:22-bookworm-slim\nRUN set -euo pipefail; curl -fsS https://example.org/x | sh\n",
    ),
    good=(
        "FROM alpine:3\nRUN set -o pipefail && make\n",
        "FROM debian:13\nRUN set -o pipefail && make\n",
        "FROM python:3.13-trixie\nRUN set -o pipefail && make\n",
        "FROM python:3.12-slim\nRUN set -o pipefail && make\n",
        "FROM ubuntu:24.10\nRUN set -o pipefail && make\n",
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
        if stage.root_base.pipefail is not False or not any(
            "pipefail" in word.value for word in command.args
        ):
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
    message="{path} is only in the cache mount of line {line}, and this {keyword} does not see it",
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
    path = posixpath.join(stage.workdir(instruction) or "/", "node_modules")
    mount = next((one for one in _cache_mounts(stage).get(path, ()) if one.start < instruction.start), None)
    if mount is None or any(
        path == mine or path.startswith(f"{mine}/") for mine in _mounts(instruction, stage)
    ):
        return
    commands = stage.script(instruction).commands
    if any(_installs(command) for command in commands) or not any(
        command.name in _NODE for command in stage.script(mount).commands
    ):
        return
    for command in commands:
        if command.name in (*_NODE, "npx") and subcommand(command) not in ("cache", "config", "prune"):
            yield GONE_MOUNT.finding(command.span, path=path, line=mount.span.line, keyword="RUN")
            return


_NODE = ("npm", "yarn", "pnpm")


def _installs(command: Command) -> bool:
    return command.name in _NODE and subcommand(command) in ("", "install", "i", "ci", "add")


@GONE_MOUNT.instruction("COPY")
def copied_from_a_mount(instruction: Instruction, stage: Stage) -> Outcome:
    flag = instruction.flag("from")
    source = stage.file.stage_named(flag.value, stage.index) if flag and flag.value else None
    if source is None or len(instruction.args) < 2:
        return
    mounts = _cache_mounts(source)
    for word in instruction.args[:-1] if mounts else ():
        wanted = posixpath.normpath("/" + word.value.strip("\"'").lstrip("/"))
        for path in _with_parents(wanted):
            run = next(iter(mounts.get(path, ())), None)
            others = _all_but(source, run) if run else ""
            if run and path not in others and wanted not in others:
                yield GONE_MOUNT.finding(word.span, path=wanted, line=run.span.line, keyword="COPY")
                break


def _with_parents(path: str) -> list[str]:
    """/a/b, /a."""
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts), 1, -1)]


@functools.lru_cache(maxsize=8)
def _all_but(stage: Stage, run: Instruction) -> str:
    """What the instructions that write do, but for a RUN, without their flags."""
    return "\n".join(
        "".join((instruction.value.raw, *(doc.body.value for doc in instruction.heredocs)))
        for instruction in stage.instructions
        if instruction is not run and instruction.keyword in ("RUN", "COPY", "ADD")
    )


@functools.lru_cache(maxsize=8)
def _cache_mounts(stage: Stage) -> dict[str, list[Instruction]]:
    """The directories of the cache mounts of a stage, each with the RUNs that have it, in their order."""
    out: dict[str, list[Instruction]] = {}
    for instruction in stage.instructions:
        for path in _mounts(instruction, stage) if instruction.keyword == "RUN" and instruction.flags else ():
            out.setdefault(path, []).append(instruction)
    return out


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
    message="curl without -f accepts a server's error page, which becomes {file}; use curl -f",
    page="""curl fetches a program and takes what the server says when there is none.

Without `-f` (`--fail`) curl ends with 0 whatever the status is: a page that says 404 is saved and
made executable, and found when the container wants to start it. Told where what is fetched is made
executable, the RUN does not try it, and no checksum is compared.
""",
    bad=(
        "FROM a\nRUN curl -sSL -o /usr/local/bin/x https://example.org/x && chmod +x /usr/local/bin/x\n",
        "FROM a\nRUN curl -LO https://example.org/x && chmod 755 x\n",
        "FROM a\nRUN curl -L https://example.org/x > /bin/x && chmod a+x /bin/x && ls\n",
        "FROM a\nRUN curl -Lo /tmp/x https://example.org/x && install -m 0755 /tmp/x /usr/local/bin/x\n",
    ),
    good=(
        "FROM a\nRUN curl -fsSL -o /usr/local/bin/x https://example.org/x && chmod +x /usr/local/bin/x\n",
        "FROM a\nRUN curl -Lo /tmp/x https://example.org/x && install -m 644 /tmp/x /etc/x\n",
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
    behind = list(itertools.islice(command.script.following(command), _NEAR))
    if any(re.fullmatch(r"(?:sha\d+|md5)sum|gpgv?|cosign|minisign", one.name) for one in behind):
        return
    saved = _saved(command) if command.pipe is None else ""
    if not saved:
        return
    name = saved.rpartition("/")[2]
    if any(one.name == name or (one.args and one.args[0].value.rpartition("/")[2] == name and one.name in _SHELLS)
           for one in behind):  # fmt: skip
        return  # tried at once: a page is no program
    if any(_makes_executable(one, name) for one in behind):
        yield ERROR_PAGE.finding(command.words[0].span, file=saved)


def _makes_executable(command: Command, name: str) -> bool:
    """`chmod +x` of a file of this name, or `install`, which does so where no other mode is asked for."""
    if command.name not in ("chmod", "install") or not any(
        word.value.rpartition("/")[2] == name for word in command.args
    ):
        return False
    if command.name == "chmod":
        return any(re.search(r"x|[1357]", word.value) for word in command.args[:-1])
    modes = [
        value.value
        for flag, value in zip(command.args, command.args[1:], strict=False)
        if flag.value in ("-m", "--mode")
    ]
    modes += [found[1] for word in command.args if (found := re.match(r"(?:-m|--mode=)(\d+)", word.value))]
    return not modes or any(re.search(r"x|[1357]", mode) for mode in modes)


_NEAR = 50  # commands behind a download: who makes it executable later means something else
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
