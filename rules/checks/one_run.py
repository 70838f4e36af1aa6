"""What ends with its RUN: settings of the shell, and what was started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.dockerfile import Word
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage

LOST_SETTING = Rule(
    code="IL048",
    name="setting-lost-with-its-run",
    severity=Severity.WARNING,
    message="`{what}` ends with this RUN, and nothing behind it in the RUN uses it; use {instead}",
    page="""A RUN does nothing but change the shell that it runs in.

Each RUN starts a shell of its own. A directory, an exported variable, an alias or an activated
environment is gone with it, and the next RUN and the container know nothing of them. Use WORKDIR for
`cd`, ENV for `export`, and for a virtual environment

    ENV VIRTUAL_ENV=/srv/venv PATH=/srv/venv/bin:$PATH

or put both into the RUN that needs it: `RUN . venv/bin/activate && pip install …`. A script that is
sourced is told only where its name says that it sets up a shell: another may do anything.
""",
    bad=(
        "FROM a\nRUN cd /srv\n",
        "FROM a\nRUN export PATH=/x:$PATH\n",
        'FROM a\nRUN /bin/bash -c "source venv/bin/activate"\n',
        "FROM a\nRUN . /opt/venv/bin/activate\nRUN pip list\n",
        "FROM a\nRUN alias ll='ls -l'\n",
        "FROM a\nRUN VERSION=1.2\n",
    ),
    good=(
        "FROM a\nRUN cd /srv && make\n",
        "FROM a\nRUN export A=b && make\n",
        "FROM a\nRUN . venv/bin/activate && pip list\n",
        "FROM a\nRUN . ./install.sh\n",
        "FROM a\nRUN cd /srv > /log\n",
        "FROM a\nRUN set -e\n",
        "FROM a\nRUN A=$(make)\n",
        "FROM a\nRUN export A=$(make)\n",
    ),
)
_SETTINGS = frozenset("cd export source . alias umask ulimit pushd declare".split())
_MAYBE = re.compile(r"(?:cd|export|source|alias|umask|ulimit|pushd|declare)\b|\.\s|\w=\S*\s*$")
_QUIET = frozenset("echo printf pwd true : set ls".split())
_SETS_UP = re.compile(
    r"(?:^|/)(?:activate|nvm\.sh|\.?profile|\.bashrc|\.bash_profile|setup\.(?:ba)?sh|\.env)$"
)
_INSTEAD = {"cd": "WORKDIR", "pushd": "WORKDIR", "export": "ENV", "declare": "ENV", "=": "ENV"}


@LOST_SETTING.instruction("RUN")
def nothing_stays(instruction: Instruction, stage: Stage) -> Outcome:
    written = instruction.written
    if len(written) > _LONGEST or instruction.json is not None or not _MAYBE.search(written):
        return
    script = stage.script(instruction)
    if not script.read or stage.windows:
        return
    commands = [command for command in script.commands if not command.starts_script]
    if not commands:
        text = script.text
        found = re.fullmatch(r"\s*(\w+=[^$`\s]*)\s*", text.value) if text else None
        if found and text:
            yield LOST_SETTING.finding(Word(text, *found.span(1)).span, what=found[1], instead=_INSTEAD["="])
        return
    if any(
        (not _only_sets(command) and command.name not in _QUIET) or command.redirects for command in commands
    ):
        return
    setting = next((command for command in reversed(commands) if command.name in _SETTINGS), None)
    if setting is None:
        return
    instead = _INSTEAD.get(setting.name, "it in each RUN that needs it")
    if setting.args and setting.args[0].value.endswith("bin/activate"):
        path = stage.path(setting.args[0], instruction) or setting.args[0].value
        instead = f"ENV PATH={path.rpartition('/')[0]}:$PATH"
    shown = " ".join(word.raw for word in setting.words)
    what = shown if len(shown) <= 40 else shown[:39] + "…"
    yield LOST_SETTING.finding(setting.span, what=what, instead=instead)


_LONGEST = 400  # characters of a RUN: more than a setting does something


def _only_sets(command: Command) -> bool:
    if command.name not in _SETTINGS or any(re.search(r"\$\(|`", word.raw) for word in command.words):
        return False
    if command.name in ("source", "."):
        return bool(command.args) and _SETS_UP.search(command.args[0].value) is not None
    return True


ENDS = Rule(
    code="IL049",
    name="started-in-a-build",
    severity=Severity.WARNING,
    message="{what} is started in the build, ends with this RUN, and nothing uses it; use CMD to start it",
    page="""A RUN starts a service, and that is the last that it does.

An image holds files. What runs at the end of a RUN is ended with it, and no container has it running.
What the container shall run is the business of CMD or ENTRYPOINT; a database that a build needs has to
be started in the very RUN that fills it, which is left alone.
""",
    bad=(
        "FROM a\nRUN service mysql start\n",
        "FROM a\nRUN make && /etc/init.d/nginx restart\n",
        "FROM a\nRUN systemctl start docker\n",
        "FROM a\nRUN dbus-daemon --system --fork\n",
        "FROM a\nRUN nohup ./server &\n",
    ),
    good=(
        "FROM a\nRUN service postgresql start && psql -c 'create database x'\n",
        "FROM a\nRUN service nginx start || true; make\n",
        "FROM a\nRUN systemctl enable nginx\n",
        "FROM a\nCMD service nginx start && tail -f /log\n",
        "FROM a\nRUN ./server & sleep 1 && ./test\n",
        "FROM a\nRUN service nginx status\n",
        "FROM a\nRUN make a & make b & wait\n",
    ),
    once_per_instruction=True,
)
_IDLE = frozenset("sleep true : echo exit".split())


@ENDS.instruction("RUN")
def started_last(instruction: Instruction, stage: Stage) -> Outcome:
    written = instruction.written
    if "start" not in written and "fork" not in written and "nohup" not in written:
        return
    script = stage.script(instruction)
    commands = [
        command for command in script.commands if not command.starts_script and command.name not in _IDLE
    ]
    last = commands[-1] if commands else None
    if last is None or not script.read or last.depth or last.substituted or last.after == "||":
        return
    what = _started(last, commands)
    if what:
        yield ENDS.finding(last.span, what=what)


def _started(command: Command, commands: list[Command]) -> str:
    """The name of the service that a command starts; "" for what starts none."""
    values = [word.value for word in command.args]
    if command.name in ("service", "rc-service", "invoke-rc.d") and values[1:2] in (["start"], ["restart"]):
        return values[0]
    if command.words[0].value.startswith(("/etc/init.d/", "/etc/rc.d/init.d/")) and values[:1] in (
        ["start"],
        ["restart"],
    ):
        return command.name
    if command.name == "systemctl" and values[:1] in (["start"], ["restart"]) and values[1:]:
        return values[1]
    if command.name == "dbus-daemon" and "--fork" in values:
        return command.name
    if command.background and any(one.name == "nohup" for one in commands[-2:]):
        return command.name
    return ""
