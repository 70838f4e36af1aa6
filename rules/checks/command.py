"""What is started: CMD, ENTRYPOINT and HEALTHCHECK, and whether PID 1 stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import SHELL_WORDS, main_of_stage
from ..rule import ContainerExample, Edit, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage
    from ...runner import Check, Observation

SHELL_FORM = Rule(
    code="DL3025",
    name="shell-form-command",
    severity=Severity.WARNING,
    aliases=("JSONArgsRecommended",),
    message="{keyword} in shell form may keep signals from the program; use {instead}",
    page="""CMD or ENTRYPOINT is written as a shell command.

The engine starts `/bin/sh -c` with the text. Whether the shell then replaces itself by the
program depends on the shell (bash and BusyBox do for a simple command, Debian's dash does not),
and a shell that stays does not pass SIGTERM on, so that stopping takes ten seconds and ends in
a kill. Write a JSON array; where a shell is needed, for a variable or `&&`, let it go with `exec` before
the last command: `CMD exec app --port=$PORT`. A loop, a pipe or `||` needs the shell as long as it runs:
`CMD ["sh", "-c", "…"]` says that it is meant, and signals go to that shell. HEALTHCHECK is not meant,
nor a stage that chose a SHELL itself.
""",
    bad=(
        "FROM a\nCMD nginx -g 'daemon off;'\n",
        "FROM a\nCMD while true; do app; done\n",
        "FROM a\nCMD node a.js | tee /log\n",
        "FROM a\nCMD a || b\n",
        "FROM a\nCMD LEVEL=3 app\n",
        "FROM a\nENTRYPOINT top -b\n",
        "FROM a\nCMD app --port=$PORT\n",
        "FROM a\nCMD exec migrate; app\n",
    ),
    yields_to=("IL047",),
    good=(
        'FROM a\nCMD ["nginx"]\n',
        "FROM a\nHEALTHCHECK CMD curl -f http://localhost/\n",
        'FROM a\nSHELL ["/bin/bash", "-c"]\nENV A=1\nCMD x\n',
        'FROM a AS b\nSHELL ["/bin/bash", "-c"]\nFROM b\nCMD x\n',
        "FROM a\nCMD ['x']\n",
        "FROM a\nENTRYPOINT exec top -b\n",
        "FROM a\nENTRYPOINT app.exe\n",
        "FROM a\nCMD ./migrate && exec ./serve --port=$PORT\n",
        "FROM a\nCMD exec ./serve >> /log 2>&1\n",
    ),
)
_GIVES_WAY = re.compile(r"(?:^|&&|;)\s*exec\s+[^;&|]+$")
_IN_A_WORD = re.compile(r"[$`*?\[~{]")  # what a JSON array can't say
# What `exec` finds no program for, beside SHELL_WORDS.
_BUILT_IN = frozenset(
    ": exit read readonly set shift times trap wait command time type unalias bg fg jobs hash local return break"
    " continue let declare typeset [[ builtin until case ! { coproc select function".split()
)


@SHELL_FORM.instruction("CMD", "ENTRYPOINT")
def written_for_a_shell(instruction: Instruction, stage: Stage) -> Outcome:
    raw = instruction.value.raw
    if instruction.json is not None or not raw or raw[:2] in ("['", '["'):
        return
    if any(one.last("SHELL") for one in stage.lineage) or stage.windows or _GIVES_WAY.search(raw):
        return
    if re.search(r"(?i)\.(?:exe|bat|cmd|ps1)$", raw.split()[0]):
        return  # Windows, which has no signals to keep
    instead = _instead(instruction, stage)
    if instead is None:
        return
    fix = None
    if instead == "array":
        words = raw.split()
        simple = not any(char in raw for char in "\"'\\$`&|;<>(){}*?~#[]=!")
        array = "[" + ", ".join(f'"{word}"' for word in words) + "]"
        fix = Edit(instruction.value.span, array, safe=True) if simple else None
        shown = array[1:-1] if simple and len(array) < 60 else '"program", "argument"'
        instead = f"a JSON array, {instruction.keyword} [{shown}]"
    yield SHELL_FORM.finding(instruction.value.span, keyword=instruction.keyword, instead=instead, fix=fix)


def _instead(instruction: Instruction, stage: Stage) -> str | None:
    """What keeps the meaning of a shell form: "array", or the words for it; None where nothing is wrong."""
    script = stage.script(instruction)
    if not script.read:
        return None
    text = instruction.value.raw
    ours = [one for one in script.commands if not (one.wrapped or one.quoted or one.substituted)]
    last = ours[-1] if ours else None
    stays = f'{instruction.keyword} ["sh", "-c", "…"], and know that signals go to that shell'
    if last is None or re.search(r"(?:^|\s)!\s", text):
        return stays
    if any(one.depth or one.nested or one.background or one.pipe or one.after == "||" for one in ours):
        return stays
    executing = [one for one in ours if one.name == "exec" and one.args]
    if last in executing:
        return None
    if last.name in SHELL_WORDS or last.name in _BUILT_IN or (instruction.heredocs and ours[1:]):
        return stays
    if executing:
        return "exec before its last command alone: nothing behind an earlier one runs"
    if last.assignments:
        return "exec behind its variables: A=b exec app"
    if ours[1:] or script.constants:
        return "exec before its last command"
    needs_shell = last.redirects or any(_IN_A_WORD.search(one.raw) for one in last.words)
    return "exec before it" if needs_shell else "array"


def _repeated(code: str, name: str, keyword: str, severity: Severity, alias: str) -> Rule:
    """A rule about an instruction of which only the last in a stage counts."""
    rule = Rule(
        code=code,
        name=name,
        severity=severity,
        aliases=("MultipleInstructionsDisallowed", alias),
        message=f"this {keyword} has no effect: a later one in the stage replaces it",
        page=f"""Only the last {keyword} of a stage counts.

Builders drop the others without a word. The finding points at the one that is dropped. An empty array
(`{keyword} []`), which takes away what the base image has, is dropped by nobody's mistake.
""",
        bad=(f"FROM a\n{keyword} CMD x\n{keyword} CMD y\n",),
        good=(f"FROM a\n{keyword} CMD x\nFROM b\n{keyword} CMD y\n",),
    )

    @rule.stage
    def dropped(stage: Stage) -> Outcome:
        for one in stage.all(keyword)[:-1]:
            if one.json != ():
                yield rule.finding(one.word.span)

    return rule


CMDS = _repeated("DL4003", "repeated-cmd", "CMD", Severity.WARNING, "DS-0016")
ENTRYPOINTS = _repeated("DL4004", "repeated-entrypoint", "ENTRYPOINT", Severity.ERROR, "DS-0007")
HEALTHCHECKS = _repeated("DL3012", "repeated-healthcheck", "HEALTHCHECK", Severity.ERROR, "DS-0023")


# Servers that leave the foreground by default, and the words that keep them there or that make
# them do one thing and end (a test, a version). Those whose configuration file decides as often
# as the command line (httpd of BusyBox, php-fpm, supervisord) are left to the container.
_DAEMONS: dict[str, tuple[str, ...]] = {
    "ntpd": ("-n", "--nofork", "-d", "-D", "-q", "--quit"),
    "nginx": ("daemon off", "-t", "-T", "-v", "-V"),
    "sshd": ("-D", "-d", "-t", "-T", "-i"),
    "apache2": ("-DFOREGROUND", "FOREGROUND", "NO_DETACH", "-X", "-v", "-t"),
    "apache2ctl": ("-DFOREGROUND", "FOREGROUND", "NO_DETACH", "-X", "configtest"),
    "apachectl": ("-DFOREGROUND", "FOREGROUND", "NO_DETACH", "-X", "configtest"),
    "crond": ("-f", "-n", "-d", "-x"),
    "cron": ("-f",),
    "rsyslogd": ("-n", "-N"),
    "named": ("-f", "-g"),
    "dnsmasq": ("-k", "-d", "--keep-in-foreground", "--no-daemon", "--test"),
    "proftpd": ("-n", "--nodaemon"),
    "xinetd": ("-dontfork", "-d"),
    "snmpd": ("-f",),
    "keepalived": ("-n", "--dont-fork"),
    "smbd": ("-F", "--foreground", "-i"),
    "nmbd": ("-F", "--foreground", "-i"),
}
_FOREGROUND = {"nginx": "-g 'daemon off;'"}

FORKS = Rule(
    code="IL010",
    name="main-process-forks",
    settled_by=("IL015",),
    severity=Severity.ERROR,
    message="{program} goes into the background, so PID 1 and its container end; start it with {foreground}",
    page="""The main process forks into the background.

A container lives as long as its PID 1. A server that leaves the foreground by default (ntpd,
nginx, sshd, apache2, cron and others) ends its first process as soon as the second one runs:
the container exits with code 0 and whoever waits for the port waits for ever. Use the
server's own flag for the foreground. Whether it does go is seen in the container (IL015).
""",
    bad=(
        'FROM a\nCMD ["/usr/sbin/ntpd"]\n',
        "FROM a\nCMD nginx\n",
        'FROM a\nENTRYPOINT ["/usr/sbin/sshd"]\nCMD ["-p", "2222"]\n',
        'FROM a\nENTRYPOINT ["tini", "--", "nginx"]\n',
    ),
    good=(
        'FROM a\nCMD ["/usr/sbin/ntpd", "-n"]\n',
        'FROM a\nCMD ["nginx", "-g", "daemon off;"]\n',
        'FROM a\nENTRYPOINT ["/usr/sbin/sshd"]\nCMD ["-D"]\n',
        "FROM a\nRUN echo 'daemon off;' >> /etc/nginx/nginx.conf\nCMD nginx\n",
        'FROM a\nENTRYPOINT ["/start"]\nCMD ["nginx"]\n',
        "FROM a\nCMD nginx && tail -f /log\n",
    ),
)


@FORKS.target
def forking_server(stage: Stage) -> Outcome:
    main = main_of_stage(stage)
    if len(main.commands) != 1 or main.commands[0].background:
        return  # something else is started, too, and may be what stays
    program = main.commands[0].name
    words = [word.value for word in main.commands[0].args] + list(main.argv[1:])
    keep = _DAEMONS.get(program)
    if keep is None or (program == "nginx" and _configured(stage, "daemon off")):
        return
    given = " ".join(words)
    # A word of the list, also among joined letters (-nd), or a setting inside a longer word.
    if any(flag in words or (flag[0] != "-" and flag in given) for flag in keep):
        return
    letters = {flag[1] for flag in keep if len(flag) == 2}
    if any(word[:1] == "-" and word[:2] != "--" and letters & set(word[1:]) for word in words):
        return
    yield FORKS.finding(
        main.commands[0].words[0].span, program=program, foreground=_FOREGROUND.get(program, keep[0])
    )


def _configured(stage: Stage, text: str) -> bool:
    """Whether a RUN or a copied heredoc in the lineage writes this text into a configuration."""
    for one in stage.lineage:
        for instruction in one.all("RUN", "COPY", "ADD"):
            if text in instruction.value.raw or any(text in doc.body.value for doc in instruction.heredocs):
                return True
    # A configuration that is copied can hold it as well as not: say nothing.
    return any(
        "nginx.conf" in word.value for one in stage.lineage for i in one.all("COPY", "ADD") for word in i.args
    )


ENDED = Rule(
    code="IL015",
    name="service-ends",
    severity=Severity.ERROR,
    message="PID 1 ended with {code} after {seconds} s, but the image declares {claims}: nobody serves it{why}",
    page="""The main process of a service ended by itself.

The image declares ports or a health check, so something is meant to keep running; but its first
process ended while it was watched, and the container with it. With exit code 0 it has most often
gone into the background; with another one its last lines of output say why. Images that declare
neither may end as they please: many are tools.
""",
    bad=(
        ContainerExample(
            {
                "alive": False,
                "exit_code": 0,
                "seconds": 0.3,
                "checks": [
                    {"name": "ports.exposed", "subject": "5555/tcp", "verdict": "disproved", "summary": "x"}
                ],
            }
        ),
    ),
    good=(ContainerExample({"alive": True}), ContainerExample({"alive": False, "exit_code": 0})),
)


def _missing(stays: Check | None) -> str:
    """What its own log names as missing, and what to add."""
    found = (stays.proof.get("missing") if stays is not None else None) or {}
    use = f". Use {found['use']}" if found.get("use") else ""
    return f"; {found['told']}{use}" if found else ""


@ENDED.container
def ended_while_watched(observation: Observation) -> Outcome:
    from ...analyzer.credentials import mask

    claims = [
        check.subject for check in observation.checks if check.name in ("ports.exposed", "health.engine")
    ]
    if observation.started and not observation.alive and claims:
        stays = next((check for check in observation.checks if check.name == "container.stays"), None)
        if stays is not None and stays.verdict == "engine cannot tell":
            yield ENDED.skip("container", stays.summary)
            return
        proof = {
            "exit_code": observation.exit_code,
            "seconds": observation.seconds,
            "log": mask(observation.log)[-400:],
        }
        yield ENDED.finding(
            Place("container", subject="PID 1"),
            code=observation.exit_code,
            seconds=observation.seconds,
            claims=", ".join(claims),
            why=_missing(stays),
            proof=proof,
        )


LOST_CMD = Rule(
    code="IL013",
    name="cmd-lost-to-shell-entrypoint",
    severity=Severity.WARNING,
    message="ENTRYPOINT (line {line}) is in shell form, so this CMD never reaches the program; use the exec form",
    page="""A CMD stands under an ENTRYPOINT in shell form.

The engine starts `/bin/sh -c "entrypoint" cmd…`: the words of CMD become `$0`, `$1` and so on
of the shell, which the entrypoint never looks at unless it names them. So `CMD ["-n", "10"]`
under `ENTRYPOINT top` changes nothing. Write the ENTRYPOINT as a JSON array.
""",
    bad=('FROM a\nENTRYPOINT top\nCMD ["-n", "10"]\n',),
    good=(
        'FROM a\nENTRYPOINT ["top"]\nCMD ["-n", "10"]\n',
        'FROM a\nENTRYPOINT exec top "$0" "$@"\nCMD ["-n", "10"]\n',
        "FROM a\nENTRYPOINT top\n",
    ),
)


@LOST_CMD.stage
def cmd_for_nobody(stage: Stage) -> Outcome:
    entrypoint, cmd = stage.entrypoint, stage.last("CMD")
    if entrypoint is None or cmd is None or entrypoint.json is not None:
        return
    raw = entrypoint.value.raw
    if raw.startswith("[") or "$@" in raw or "$*" in raw or "$0" in raw or "$1" in raw:
        return
    yield LOST_CMD.finding(cmd.word.span, line=entrypoint.span.line)
