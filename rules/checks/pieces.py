"""Antipattern 2: an application shipped in two pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from ..main_command import Main, main_of_image, main_of_stage, script_of_stage, unread
from ..rule import ContainerExample, ContextExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

FETCHED = Rule(
    code="AV0201",
    name="code-fetched-at-start",
    severity=Severity.WARNING,
    antipattern=2,
    message="{program} fetches code when the container starts, so nobody built or tested it; fetch it in a RUN",
    page="""CMD or ENTRYPOINT downloads or installs a part of the application.

Two containers of one image can then run different code, a start needs the network and takes
long, and nothing that was tested or scanned says what runs. Do it in a RUN.
""",
    bad=(
        "FROM a\nCMD git clone https://example.org/app.git && ./app/run\n",
        "FROM a\nCMD npm install && npm start\n",
        'FROM a\nENTRYPOINT ["sh", "-c", "pip install -r requirements.txt && python app.py"]\n',
        ContextExample(
            'FROM a\nCOPY start.sh /\nCMD ["/start.sh"]\n', {"start.sh": "#!/bin/sh\ngit pull\nexec ./run\n"}
        ),
        ImageExample(config={"Cmd": ["/bin/sh", "-c", "npm install && npm start"]}),
    ),
    good=(
        'FROM a\nRUN npm install\nCMD ["npm", "start"]\n',
        "FROM a\nHEALTHCHECK CMD curl -f http://localhost/\nCMD ./run\n",
        'FROM a\nENTRYPOINT ["git"]\nCMD ["pull"]\n',
        "FROM a\nCMD npm install && npm start\nFROM b\nCMD ./run\n",
        ImageExample(config={"Cmd": ["npm", "start"]}),
    ),
)

_INSTALLERS = {
    "git": ("clone", "pull"),
    "npm": ("install", "i", "ci"),
    "yarn": ("install", "add"),
    "pnpm": ("install", "i", "add"),
    "pip": ("install",),
    "pip3": ("install",),
    "composer": ("install", "update", "require"),
    "bundle": ("install", "update"),
    "gem": ("install",),
    "apt-get": ("install",),
    "apk": ("add",),
    "go": ("get", "install", "run"),
    "svn": ("checkout", "co", "update"),
    "mvn": (),
    "aws": ("s3",),
    "gsutil": ("cp", "rsync"),
}


@FETCHED.target
def fetched_by_text(stage: Stage) -> Outcome:
    main = main_of_stage(stage)
    found = _fetching(main)
    for command in found:
        yield FETCHED.finding(command.span, program=_shown(command))
    if found:
        return
    script = script_of_stage(stage)
    if script is not None:
        from ...analyzer.dockerfile.shell import read_text

        inner = Main(main.argv, tuple(read_text(script[1])))
        copy = script[0]
        where = copy.heredocs[0].marker.word if copy.heredocs else copy.args[0]
        for command in _fetching(inner)[:1]:
            yield FETCHED.finding(where.span, program=f"{_shown(command)} in {main.argv[0]}")
    elif reason := unread(stage):
        yield FETCHED.skip("dockerfile", reason)


@FETCHED.image
def fetched_by_image(image: Image) -> Outcome:
    main = main_of_image(image)
    for command in _fetching(main):
        proof = {"argv": list(main.argv)}
        yield FETCHED.finding(Place("image"), program=_shown(command), proof=proof)


def _shown(command: Command) -> str:
    return " ".join(word.value for word in command.words[:2])


def _fetching(main: Main) -> list[Command]:
    """Commands that install, where something else is started behind them (a tool image only runs one)."""
    out = []
    for command in main.commands:
        subcommands = _INSTALLERS.get(command.name)
        if subcommands is None or command is main.commands[-1]:
            continue
        operands = command.operands()
        if not subcommands or (operands and operands[0].value in subcommands):
            out.append(command)
    return out


IDLE = Rule(
    code="AV0202",
    name="idle-main-process",
    severity=Severity.WARNING,
    antipattern=2,
    message="the container starts {program}, which does nothing by itself; start the application with CMD",
    page="""The main process only waits.

