"""Antipattern 7: more than one process in a container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import Main, is_script, main_of_image, main_of_stage, script_of_stage, unread
from ..rule import ContainerExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

_MANAGERS = frozenset(
    "supervisord runsvdir runit s6-svscan monit systemd circusd god forego foreman honcho concurrently run-p".split()
)

SEVERAL = Rule(
    code="AV0701",
    name="several-services",
    severity=Severity.WARNING,
    antipattern=7,
    message="{what}: several services then live in one container; use a container for each",
    page="""The container is made to run several services.

An engine watches one process. If another one dies, nobody notices; logs mix; and neither can be
updated or scaled alone. Told for process managers as the main process, for services that are
started one after the other, and for programs put into the background before another one. One
program with several workers is one service. Start each in a container of its own.
""",
    bad=(
        'FROM a\nCMD ["/usr/bin/supervisord"]\n',
        "FROM a\nCMD service ssh start && service apache2 start && tail -f /var/log/x\n",
        "FROM a\nCMD redis-server & node app.js\n",
        "FROM a\nRUN apt-get update\nCMD /usr/sbin/sshd && nginx -g 'daemon off;'\n",
        'FROM a\nENTRYPOINT ["/sbin/tini", "-g", "--"]\nCMD ["honcho", "start"]\n',
        'FROM a\nENTRYPOINT ["dumb-init", "supervisord", "-n"]\n',
        'FROM a\nCMD ["/usr/sbin/init"]\n',
        'FROM a\nENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["foreman", "start"]\n',
        'FROM a AS web\nCMD api & worker\nFROM a AS tool\nCMD ["tool"]\n',
        'FROM a\nCOPY <<E /e.sh\n#!/bin/sh\nservice ssh start\nservice cron start\nexec ./app\nE\nENTRYPOINT ["/e.sh"]\n',
        ImageExample(config={"Entrypoint": ["/usr/bin/supervisord"], "Cmd": ["-n"]}),
        ImageExample(
            config={"Entrypoint": ["/init"]},
            layers=({"etc/services.d/nginx/run": "x", "etc/services.d/php/run": "x"},),
        ),
        ImageExample(
            config={"Entrypoint": ["/e.sh"]},
            layers=({"e.sh": "#!/bin/sh\nservice ssh start\nservice cron start\nexec ./app\n"},),
        ),
    ),
    good=(
        'FROM a\nCMD ["nginx", "-g", "daemon off;"]\n',
        "FROM a\nCMD ./migrate && exec ./serve\n",
        "FROM a\nCMD service nginx start && tail -f /log\n",
        'FROM a\nENTRYPOINT ["tini", "--"]\nCMD ["gunicorn", "-w", "4", "app"]\n',
        "FROM a\nCMD supervisord\nFROM b\nCMD x\n",
        "FROM a AS dev\nCMD api & worker\nFROM b\nCMD x\n",
        'FROM a\nENTRYPOINT ["tini", "--"]\nCMD ["nginx", "-g", "daemon off;"]\n',
        ImageExample(config={"Entrypoint": ["/srv/app"]}),
        ImageExample(
            config={"Cmd": ["supervisord"]}, layers=({"etc/supervisord.conf": "[program:app]\ncommand=x\n"},)
        ),
        ImageExample(config={"Entrypoint": ["/init"]}, layers=({"etc/services.d/nginx/run": "x"},)),
    ),
)


@SEVERAL.target
def services_by_text(stage: Stage) -> Outcome:
    main = main_of_stage(stage)
    found = _several(main) or next(
        ((one, _MANAGED.format(one.name)) for one in main.handed if one.name in _MANAGERS), None
    )
    if found:
        command, what = found
        yield SEVERAL.finding(command.span, what=what)
        return
    from ...analyzer.dockerfile.shell import read_text

    script = script_of_stage(stage)
    if script is not None:
        started = _several(Main(main.argv, tuple(one for one in read_text(script[1]) if not one.nested)))
        if started:
            copy = script[0]
            where = copy.heredocs[0].marker.word if copy.heredocs else copy.args[0]
            yield SEVERAL.finding(where.span, what=f"in {main.argv[0]} {started[1]}")
            return
    if reason := unread(stage):
        yield SEVERAL.skip("dockerfile", reason)


@SEVERAL.image
def services_by_image(image: Image) -> Outcome:
    main = main_of_image(image)
    script = _script_of(image)
    found = _several(main) or _several(Main(main.argv, tuple(one for one in script if not one.nested)))
    manager = found[0].name if found and found[0].name in _MANAGERS else ""
    services = _managed(image, manager or main.argv[:1] == ("/init",))
    if len(services) > 1:
        shown = f"{' and '.join(services[:3])}{' and more' if services[3:] else ''}"
        what = f"{manager or main.argv[0]} starts {shown}"
    elif found and not services:
        what = found[1]
    else:
        return  # a manager with one service to look after
    proof = {"argv": list(main.argv), "services": services} if services else {"argv": list(main.argv)}
    yield SEVERAL.finding(Place("image"), what=what, proof=proof)


# Where process managers find what to start: a section of a file, or a directory for each service.
_SUPERVISED = (
    r"^(?:etc|usr/local/etc)/(?:supervisord?\.conf|supervisor(?:d|/conf\.d|d/conf\.d)?/[^/]+\.(?:conf|ini))$"
)
_SERVICE = r"^(?:etc/(?:services\.d|service|sv)/(?P<run>[^/]+)/run|etc/s6-overlay/s6-rc\.d/user/contents\.d/(?P<s6>[^/]+))$"


def _managed(image: Image, manager: object) -> list[str]:
    """The names of the services that the image's process managers are told to start."""
    names: dict[str, None] = {}
    if not manager:
        return []
    for path in image.tree:
        if not path.startswith(("etc/", "usr/local/etc/")):
            continue
        service = re.match(_SERVICE, path)
        if service:
            names[service["run"] or service["s6"]] = None
        elif re.match(_SUPERVISED, path):
            text = (image.read(path) or b"").decode("utf-8", "replace")
            names.update(dict.fromkeys(re.findall(r"(?m)^\[program:([^\]]+)\]", text)))
    return sorted(names)


