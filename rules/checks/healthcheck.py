"""HEALTHCHECK: none at all, and one whose tool the image does not have."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from ..rule import ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage
    from ...analyzer.image import Image

NO_HEALTHCHECK = Rule(
    code="DL3057",
    name="no-healthcheck",
    severity=Severity.INFO,
    default=False,
    aliases=("CKV_DOCKER_2", "DS-0026", "CIS-DI-0006"),
    message="no HEALTHCHECK: the engine sees whether the process runs, not whether it serves",
    page="""The shipped stage starts something and has no HEALTHCHECK.

Off by default: Kubernetes has probes of its own and ignores it, and a tool that ends by itself
needs none. `HEALTHCHECK NONE` says that it is meant so.
""",
    bad=('FROM a\nCMD ["x"]\n', "FROM a AS b\nHEALTHCHECK CMD x\nFROM c\nCMD y\n"),
    good=("FROM a\nHEALTHCHECK CMD x\nCMD y\n", "FROM a AS b\nHEALTHCHECK NONE\nFROM b\nCMD x\n", "FROM a\n"),
)


@NO_HEALTHCHECK.target
def unprobed(target: Stage) -> Outcome:
    if (target.entrypoint or target.cmd) and not target.inherited("HEALTHCHECK"):
        yield NO_HEALTHCHECK.finding(target.source.word.span)


_SHELL: Final = ({"bin/sh": "sh", "usr/bin/wget": "wget"},)
_MODES: Final = {"bin/sh": 0o755, "usr/bin/wget": 0o755}


def _probed(*test: str) -> dict[str, object]:
    return {"Healthcheck": {"Test": list(test)}}


NO_PROBE = Rule(
    code="IL041",
    name="health-check-without-its-tool",
    severity=Severity.WARNING,
    message="{tool} is not in {base}{why}: the check always fails, and the container is never healthy",
    page="""A HEALTHCHECK calls a program that the image does not have.