`sleep infinity` or `tail -f /dev/null` keeps a container open so that something can be copied
or executed into it. The image is then half of the application, and the state of the container
can't be built again. Start the application itself. An image that brings programs of its own, to be
called by `docker exec`, is a note.
""",
    bad=(
        'FROM a\nCMD ["sleep", "infinity"]\n',
        "FROM a\nENTRYPOINT tail -f /dev/null\n",
        "FROM a\nCOPY tools /usr/local/bin/\nCMD sleep infinity\n",
        ImageExample(config={"Cmd": ["tail", "-f", "/dev/null"]}),
    ),
    good=(
        'FROM a\nCMD ["tail", "-f", "/var/log/app.log"]\n',
        "FROM a\nCMD sleep 5 && ./run\n",
        ImageExample(config={"Cmd": ["sleep", "5"]}),
    ),
)


@IDLE.target
def idle_by_text(stage: Stage) -> Outcome:
    for command in main_of_stage(stage).commands:
        if _idles(command):
            brought = any(
                instruction.keyword in ("COPY", "ADD")
                for below in stage.lineage
                for instruction in below.instructions
            )
            yield IDLE.finding(
                command.span,
                program=" ".join(word.value for word in command.words),
                severity=Severity.INFO if brought else None,
            )


@IDLE.image
def idle_by_image(image: Image) -> Outcome:
    main = main_of_image(image)
    for command in main.commands:
        if _idles(command):
            program = " ".join(word.value for word in command.words)
            yield IDLE.finding(Place("image"), program=program, proof={"argv": list(main.argv)})


def _idles(command: Command) -> bool:
    words = [word.value for word in command.args]
    if command.name == "sleep":
        return words[:1] in (["infinity"], ["inf"])
    return command.name == "tail" and words[-1:] == ["/dev/null"]


MISSING = Rule(
    code="AV0203",
    name="program-not-in-image",
    severity=Severity.ERROR,
    antipattern=2,
    message="{program} is started, but the image does not hold it{where}",
    page="""The program that the configuration starts is not in the image.

Either it is expected from a mount, so that the image is only half of the application, or the
path is wrong and the container can't start. Looked up in the merged file tree as the engine
would: an absolute path through its links, a bare name along PATH.
""",
    bad=(
        ImageExample(config={"Entrypoint": ["/srv/missing"]}),
        ImageExample(config={"Cmd": ["serve"], "Env": ["PATH=/usr/bin:/srv/bin"]}),
    ),
    good=(
        ImageExample(config={"Entrypoint": ["/srv/app"]}),
        ImageExample(config={"Cmd": ["app"], "Env": ["PATH=/bin:/srv"]}),
        ImageExample(config={}),
    ),
)


@MISSING.image
def program_present(image: Image) -> Outcome:
    argv = (*image.config.entrypoint, *image.config.cmd)
    if not argv:
        return
    program = argv[0]
    if not program or ("/" in program[1:] and not program.startswith("/")):
        yield MISSING.skip("image", f"{program!r} is relative to the working directory")
        return
    if program.startswith("/"):
        if image.resolve(program) is None:
            yield MISSING.finding(Place("image", path=program), program=program, where="")
        return
    path = image.config.search_path
    if all(image.resolve(f"{directory}/{program}") is None for directory in path.split(":") if directory):
        yield MISSING.finding(
            Place("image"), program=program, where=f" in PATH ({path})", proof={"PATH": path}
        )


NEW_CODE = Rule(
    code="AV0204",
    name="code-appears-after-start",
    severity=Severity.WARNING,
    antipattern=2,
    message="{paths} appeared after the start, so the image does not hold this code; add it with COPY or RUN",
    page="""Programs or source code were written into the running container.