def _script_of(image: Image) -> list[Command]:
    """The commands of the script that the image starts; none where it starts something else."""
    from ...analyzer.dockerfile.shell import read_text

    argv = (*image.config.entrypoint, *image.config.cmd)
    entry = image.tree.get(image.resolve(argv[0]) or "") if argv and argv[0].startswith("/") else None
    if entry is None or entry.size > _LARGEST_SCRIPT:
        return []
    head = image.head(argv[0], _LARGEST_SCRIPT)
    return read_text(head.decode("utf-8", "replace")) if head and _is_shell(head) else []


def _is_shell(head: bytes) -> bool:
    return re.match(rb"#! ?\S*/(?:env +)?(?:ba|da|a|k|z)?sh\b", head) is not None


_MANAGED = "{} starts whatever it is told to"
_FORKING = frozenset("sshd nginx apache2 httpd cron crond rsyslogd postfix named mysqld_safe php-fpm".split())


def _several(main: Main) -> tuple[Command, str] | None:
    services: list[Command] = []
    for command in main.commands:
        if command.substituted:
            continue
        if command.words[0].value in ("/sbin/init", "/usr/sbin/init"):
            return command, _MANAGED.format("systemd")
        if command.name in _MANAGERS:
            return command, _MANAGED.format(command.name)
        words = [word.value for word in command.args]
        started = command.name in ("service", "rc-service") and words[1:2] == ["start"]
        started = started or ("/etc/init.d/" in command.words[0].value and words[:1] == ["start"])
        # A server that forks lets the script go on to the next one.
        forks = command.name in _FORKING and command is not main.commands[-1] and not command.background
        if started or forks or (command.background and command is not main.commands[-1]):
            services.append(command)
    last = main.commands[-1] if main.commands else None
    if (
        services
        and last is not None
        and last is not services[-1]
        and last.name not in ("tail", "sleep", "wait")
    ):
        services.append(last)
    if len(services) > 1:
        names = [_service(service) for service in services]
        return services[0], f"{' and '.join(names[:3])} are started side by side"
    return None


def _service(command: Command) -> str:
    if command.name in ("service", "rc-service") and command.args:
        return command.args[0].value
    return command.name


