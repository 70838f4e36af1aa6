"""Commands written so that no shell reads what is meant for one, or that it reads all of it as one word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.dockerfile import POSIX_SHELLS
from ..main_command import is_script
from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage, Word

NOT_A_SHELL = Rule(
    code="IL046",
    name="shell-syntax-in-exec-form",
    severity=Severity.ERROR,
    message="no shell reads this array, and {program} gets the text {text}; use {instead}",
    page="""A JSON array holds what only a shell would understand.

The engine starts the program of an array itself, with the words as they are. `CMD ["app", ">", "/log"]`
gives app the arguments `>` and `/log`, and `CMD ["gunicorn", "-b", ":$PORT"]` the very text `:$PORT`,
whatever the container's environment holds. Where a shell is needed, name it:

    CMD ["sh", "-c", "exec gunicorn -b 0.0.0.0:$PORT app"]

An operator is an error and a variable a warning; what an entrypoint that nobody can read here may do
with the words of a CMD makes each a level less. Programs that expand variables or take such words
themselves (find, awk, envsubst) are left alone.
""",
    bad=(
        'FROM a\nENTRYPOINT ["app", "run", ">/var/log/app"]\n',
        'FROM debian:12\nCMD ["a", "&&", "b"]\n',
        'FROM python:3.13\nCMD ["gunicorn", "-b", "0.0.0.0:$PORT", "app"]\n',
        'FROM debian:12\nRUN ["echo", "$HOME"]\n',
        'FROM debian:12\nHEALTHCHECK CMD ["curl", "-f", "http://127.0.0.1/", "||", "exit", "1"]\n',
    ),
    good=(
        'FROM a\nCMD ["sh", "-c", "exec app > /log && b $C"]\n',
        'FROM a\nENTRYPOINT ["tini", "--", "/bin/bash", "-c", "app $A"]\n',
        'FROM a\nENTRYPOINT ["sh", "-c"]\nCMD ["app > $LOG"]\n',
        'FROM a\nCMD ["nginx", "-g", "daemon off;"]\n',
        'FROM debian:12\nRUN ["find", "/x", "-exec", "rm", "{}", ";"]\n',
        "FROM a\nCMD app > $LOG\n",
        'FROM a\nENTRYPOINT ["awk", "{ print $NF }", "\\\\$A"]\n',
        'FROM a\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\nCMD ["app", "--port=$PORT"]\n',
        'FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nCMD ["app", "$X"]\n',
    ),
    once_per_instruction=True,
)
_SUSPECT = re.compile(r"[$<>|&;]")
_OPERATOR = re.compile(r"(?:\d?>>?|&>>?|<)(?:&\d|[\w./~$-].*)?|&&|\|\|?|&|;")
_VARIABLE = re.compile(r"(?<![\\$])\$(?:[A-Z_][A-Z0-9_]+|\{[A-Za-z_]\w*[^}]*\})")
_OTHER_READERS = frozenset(
    "cmd cmd.exe powershell powershell.exe pwsh su env-subst envsubst eval busybox".split()
)
_TAKE_OPERATORS = frozenset("find fd expr test [ awk gawk jq perl".split())
_TAKE_VARIABLES = frozenset("awk gawk perl jq php ruby sed grep npm npx yarn pnpm make find".split())


@NOT_A_SHELL.instruction("CMD", "ENTRYPOINT", "RUN", "HEALTHCHECK")
def meant_for_a_shell(instruction: Instruction, stage: Stage) -> Outcome:
    words = instruction.json
    if not words or not _SUSPECT.search(instruction.written):
        return
    doubtful = False
    if instruction.keyword == "CMD":
        entrypoint = stage.entrypoint
        if entrypoint is not None:
            started = entrypoint.json or entrypoint.args
            if entrypoint.json is None or any(_reads(word) for word in started):
                return
            if any(is_script(command) for command in stage.script(entrypoint).commands):
                return  # it may do with the words what it likes
        else:
            doubtful = not stage.root_base.known and stage.lineage[-1].base_name != "scratch"
    if stage.windows:
        return
    program = words[0].value.rpartition("/")[2]
    for word in words[1:] if not _reads(words[0]) else ():
        if _reads(word):
            return
        level = Severity.ERROR
        if _OPERATOR.fullmatch(word.value) and program not in _TAKE_OPERATORS:
            instead = '["sh", "-c", "…"]'
        elif (found := _VARIABLE.search(word.value)) and program not in _TAKE_VARIABLES:
            instead, level = f'["sh", "-c", "exec {program} …"], which expands {found[0]}', Severity.WARNING
        else:
            continue
        severity = Severity(level - doubtful)
        yield NOT_A_SHELL.finding(
            word.span, program=program, text=word.value, instead=instead, severity=severity
        )
        return


def _reads(word: Word) -> bool:
    """Whether a program reads what stands behind it as a shell does."""
    name = word.value.rpartition("/")[2]
    return name in POSIX_SHELLS or name in _OTHER_READERS


ONE_WORD = Rule(
    code="IL047",
    name="command-line-in-quotes",
    severity=Severity.ERROR,
    message="the quotes make one word of it, and no program is named `{text}`; use {instead}",
    page="""A whole command line stands in quotes.

CMD, ENTRYPOINT, HEALTHCHECK and RUN hand their text to a shell, where quotes keep words together:
`CMD "npm start"` looks for a program whose name is `npm start`, with the blank in it, and the container
ends with 127. Leave the quotes out, or write a JSON array.
""",
    bad=(
        'FROM a\nCMD "npm start"\n',
        "FROM a\nENTRYPOINT 'java -jar /app.jar'\n",
        'FROM a\nHEALTHCHECK CMD "/srv/check.py --all" || exit 1\n',
        'FROM a\nRUN "make install" && x\n',
    ),
    good=(
        "FROM a\nCMD npm start\n",
        'FROM a\nCMD "/opt/my app/run"\n',
        "FROM a\nRUN 'Plex Media Server' --version\n",
        'FROM a\nCMD "/opt/app/run"\n',
        'FROM a\nCMD sh -c "npm start"\n',
        'FROM a\nSHELL ["powershell", "-c"]\nRUN "make install"\n',
        'FROM a\nRUN "$A" b\n',
        'FROM a\nCMD ["npm start"]\n',
    ),
    once_per_instruction=True,
)


@ONE_WORD.instruction("CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN")
def one_quoted_word(instruction: Instruction, stage: Stage) -> Outcome:
    written = instruction.written
    if instruction.json is not None or not ('"' in written or "'" in written):
        return
    script = stage.script(instruction)
    for command in script.commands if script.read and not stage.windows else ():
        word = command.words[0]
        if " " not in word.value:
            continue
        raw = word.raw
        if raw[:1] not in ("'", '"') or raw[-1:] != raw[:1] or not _is_command_line(word.value):
            continue
        shown = word.value if len(word.value) <= 40 else word.value[:39] + "…"
        array = ", ".join(f'"{part}"' for part in word.value.split())
        instead = f"[{array}]" if len(array) < 50 and not re.search(r"[$|&;<>]", array) else "it without them"
        yield ONE_WORD.finding(word.span, text=shown, instead=instead)
        return


def _is_command_line(text: str) -> bool:
    """Whether a text with blanks is a program and its arguments, rather than a path with a blank in it."""
    parts = text.split()
    if len(parts) < 2 or "\n" in text.strip() or parts[0][:1].isupper():
        return False  # `Plex Media Server` is a program
    return (
        "/" not in parts[0]
        or parts[1].startswith(("-", "/"))
        or re.search(r"\.\w{1,3}$", parts[0]) is not None
    )
