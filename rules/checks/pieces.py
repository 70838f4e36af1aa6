"""Antipattern 2: an application shipped in two pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import Main, main_of_image, main_of_stage
from ..rule import ContainerExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Dockerfile
    from ...analyzer.image import Image
    from ...runner import Observation

FETCHED = Rule(
    code="AV0201",
    name="code-fetched-at-start",
    severity=Severity.WARNING,
    antipattern=2,
    message="{program} brings in code when the container starts: what runs is not what was built and tested",
    page="""CMD or ENTRYPOINT downloads or installs a part of the application.

Two containers of one image can then run different code, a start needs the network and takes
long, and nothing that was tested or scanned says what runs. Do it in a RUN.
""",
    bad=(
        "FROM a\nCMD git clone https://example.org/app.git && ./app/run\n",
        "FROM a\nCMD npm install && npm start\n",
        'FROM a\nENTRYPOINT ["sh", "-c", "pip install -r requirements.txt && python app.py"]\n',
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


@FETCHED.dockerfile
def fetched_by_text(file: Dockerfile) -> Outcome:
    if file.target is None:
        return
    for command in _fetching(main_of_stage(file.target)):
        yield FETCHED.finding(command.span, program=_shown(command))


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
    message="the container starts {program}, which does nothing: the application has to be put in afterwards",
    page="""The main process only waits.

`sleep infinity` or `tail -f /dev/null` keeps a container open so that something can be copied
or executed into it. The image is then half of the application, and the state of the container
can't be built again. Start the application itself.
""",
    bad=(
        'FROM a\nCMD ["sleep", "infinity"]\n',
        "FROM a\nENTRYPOINT tail -f /dev/null\n",
        ImageExample(config={"Cmd": ["tail", "-f", "/dev/null"]}),
    ),
    good=(
        'FROM a\nCMD ["tail", "-f", "/var/log/app.log"]\n',
        "FROM a\nCMD sleep 5 && ./run\n",
        ImageExample(config={"Cmd": ["sleep", "5"]}),
    ),
)


@IDLE.dockerfile
def idle_by_text(file: Dockerfile) -> Outcome:
    for command in main_of_stage(file.target).commands if file.target else ():
        if _idles(command):
            yield IDLE.finding(command.span, program=" ".join(word.value for word in command.words))


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

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
    path = next((value for name, value in image.config.env if name == "PATH"), _DEFAULT_PATH)
    if all(image.resolve(f"{directory}/{program}") is None for directory in path.split(":") if directory):
        yield MISSING.finding(
            Place("image"), program=program, where=f" in PATH ({path})", proof={"PATH": path}
        )


NEW_CODE = Rule(
    code="AV0204",
    name="code-appears-after-start",
    severity=Severity.WARNING,
    antipattern=2,
    message="{paths} appeared in the container after its start: this code was never built into the image",
    page="""Programs or source code were written into the running container.

What runs is then more than what was built, tested and scanned. Bytecode caches of code that
the image holds are left alone.
""",
    bad=(ContainerExample({"writes": [{"path": "/srv/plugin.py", "kind": "added", "bytes": 10}]}),),
    good=(ContainerExample({"writes": [{"path": "/srv/__pycache__/a.pyc", "kind": "added", "bytes": 10}]}),),
)

_CODE = re.compile(
    r"\.(?:py|js|mjs|rb|php|pl|sh|so(?:\.\d+)*|jar|war|class|dll|wasm)$|/node_modules/|/s?bin/[^/]+$"
)


@NEW_CODE.container
def code_after_start(observation: Observation) -> Outcome:
    new = [
        one.path for one in observation.writes if one.kind == "added" and one.bytes and _CODE.search(one.path)
    ]
    if not observation.started:
        yield NEW_CODE.skip("container", observation.error or "the container did not start")
    elif new:
        shown = ", ".join(new[:3]) + (f" and {len(new) - 3} more" if new[3:] else "")
        place = Place("container", subject="writable layer")
        yield NEW_CODE.finding(place, paths=shown, proof={"paths": new[:50]})