SECOND_SERVICE = Rule(
    code="AV0702",
    name="service-installed-beside",
    severity=Severity.INFO,
    antipattern=7,
    message="{package} {does}, and the engine watches only the main program; use a container for it",
    page="""A process manager or a system service is installed into the shipped image.

sshd, cron, syslog and mail servers, supervisor and the like are there to run beside something
else. For a shell in a container there is `docker exec`; logs go to standard output; jobs are
containers of their own.
""",
    bad=("FROM a\nRUN apt-get install -y openssh-server\n", "FROM a\nRUN pip install supervisor\n"),
    good=(
        "FROM a\nRUN apt-get install -y openssh-client\n",
        "FROM a AS b\nRUN apk add supervisor\nFROM c\n",
        'FROM a\nRUN apt-get install -y cron\nCMD ["cron", "-f"]\n',
        "FROM a\nRUN apt-get install -y cron && rm -rf /etc/cron.daily /etc/cron.hourly\n",
        "FROM a\nRUN apt-get install -y rsyslog && apt-get purge -y rsyslog\n",
    ),
    shipped_only=True,
)

_BESIDE = frozenset(
    "openssh-server supervisor supervisord monit runit cron cronie rsyslog syslog-ng postfix".split()
)


_LOOKS_AFTER = frozenset({"supervisor", "supervisord", "monit", "runit"})


@SECOND_SERVICE.command("apt-get", "apt", "apk", "yum", "dnf", "microdnf", "pip", "pip3", "zypper")
def installed_beside(command: Command, stage: Stage) -> Outcome:
    operands = command.operands("-t", "-o", "-c")
    if not operands or operands[0].value not in ("install", "add"):
        return
    main = main_of_stage(stage)
    text = " ".join(main.argv)
    for word in operands[1:]:
        name = word.value.partition("=")[0]
        if name not in _BESIDE or name.removesuffix("-server").removeprefix("open")[:4] in text:
            continue
        if not any(
            name in later_word.value
            for later in command.script.following(command)
            if later.name == "rm"
            or {"remove", "purge", "erase", "del", "autoremove"} & {w.value for w in later.args}
            for later_word in later.args
        ):
            does = (
                "starts several programs in one"
                if name in _LOOKS_AFTER
                else "is there to run beside another program"
            )
            yield SECOND_SERVICE.finding(word.span, package=name, does=does)


PROGRAMS = Rule(
    code="AV0704",
    name="several-programs-running",
    severity=Severity.WARNING,
    antipattern=7,
    message="{programs} run side by side, and the engine watches only PID 1; use a container for each",
    page="""Several programs run in one container.

Seen in the container's own process table. Workers that a program forks of itself are one
service; a small init (tini, dumb-init, docker-init) or a shell as PID 1 over one program is no
service at all.
""",
    bad=(
        ContainerExample(
            {
                "processes": [
                    {"pid": 1, "argv": ["supervisord"]},
                    {"pid": 7, "parent": 1, "argv": ["nginx"]},
                    {"pid": 8, "parent": 1, "argv": ["php-fpm"]},
                ]
            }
        ),
    ),
    good=(
        ContainerExample(
            {
                "processes": [
                    {"pid": 1, "argv": ["nginx"]},
                    {"pid": 7, "parent": 1, "argv": ["nginx: worker process"]},
                ]
            }
        ),
        ContainerExample(
            {
                "processes": [
                    {"pid": 1, "argv": ["/bin/sh", "-c", "x"]},
                    {"pid": 7, "parent": 1, "argv": ["nc"]},
                ]
            }
        ),
    ),
)


@PROGRAMS.container
def programs_running(observation: Observation) -> Outcome:
    from ...runner.processes import services

    programs = services(observation.processes)
    if not observation.processes or (not observation.alive and len(programs) < 2):
        # Whatever was seen by chance of a run that ended does not tell what it would have become.
        yield PROGRAMS.skip("container", observation.error or "it ended before its processes could be told")
    elif len(programs) > 1:
        pids = {
            name: next(process.pid for process in observation.processes if process.service == name)
            for name in programs
        }
        place = Place("container", subject="processes")
        yield PROGRAMS.finding(place, programs=" and ".join(sorted(programs)), proof={"programs": pids})