What runs is then more than what was built, tested and scanned. Bytecode caches of code that
the image holds are left alone.
""",
    bad=(ContainerExample({"writes": [{"path": "/srv/plugin.py", "kind": "added", "bytes": 10}]}),),
    good=(ContainerExample({"writes": [{"path": "/srv/__pycache__/a.pyc", "kind": "added", "bytes": 10}]}),),
)

_CODE = r"\.(?:py|js|mjs|rb|php|pl|sh|so(?:\.\d+)*|jar|war|class|dll|wasm)$|/node_modules/|/s?bin/[^/]+$"


@NEW_CODE.container
def code_after_start(observation: Observation) -> Outcome:
    new = [
        write.path
        for write in observation.writes
        if write.kind == "added" and write.bytes and re.search(_CODE, write.path)
    ]
    if not observation.started:
        yield NEW_CODE.skip("container", observation.error or "the container did not start")
    elif new:
        shown = ", ".join(new[:3]) + (f" and {len(new) - 3} more" if new[3:] else "")
        place = Place("container", subject="writable layer")
        yield NEW_CODE.finding(place, paths=shown, proof={"paths": new[:50]})


NO_CODE = Rule(
    code="AV0205",
    name="no-application-code",
    severity=Severity.WARNING,
    antipattern=2,
    message="{image} is only a runtime, and nothing adds a program to it; use COPY to add the application",
    page="""The image starts a program of its own that nothing brings in.

The base is the runtime of a language, CMD or ENTRYPOINT names a file for it, and no COPY, ADD or
RUN puts any file there. The image then works only with the source mounted over it, and what runs
depends on the machine it runs on.
""",
    bad=(
        'FROM node:20\nWORKDIR /srv\nCMD ["node", "server.js"]\n',
        'FROM python:3.12\nENV A=b\nENTRYPOINT ["python", "app.py"]\n',
    ),
    good=(
        'FROM node:20\nCOPY . /srv\nCMD ["node", "server.js"]\n',
        'FROM python:3.12\nCMD ["python"]\n',
        'FROM python:3.12\nRUN pip install app\nCMD ["python", "-m", "app"]\n',
        'FROM node:20 AS b\nCOPY . /x\nFROM b\nCMD ["node", "/x/a.js"]\n',
        'FROM example.org/our-node:1\nCMD ["node", "server.js"]\n',
        "FROM node:20\nRUN git clone https://example.org/x /x\nCMD node /x/a.js\n",
    ),
)
_RUNTIMES = {
    "node": ("node", "nodejs"), "python": ("python", "python3"), "php": ("php",), "ruby": ("ruby",),
    "perl": ("perl",), "openjdk": ("java",), "eclipse-temurin": ("java",), "amazoncorretto": ("java",),
    "deno": ("deno",), "bun": ("bun",), "elixir": ("elixir",), "julia": ("julia",), "pypy": ("pypy",),
}  # fmt: skip


@NO_CODE.target
def runtime_alone(stage: Stage) -> Outcome:
    reference = stage.lineage[-1].reference
    if reference is None or reference.familiar not in _RUNTIMES:
        return
    if any(one.all("COPY", "ADD", "RUN", "VOLUME", "ONBUILD") for one in stage.lineage):
        return
    for command in main_of_stage(stage).commands:
        program = re.sub(r"[\d.]+$", "", command.name)
        names = [
            word.value
            for word in command.args
            if re.search(r"\.(?:m?js|ts|py|php|rb|pl|jar|exs?|jl)$", word.value)
        ]
        if program in _RUNTIMES[reference.familiar] and names:
            yield NO_CODE.finding(command.span, image=reference.familiar)
            return


HIDDEN = Rule(
    code="AV0206",
    name="volume-over-application",
    severity=Severity.WARNING,
    antipattern=2,
    message="the volume {path} hides every new version of the application that line {line} copies there",
    page="""A VOLUME is declared over the directory that the application is copied to.

