"""Antipattern 7: more than one process in a container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import Main, main_of_image, main_of_stage
from ..rule import ContainerExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Dockerfile, Instruction, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

_MANAGERS = frozenset(
    "supervisord runsvdir runit s6-svscan monit systemd circusd god forego foreman honcho".split()
)

SEVERAL = Rule(
    code="AV0701",
    name="several-services",
    severity=Severity.WARNING,
    antipattern=7,
    message="{what}: one container then holds several services that can only be restarted, scaled and"
    " watched together",
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
        ImageExample(config={"Entrypoint": ["/srv/app"]}),
        ImageExample(
            config={"Cmd": ["supervisord"]}, layers=({"etc/supervisord.conf": "[program:app]\ncommand=x\n"},)
        ),
        ImageExample(config={"Entrypoint": ["/init"]}, layers=({"etc/services.d/nginx/run": "x"},)),
    ),
)


@SEVERAL.dockerfile
def services_by_text(file: Dockerfile) -> Outcome:
    if file.target is None:
        return
    found = _several(main_of_stage(file.target))
    if found:
        command, what = found
        yield SEVERAL.finding(command.span, what=what)


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


_FORKING = frozenset("sshd nginx apache2 httpd cron crond rsyslogd postfix named mysqld_safe php-fpm".split())


def _several(main: Main) -> tuple[Command, str] | None:
    services: list[Command] = []
    for command in main.commands:
        if command.substituted:
            continue
        if command.name in _MANAGERS:
            return command, f"{command.name} starts whatever its configuration lists"
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
        names = [_service(one) for one in services]
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
    message="{package} is a service of its own, which one container can't look after beside its main process",
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
    ),
    shipped_only=True,
)

_BESIDE = frozenset(
    "openssh-server supervisor supervisord monit runit cron cronie rsyslog syslog-ng postfix".split()
)


@SECOND_SERVICE.command("apt-get", "apt", "apk", "yum", "dnf", "microdnf", "pip", "pip3", "zypper")
def installed_beside(command: Command, stage: Stage) -> Outcome:
    operands = command.operands("-t", "-o", "-c")
    if not operands or operands[0].value not in ("install", "add"):
        return
    main = main_of_stage(stage)
    text = " ".join(main.argv)
    for word in operands[1:]:
        name = word.value.partition("=")[0]
        if name in _BESIDE and name.removesuffix("-server").removeprefix("open")[:4] not in text:
            yield SECOND_SERVICE.finding(word.span, package=name)


PROGRAMS = Rule(
    code="AV0704",
    name="several-programs-running",
    severity=Severity.WARNING,
    antipattern=7,
    message="{programs} run side by side in the container, and the engine watches only PID 1",
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
            name: next(one.pid for one in observation.processes if one.program == name) for name in programs
        }
        place = Place("container", subject="processes")
        yield PROGRAMS.finding(place, programs=" and ".join(sorted(programs)), proof={"programs": pids})


SSH_PORT = Rule(
    code="DS-0004",
    name="ssh-port-exposed",
    severity=Severity.WARNING,
    antipattern=7,
    aliases=("CKV_DOCKER_1", "S6473"),
    message="port 22 is for logging in to a machine: a container has `docker exec`, and needs no sshd beside its program",
    page="""EXPOSE names port 22.

A login server beside the application is a second process that nobody watches, with keys or
passwords of its own in the image. Images whose main process is sshd (Git servers, jump hosts) are
left alone.
""",
    bad=('FROM a\nEXPOSE 80 22\nCMD ["nginx"]\n',),
    good=(
        'FROM a\nEXPOSE 22\nCMD ["/usr/sbin/sshd", "-D"]\n',
        "FROM a\nEXPOSE 2222 8022\n",
        "FROM a\nEXPOSE 22/udp\n",
    ),
    shipped_only=True,
    security=True,
)


@SSH_PORT.instruction("EXPOSE")
def login_port(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        if (stage.expanded(word, instruction) or "") in ("22", "22/tcp"):
            main = main_of_stage(stage.file.target) if stage.file.target else Main((), ())
            if not any(command.name == "sshd" for command in main.commands):
                yield SSH_PORT.finding(word.span)


NO_EXEC = Rule(
    code="AV0703",
    name="script-without-exec",
    severity=Severity.WARNING,
    antipattern=7,
    message="{script} starts {program} as its child and stays PID 1: signals end the script, not the program;"
    " write exec {program}",
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


@NO_EXEC.dockerfile
def script_stays(file: Dockerfile) -> Outcome:
    from ...analyzer.dockerfile.shell import read_text

    stage = file.target
    if stage is None or not stage.argv or stage.windows:
        return
    for below in stage.lineage:
        for one in below.all("COPY"):
            if len(one.args) < 2 or not (one.heredocs or file.context):
                continue
            target = below.path(one.args[-1], one)
            if target is None or stage.argv[0] not in (
                target,
                f"{target}/{stage.argv[0].rpartition('/')[2]}",
            ):
                continue
            text = one.heredocs[0].body.value if one.heredocs else _copied(file, one, stage.argv[0])
            program = _left_waiting(read_text(text)) if text else ""
            if program:
                where = one.heredocs[0].marker.word.span if one.heredocs else one.args[0].span
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


def _copied(file: Dockerfile, copy: Instruction, script: str) -> str:
    """The text of a script as the build context holds it; "" when that can't be told."""
    for word in copy.args[:-1]:
        path = word.value.strip("\"'").removeprefix("./")
        if path.rpartition("/")[2] == script.rpartition("/")[2] and file.context and not copy.flag("from"):
            return file.context.text(path) or ""
    return ""