SSH_PORT = Rule(
    code="DS-0004",
    name="ssh-port-exposed",
    severity=Severity.WARNING,
    antipattern=7,
    aliases=("CKV_DOCKER_1", "S6473"),
    message="port 22 is for logging in to a machine; use docker exec, which needs no sshd",
    page="""EXPOSE names port 22.

A login server beside the application is a second process that nobody watches, with keys or
passwords of its own in the image. Images whose main process is sshd (Git servers, jump hosts) are
left alone, and so are those where a script of their own decides what is started.
""",
    bad=('FROM a\nEXPOSE 80 22\nCMD ["nginx"]\n',),
    good=(
        'FROM a\nEXPOSE 22\nCMD ["/usr/sbin/sshd", "-D"]\n',
        "FROM a\nEXPOSE 2222 8022\n",
        "FROM a\nEXPOSE 22/udp\n",
        'FROM a\nEXPOSE 22 3000\nENTRYPOINT ["/git/entrypoint.sh"]\n',
        "FROM a\nEXPOSE 22\n",
    ),
    shipped_only=True,
    security=True,
)


@SSH_PORT.instruction("EXPOSE")
def login_port(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        if (stage.expanded(word, instruction) or "") in ("22", "22/tcp"):
            target = stage.target or stage
            main = main_of_stage(target)
            if any(is_script(command) for command in main.commands):
                yield SSH_PORT.skip("dockerfile", f"{main.argv[0]} decides what is started")
            elif main.commands and not any(
                command.name == "sshd" for command in (*main.commands, *main.handed)
            ):
                yield SSH_PORT.finding(word.span)


NO_EXEC = Rule(
    code="AV0703",
    name="script-without-exec",
    severity=Severity.WARNING,
    antipattern=7,
    message="{script} starts {program} as a child, so signals reach only the script; use exec {program}",
    page="""The entrypoint script starts the program without `exec`.

The shell stays PID 1 beside its child, does not pass SIGTERM on, and stopping the container takes
ten seconds and a kill. `exec "$@"` makes the program take the shell's place. Read are scripts that
the file itself writes by a here-document, those in the build context where that is known, and the
one that an image starts. Scripts that set a trap, or start something in the background, look after
their children.
""",
    bad=(
        'FROM a\nCOPY <<EOF /entrypoint.sh\n#!/bin/sh\nset -e\nserve --port 80\nEOF\nENTRYPOINT ["/entrypoint.sh"]\n',
        ImageExample(
            config={"Entrypoint": ["/e.sh"]}, layers=({"e.sh": "#!/bin/sh\nset -e\nserve --port 80\n"},)
        ),
    ),
    good=(
        ImageExample(config={"Entrypoint": ["/e.sh"]}, layers=({"e.sh": '#!/bin/sh\nset -e\nexec "$@"\n'},)),
        'FROM a\nCOPY <<EOF /entrypoint.sh\n#!/bin/sh\nexec "$@"\nEOF\nENTRYPOINT ["/entrypoint.sh"]\n',
        'FROM a\nCOPY <<EOF /e.sh\n#!/bin/sh\ntrap stop TERM\nserve\nEOF\nENTRYPOINT ["/e.sh"]\n',
        'FROM a\nCOPY <<EOF /e.sh\n#!/bin/sh\nserve\nEOF\nCMD ["serve"]\n',
        'FROM a\nCOPY <<EOF /e.py\n#!/usr/bin/python3\nserve()\nEOF\nENTRYPOINT ["/e.py"]\n',
    ),
)
_LARGEST_SCRIPT = 64 * 1024
_ENDS = frozenset("exit return fi done esac true : echo printf export set".split())


@NO_EXEC.target
def script_stays(stage: Stage) -> Outcome:
    from ...analyzer.dockerfile.shell import read_text

    found = None if stage.windows else script_of_stage(stage)
    program = _left_waiting(read_text(found[1])) if found else ""
    if found and program:
        copy = found[0]
        where = copy.heredocs[0].marker.word.span if copy.heredocs else copy.args[0].span
        yield NO_EXEC.finding(where, script=stage.argv[0], program=program)


@NO_EXEC.image
def script_stays_in_image(image: Image) -> Outcome:
    argv = image.config.entrypoint
    program = _left_waiting(_script_of(image)) if argv else ""
    if program:
        place = Place("image", path=argv[0])
        yield NO_EXEC.finding(place, script=argv[0], program=program, proof={"argv": list(argv)})


def _left_waiting(script: list[Command]) -> str:
    """The program that a script ends in and waits for; "" when it does not, or looks after its children."""
    last = next((command for command in reversed(script) if not command.nested), None)
    if last is None or last.name in _ENDS:
        return ""
    if any(one.name in ("trap", "exec", "wait") or one.background for one in script):
        return ""
    return last.words[0].raw