A volume is filled from the image once, when it is made. From then on the container runs what the
volume holds: a new image changes nothing, and nobody sees why. Declare volumes for data alone.
""",
    bad=(
        "FROM node:20\nWORKDIR /srv\nCOPY . .\nVOLUME /srv\n",
        "FROM a\nCOPY src/ /app/\nVOLUME /app\n",
    ),
    good=(
        "FROM node:20\nCOPY . /srv\nVOLUME /srv/data\n",
        "FROM a\nCOPY seed.sql /docker-entrypoint-initdb.d/\nVOLUME /data\n",
        "FROM a\nCOPY data/ /data/\nVOLUME /data\n",
    ),
)


@HIDDEN.stage
def hidden_application(stage: Stage) -> Outcome:
    for path, volume in stage.volumes.items():
        if volume not in stage.instructions:
            continue
        for one in stage.all("COPY", "ADD"):
            sources = [word.value.strip("\"'").rstrip("/") for word in one.args[:-1]]
            code = any(
                source in (".", "src", "app", "source", "public", "dist", "build") for source in sources
            )
            if code and len(one.args) > 1 and stage.path(one.args[-1], one) == path:
                word = next((word for word in volume.args if stage.path(word, volume) == path), volume.word)
                yield HIDDEN.finding(word.span, path=path, line=one.span.line)


CANNOT_RUN = Rule(
    code="AV0207",
    name="program-cannot-run",
    severity=Severity.ERROR,
    antipattern=2,
    message="{program} is started, but it can't run: {why}",
    page="""The program that the configuration starts is there, and no kernel can run it.

It is built for another architecture than the image says, or the interpreter that it names (a
dynamic linker, or the shell of a script's first line) is not in the image: `exec format error`, or
"no such file or directory" for a file that is plainly there. Looked up in the merged file tree.
""",
    bad=(
        ImageExample(
            config={"Cmd": ["/app"]},
            layers=({"app": b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xb7\x00" + bytes(44)},),
        ),
        ImageExample(
            config={"Cmd": ["/run.sh"]}, layers=({"run.sh": "#!/bin/bash\nexec x\n", "bin/sh": "x"},)
        ),
    ),
    good=(
        ImageExample(
            config={"Cmd": ["/app"]},
            layers=({"app": b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(44)},),
        ),
        ImageExample(config={"Cmd": ["/run.sh"]}, layers=({"run.sh": "#!/bin/sh\nexec x\n", "bin/sh": "x"},)),
        ImageExample(config={"Cmd": ["/missing"]}),
    ),
)
_MACHINES = {
    0x03: "386", 0x08: "mips", 0x14: "ppc", 0x15: "ppc64le", 0x16: "s390x", 0x28: "arm", 0x3E: "amd64", 0xB7: "arm64",
    0xF3: "riscv64", 0x102: "loong64",
}  # fmt: skip
# What runs on the same kernels.
_RUNS_ALSO = {("amd64", "386"), ("arm64", "arm"), ("ppc64", "ppc64le"), ("mips64le", "mips")}


@CANNOT_RUN.image
def runnable(image: Image) -> Outcome:
    argv = (*image.config.entrypoint, *image.config.cmd)
    if not argv:
        return
    program = argv[0] if argv[0].startswith("/") else _on_path(image, argv[0])
    head = image.head(program, 4096) if program else None
    if not program or not head:
        return
    why = ""
    if head[:4] == b"\x7fELF" and len(head) >= 20:
        order: Literal["little", "big"] = "big" if head[5] == 2 else "little"
        machine = _MACHINES.get(int.from_bytes(head[18:20], order), "")
        wanted = image.platform.split("/")[1]
        if machine and machine != wanted and (wanted, machine) not in _RUNS_ALSO:
            why = f"it is built for {machine}, and the image is for {wanted}"
        linker = re.search(rb"\0(/[!-~]*/ld-[!-~]+)\0", head)
        if not why and linker and image.resolve(linker[1].decode()) is None:
            why = f"its dynamic linker {linker[1].decode()} is not in the image"
    elif head[:2] == b"#!":
        interpreter = head[2:].split(b"\n", 1)[0].split()
        name = interpreter[0].decode("utf-8", "replace") if interpreter else ""
        if name.startswith("/") and image.resolve(name.rstrip("\r")) is None:
            why = f"its interpreter {name} is not in the image"
        elif name.endswith("\r") or head[2:].split(b"\n", 1)[0].endswith(b"\r"):
            why = "its first line ends in a carriage return, which becomes a part of the interpreter's name"
    if why:
        yield CANNOT_RUN.finding(Place("image", path=program), program=program, why=why, proof={"why": why})


def _on_path(image: Image, name: str) -> str | None:
    found = (f"{directory}/{name}" for directory in image.config.search_path.split(":") if directory)
    return next((one for one in found if image.resolve(one) is not None), None)