debian, ubuntu and the slim images have neither curl nor wget, Alpine has no curl, and distroless
images have nothing at all. Told for bases that are known, where no RUN and no COPY names the program;
and of an image whose files do not have it. Left alone where the check has another way: `|| wget …`,
`|| true`, `if command -v …`, a pipe to something else than grep, or a program in `$(…)`.
Install it, or ask with what is there: `wget -q -O /dev/null http://127.0.0.1/` on Alpine, or the
program itself.
""",
    bad=(
        "FROM debian:12\nHEALTHCHECK CMD curl -f http://localhost/ || exit 1\n",
        'FROM python:3.12-slim\nHEALTHCHECK CMD ["curl", "-f", "http://127.0.0.1/"]\n',
        "FROM alpine:3\nHEALTHCHECK --interval=5s CMD curl -f http://localhost/\n",
        ImageExample(
            config=_probed("CMD-SHELL", "curl -f http://localhost/ || exit 1"), layers=_SHELL, modes=_MODES
        ),
        ImageExample(
            config=_probed("CMD-SHELL", "curl -f x >/dev/null 2>&1 && true"), layers=_SHELL, modes=_MODES
        ),
        'FROM alpine:3\nHEALTHCHECK CMD timeout 5 curl -f "http://localhost/?a=1&b=2" | grep -q up || exit 1\n',
        'FROM alpine:3\nHEALTHCHECK CMD ["sh", "-c", "test -f /up && curl -f http://localhost/ || exit 1"]\n',
        'FROM alpine:3\nHEALTHCHECK CMD ["curl", "-f", "http://localhost/?a=1&b=2"]\n',
        ImageExample(config=_probed("CMD", "curl", "http://x/?a=1&b=2"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD-SHELL", "curl -f http://$(hostname)/"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD", "/srv/probe"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD-SHELL", "true")),  # nor is the shell that it takes
    ),
    good=(
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM alpine:3\nHEALTHCHECK CMD wget -q -O /dev/null http://localhost/\n",
        "FROM python:3.12\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM a\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nCOPY --from=b /usr/bin/curl /usr/bin/\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nRUN ./setup\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM debian:12\nHEALTHCHECK NONE\n",
        'FROM gcr.io/distroless/base-debian12:debug\nHEALTHCHECK CMD ["/busybox/wget", "-qO-", "http://127.0.0.1/"]\n',
        ImageExample(config=_probed("CMD-SHELL", "wget -q x || exit 1"), layers=_SHELL, modes=_MODES),
        "FROM alpine:3\nHEALTHCHECK CMD wget -q -O - http://localhost/ || curl -f http://localhost/ || exit 1\n",
        "FROM alpine:3\nHEALTHCHECK CMD if command -v curl >/dev/null; then curl -f x; else wget -q x; fi\n",
        "FROM alpine:3\nHEALTHCHECK CMD curl -f http://localhost/ || true\n",
        "FROM alpine:3\nHEALTHCHECK CMD curl -f http://localhost/ || exit 0\n",
        'FROM alpine:3\nHEALTHCHECK CMD ["sh", "-c", "curl -f http://localhost/ || exit 0"]\n',
        "FROM alpine:3\nHEALTHCHECK CMD curl -s http://localhost/ | tee /log\n",
        "FROM alpine:3\nHEALTHCHECK CMD ! curl -s http://localhost/stopped\n",
        "FROM alpine:3\nHEALTHCHECK CMD curl -f http://localhost/ &>/dev/null || exit 1\n",
        'FROM alpine:3\nHEALTHCHECK CMD test -z "$(curl -s http://localhost/faults)"\n',
        "FROM alpine:3\nHEALTHCHECK CMD wget -q -O - --header 'User-Agent: curl ' http://localhost/ || exit 1\n",
        'FROM alpine:3\nHEALTHCHECK CMD ["pgrep", "-f", "/srv/curl loop"]\n',
        ImageExample(config=_probed("CMD-SHELL", "curl x || wget x"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD-SHELL", "curl x || exit 0"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD-SHELL", "curl x | tee /log"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD-SHELL", "test -z $(curl x)"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("CMD", "/bin/sh"), layers=_SHELL, modes=_MODES),
        ImageExample(config=_probed("NONE"), layers=_SHELL, modes=_MODES),
    ),
)


@NO_PROBE.instruction("HEALTHCHECK")
def probe_missing(instruction: Instruction, stage: Stage) -> Outcome:
    reference = stage.lineage[-1].reference
    if reference is None or stage.windows or instruction.value.value.upper().startswith("NONE"):
        return
    lacking = _lacking(reference.familiar.lower(), (reference.tag or "").lower())
    script = stage.script(instruction)
    by_shell = script.text is not None or any(command.starts_script for command in script.commands)
    text = (
        script.text.value
        if script.text is not None
        else " ".join(word.value for word in instruction.json or ())
    )
    if by_shell and _another_way(text):
        return
    for command in script.commands:
        tool, word = command.name, command.words[0]
        if tool in lacking and not command.substituted and tool in word.raw and not _may_have(tool, stage):
            at = word.raw.rindex(tool)
            base = stage.lineage[-1].base.raw
            yield NO_PROBE.finding(
                word.part(at, at + len(tool)).span, tool=tool, base=base, why=", and nothing here installs it"
            )
            return


@NO_PROBE.image
def probe_not_in_the_image(image: Image) -> Outcome:
    config = image.raw.get("config") or {}
    if not config.get("Healthcheck"):
        return
    from ...runner.healthcheck import configured, programs, search_path

    check = configured(config)
    if check is None or image.platform.startswith("windows"):
        return
    text = " ".join(check.test[1:]) if check.by_shell else ""
    if _another_way(text):
        return
    for name in programs(check)[:2]:
        if name in text and re.search(r"`|\$\(", text.partition(name)[0]):
            return  # what becomes of the value that it does not give is not known
        if not _is_in(image, name, search_path(config)):
            place = Place("image", subject="HEALTHCHECK")
            yield NO_PROBE.finding(
                place, tool=name, base="the image", why="", proof={"test": list(check.test)}
            )
            return


# What may make up for a program that is missing; `|| exit 1` and the like do not, nor does `| grep x`,
# which finds nothing in nothing. To dash, `&>` puts the program into the background.
_ANOTHER_WAY = re.compile(
    r"\|\|(?!\s*(?:exit(?:\s+[1-9]\d?)?|false)\s*(?:$|[)}|&'\"]))"
    r"|(?<!\|)\|(?!\||\s*[ef]?grep\s(?!.*-\w*L))"
    r"|\b(?:if|case|which)\b|\bcommand\s+-v\b|(?:^|\s)!\s|[;\n]|(?<![&>])&(?!&)"
)
_QUOTED_URL = re.compile(r"""(["'])https?://[^\s"'`$;|]*\1""")


def _another_way(text: str) -> bool:
    """Whether a check that a shell reads may succeed though a program of it is missing."""
    return _ANOTHER_WAY.search(_QUOTED_URL.sub("", text)) is not None


def _is_in(image: Image, name: str, search: str) -> bool:
    if "/" in name:
        # A relative path depends on WORKDIR, and on who changes it.
        return not name.startswith("/") or image.resolve(name.lstrip("/")) is not None
    places = (directory.strip("/") for directory in search.split(":"))
    return any(image.resolve(f"{place}/{name}".lstrip("/")) is not None for place in places)


def _lacking(name: str, tag: str) -> tuple[str, ...]:
    """Which of the usual tools an image does not have."""
    if name in ("debian", "ubuntu"):
        return ("curl", "wget")
    if name.startswith("gcr.io/distroless/"):
        return ("curl",) if "debug" in tag else ("curl", "wget", "nc")  # BusyBox comes with the debug images
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


@functools.lru_cache(maxsize=8)
def _may_have(tool: str, stage: Stage) -> bool:
    """Whether anything in the file names the tool, or runs what could bring it."""
    for below in stage.lineage:
        for instruction in below.instructions:
            if (
                instruction.keyword in ("COPY", "ADD", "ENV", "ARG", "ONBUILD")
                and tool in instruction.line.value
            ):
                return True
            if instruction.keyword in ("COPY", "ADD") and [word.value for word in instruction.args] == [
                "/",
                "/",
            ]:
                return True
            if instruction.keyword == "RUN":
                if tool in instruction.written or not below.understands(instruction):
                    return True
                for command in below.script(instruction).commands:
                    program = command.words[0].value
                    if "/" in program or program in ("sh", "bash", "make", "xargs") or "$" in program:
                        return True
                    if program in ("apt-get", "apt", "apk") and any(
                        "$" in word.value for word in command.args
                    ):
                        return True
    return False
