"""Who the main process runs as."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..main_command import script_of_stage
from ..rule import ContainerExample, ContextExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.dockerfile.stage import User
    from ...analyzer.image import Image
    from ...runner import Observation

_DROPPERS = ("gosu", "su-exec", "setpriv", "runuser", "setuidgid", "s6-setuidgid", "setuser")

ROOT = Rule(
    code="DL3002",
    name="root-user",
    severity=Severity.WARNING,
    antipattern=9,
    aliases=("DS-0002", "CKV_DOCKER_8", "CIS-DI-0001"),
    settled_by=("DL3002",),
    message="the main process runs as {user}: if it escapes, it is root on the host; use USER",
    page="""The container's main process runs as root.

A process that breaks out of a root container is root to the host's kernel, and what it writes
to a bind mount belongs to root. In the text, a USER that resolves to root in a stage that is
shipped is reported (builder stages never run); in the image, the configured user looked up in
the image's own /etc/passwd; in the container, the uid of PID 1. A root process that gives
itself another uid at once (gosu, su-exec, setpriv) is seen only in the container: where a stage has
such a program, or its entrypoint calls one, the text says nothing.
""",
    bad=(
        "FROM a\nUSER root\nCMD x\n",
        "FROM a\nENV U=root\nUSER $U\nCMD x\n",
        "FROM a AS base\nUSER 0:0\nFROM base\nCMD x\n",
        'FROM a AS one\nUSER root\nCMD ["x"]\nFROM a AS two\nUSER 1000\nCMD ["y"]\n',
        ImageExample(config={"User": "0:0", "Cmd": ["/srv/app"]}),
        ImageExample(
            config={"User": "toor", "Cmd": ["x"]},
            layers=({"etc/passwd": "toor:x:0:0::/root:/bin/sh\n"},),
        ),
        ContainerExample({"processes": [{"pid": 1, "uid": 0, "argv": ["/srv/app"]}]}),
    ),
    good=(
        "FROM a AS build\nUSER root\nRUN x\nFROM b\nUSER 1000\n",
        "FROM a\nUSER root\nRUN x\nUSER app\n",
        "ARG WHO\nFROM a\nARG WHO\nUSER $WHO\n",
        'FROM alpine:3\nRUN apk add --no-cache su-exec\nUSER root\nENTRYPOINT ["/e.sh"]\n',
        'FROM a\nCOPY <<EOF /e.sh\n#!/bin/sh\nexec setpriv --reuid 7 x\nEOF\nUSER 0\nENTRYPOINT ["/e.sh"]\n',
        ContextExample(
            'FROM a\nUSER 0\nCOPY e.sh /\nENTRYPOINT ["/e.sh"]\n', {"e.sh": "#!/bin/sh\nsu app -c x\n"}
        ),
        ImageExample(config={"User": "1000", "Cmd": ["/srv/app"]}),
        ContainerExample({"processes": [{"pid": 1, "uid": 1000, "argv": ["/srv/app"]}]}),
    ),
)


@ROOT.target
def last_user(stage: Stage) -> Outcome:
    user = stage.user
    if user.instruction is None:
        return  # nobody named a user: the next rule's question
    if user.is_root is None:
        yield ROOT.skip("dockerfile", f"{user.reason}: the value is not known before the build")
    elif user.is_root and _drops_privilege(stage):
        yield ROOT.skip(
            "dockerfile", "it starts as root, and has a program that gives root up: only a run shows it"
        )
    elif user.is_root:
        yield ROOT.finding(user.instruction.value.span, user=_told(user, stage))


def _told(user: User, stage: Stage) -> str:
    """Who it is, and where that comes from when the line itself does not say."""
    raw = user.instruction.value.raw if user.instruction else ""
    shown = (user.value or "").strip("\"'").rstrip(":") or "root"
    if "$" not in raw:
        return shown
    name = next(iter(re.findall(r"\w+", raw)), "")
    for below in stage.lineage:
        for one in (*reversed(below.all("ARG", "ENV")), *reversed(stage.file.preamble)):
            for word, value in one.pairs if one.keyword in ("ARG", "ENV") else ():
                if word.value == name and value is not None:
                    return f"{shown} (from {one.keyword} {name}={value.raw} on line {one.span.line})"
    return f"{shown} ({raw} is empty)"


@ROOT.image
def configured_user(image: Image) -> Outcome:
    uid = image.effective_uid()
    if uid is None:
        yield ROOT.skip("image", f"the user {image.config.user!r} is not in the image's /etc/passwd")
    elif uid == 0:
        proof = {"User": image.config.user, "uid": 0}
        yield ROOT.finding(Place("image"), user=image.config.user or "root (no USER is set)", proof=proof)


@ROOT.container
def uid_of_pid_1(observation: Observation) -> Outcome:
    main = next((process for process in observation.processes if process.pid == 1), None)
    if main is None or main.uid is None:
        yield ROOT.skip("container", "PID 1 was not seen: " + (observation.error or "it ended at once"))
    elif main.uid == 0:
        proof = {"pid": 1, "uid": 0, "argv": list(main.argv), "CapEff": main.capabilities}
        yield ROOT.finding(Place("container", subject="PID 1"), user="uid 0", proof=proof)


NO_USER = Rule(
    code="AV0901",
    name="no-user",
    severity=Severity.INFO,
    antipattern=9,
    aliases=("CKV_DOCKER_3", "S6471"),
    settled_by=("DL3002",),
    message="no USER is named and {base} runs as root, so the main process runs as root; use USER",
    page="""The shipped stage never names a USER, and its base runs as root.

Told only where the base's user is known (a table of well-known images, `scratch`), something is
started by the file or by a server's own image, and nothing gives up its privileges (gosu, su-exec,
setpriv and the like; the official images of databases do so by themselves; systemd, s6, sshd and cron
can't do their work otherwise). For an unknown base the question is put to the built image. Functions
of AWS Lambda run as a user of its own.

    RUN useradd --system --uid 10001 app
    USER 10001
""",
    bad=(
        'FROM debian:12\nCMD ["x"]\n',
        'FROM debian:12 AS base\nFROM base\nENTRYPOINT ["x"]\n',
        "FROM httpd:2.4\nCOPY site /usr/local/apache2/htdocs/\n",
        'FROM debian:12\nENTRYPOINT ["x"]\nFROM redis:7\nENTRYPOINT ["redis-server"]\n',
    ),
    good=(
        'FROM debian:12\nUSER 1000\nCMD ["x"]\n',
        'FROM debian:12\nENTRYPOINT ["gosu", "app", "x"]\n',
        "FROM debian:12\nRUN apt-get update\n",
        'FROM example.org/own:1\nCMD ["x"]\n',
        'FROM gcr.io/distroless/static:nonroot\nCMD ["x"]\n',
        'FROM redis:7\nCMD ["redis-server", "--appendonly", "yes"]\n',
        'FROM public.ecr.aws/lambda/python:3.12\nCOPY a.py ./\nCMD ["a.handler"]\n',
        'FROM mcr.microsoft.com/dotnet/aspnet:8.0-jammy-chiseled\nENTRYPOINT ["./x"]\n',
        "FROM memcached:1.6\nCMD memcached -m 64\n",
        'FROM fedora:43\nCMD ["/usr/sbin/init"]\n',
        'FROM ubuntu:24.04\nENTRYPOINT ["/init"]\n',
        'FROM debian:12\nRUN apt-get install -y openssh-server\nCMD ["/usr/sbin/sshd", "-D"]\n',
        'FROM alpine:3.21\nCMD ["crond", "-f"]\n',
    ),
)


@NO_USER.target
def nobody_named(stage: Stage) -> Outcome:
    if stage.user.instruction is not None:
        return
    base, facts = stage.lineage[-1], stage.root_base
    if stage.user.is_root is None:
        yield NO_USER.skip("dockerfile", stage.user.reason)
    elif not stage.user.is_root:
        return
    elif _drops_privilege(stage):
        yield NO_USER.skip(
            "dockerfile", "it starts as root, and has a program that gives root up: only a run shows it"
        )
    elif stage.argv and re.fullmatch(_INIT, stage.argv[0]):
        yield NO_USER.skip(
            "dockerfile", f"{stage.argv[0]} has to start as root, and says who the others run as"
        )
    elif stage.argv and stage.argv[0].rpartition("/")[2] in _FOR_OTHERS:
        yield NO_USER.skip(
            "dockerfile", f"{stage.argv[0]} has to start as root, since it starts programs for other users"
        )
    elif facts.drops and not stage.entrypoint:
        reason = f"the entrypoint of {base.base.raw} starts as root and gives its server another user: only a run shows it"
        yield NO_USER.skip("dockerfile", reason)
    elif stage.entrypoint or stage.cmd or facts.starts:
        yield NO_USER.finding(stage.base.span, base=base.base.raw)
    elif base.base_name != "scratch":
        yield NO_USER.skip(
            "dockerfile", f"what is started is the CMD of {base.base.raw}, which is not at hand"
        )


# systemd, and the init of s6-overlay and of what was made after it.
_INIT = r"/init|/(?:usr/)?(?:s?bin/(?:init|my_init)|lib/systemd/systemd)"


_FOR_OTHERS = frozenset({"sshd", "cron", "crond"})


def _drops_privilege(stage: Stage) -> bool:
    """gosu and the like in what is started, or put into the image for a script that is."""
    for one in stage.lineage:
        for instruction in one.all("CMD", "ENTRYPOINT", "COPY", "RUN"):
            if not any(name in instruction.written for name in _DROPPERS):
                continue
            words = list(instruction.json or instruction.args)
            if instruction.keyword == "RUN":
                words += [word for command in one.script(instruction).commands for word in command.words]
            if any(word.value.rpartition("/")[2].partition("=")[0] in _DROPPERS for word in words):
                return True
    found = script_of_stage(stage)
    return (
        found is not None
        and re.search(rf"(?m)\b(?:{'|'.join(_DROPPERS)})\b|(?:^|exec )\s*su\s", found[1]) is not None
    )


SUDO = Rule(
    code="DL3004",
    name="sudo",
    severity=Severity.WARNING,
    aliases=("DS-0010", "CKV2_DOCKER_1", "DKL-DI-0001"),
    message="sudo is not needed in a build, and lets users of the image become root; use USER",
    page="""A RUN calls sudo.

A build step already runs as the user of the last USER. sudo needs a terminal and a password
file to be useful, and an installed sudo is a way to root for whoever gets into the container.
Switch with USER, or drop privileges at start with gosu or setpriv. Told once in a stage.
""",
    bad=("FROM a\nRUN sudo apt-get update\n", "FROM a\nRUN bash -c 'cd /x && sudo make'\n"),
    good=("FROM a\nRUN apt-get install -y sudo\n", "FROM a\nRUN echo sudo\n"),
    security=True,
    once_per_stage=True,
)


@SUDO.command("sudo")
def called_sudo(command: Command, stage: Stage) -> Outcome:
    yield SUDO.finding(command.words[0].span)


NAMED_USER = Rule(
    code="DL3066",
    name="non-numeric-user",
    severity=Severity.INFO,
    antipattern=9,
    default=False,
    message="{user} is a name, and runAsNonRoot in Kubernetes can check only numbers; use a number",
    page="""The last USER of the shipped stage is a name.

Kubernetes' `runAsNonRoot` refuses a container whose user is not a number, since it can't look
into the image's /etc/passwd. `USER root` is another matter (DL3002), variables and earlier
USERs are left alone.
""",
    bad=("FROM a\nUSER app\n",),
    good=(
        "FROM a\nUSER 1000\n",
        "FROM a\nUSER root\n",
        "FROM a\nUSER $U\n",
        "FROM a\nUSER app\nRUN x\nUSER 10\n",
    ),
)


@NAMED_USER.target
def last_user_is_a_name(stage: Stage) -> Outcome:
    instruction: Instruction | None = stage.last("USER")
    if instruction is None or stage.windows:
        return
    name = instruction.value.value.partition(":")[0]
    if name and "$" not in name and not name.isdigit() and name != "root":
        yield NAMED_USER.finding(instruction.value.span, user=name)


WORLD_WRITABLE = Rule(
    code="AV0902",
    name="world-writable",
    severity=Severity.INFO,
    once_per_stage=True,
    antipattern=9,
    aliases=("S2612",),
    message="{mode} lets every user of the container change {path}; give it to the user that needs it",
    page="""A RUN makes files writable for everyone.

`chmod 777` is how a non-root user is made to work without asking which files it needs; whoever
takes over any process of the container can then change the program itself. Give the directory to
the user (`COPY --chown`, `install -o`). Directories for temporary files, and those with the sticky
bit, are meant to be so.
""",
    bad=(
        "FROM a\nRUN chmod 777 /srv\n",
        "FROM a\nRUN chmod -R a+rwx /srv\n",
        "FROM a\nRUN chmod -R o+w /srv\n",
    ),
    good=("FROM a\nRUN chmod 1777 /x && chmod 755 /srv && chmod +x /y && chmod 777 /tmp\n",),
    shipped_only=True,
)


@WORLD_WRITABLE.command("chmod")
def writable_for_all(command: Command, stage: Stage) -> Outcome:
    words = [word for word in command.args if not re.fullmatch(r"-(?:[Rvcf]+|-\w.*)", word.value)]
    if len(words) < 2:
        return
    mode = words[0].value
    octal = re.fullmatch(r"0?([0-7])?[0-7][0-7]([2367])", mode)
    sticky = octal is not None and (octal[1] or "0") in "1357"
    symbolic = any(
        re.fullmatch(r"(?:[ug]*[oa][ugoa]*|)[+=][rxXst]*w[rwxXst]*", part) and part[0] not in "+="
        for part in mode.split(",")
    )
    temporary = all(
        re.match(r"/(?:tmp|var/tmp|dev/shm|run|var/run)(?:/|$)", word.value) for word in words[1:]
    )
    if (symbolic or (octal and not sticky)) and not temporary:
        yield WORLD_WRITABLE.finding(words[0].span, mode=mode, path=words[1].value)


PASSWORDLESS = Rule(
    code="AV0903",
    name="passwordless-sudo",
    severity=Severity.INFO,
    antipattern=9,
    once_per_stage=True,
    message="NOPASSWD lets this user become root at any time; use gosu for what has to start as root",
    page="""A sudoers rule lets a user become root without a password.

USER then protects nothing: whoever runs code as that user runs it as root. Do what needs root
before USER, or drop privileges at start with gosu or setpriv. Development containers may mean it.
Told where the rule is for all commands, as root or as anyone: what single programs let a user do can't
be told from their names. Of `sed` counts what it writes, and a rule that it takes the comment mark from;
a rule that it only deletes, comments out or changes to another one is none.
""",
    bad=(
        "FROM a\nRUN echo 'app ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers\n",
        "FROM a\nRUN echo '%app ALL=(root:root) SETENV:NOPASSWD:/bin/x, ALL' > /etc/sudoers.d/app\n",
        "FROM a\nRUN echo app ALL=NOPASSWD: ALL >> /etc/sudoers\n",
        "FROM a\nRUN sed -i 's/^%sudo.*/%sudo ALL=(ALL:ALL) NOPASSWD:ALL/g' /etc/sudoers\n",
        "FROM a\nRUN sed -i '/root/a app ALL=(ALL) NOPASSWD: ALL' /etc/sudoers\n",
        "FROM a\nRUN sed -i 's/^# *\\(%wheel.*=(ALL) NOPASSWD: ALL\\)/\\1/' /etc/sudoers\n",
        "FROM a\nRUN sed -i '/^#.*=(ALL) NOPASSWD: ALL/s/^#\\s*//' /etc/sudoers\n",
    ),
    good=(
        "FROM a\nRUN echo 'app ALL=(ALL) ALL' >> /etc/sudoers\n",
        "FROM a\nRUN grep NOPASSWD /etc/sudoers\n",
        "FROM a\nRUN sed -i '/^%wheel.*=(ALL) NOPASSWD: ALL/d' /etc/sudoers\n",
        "FROM a\nRUN sed -i -e 's/^%sudo ALL=(ALL) NOPASSWD: ALL/# &/' /etc/sudoers\n",
        "FROM a\nRUN sed -i 's/=(ALL) NOPASSWD: ALL/=(ALL) ALL/; /x/d' /etc/sudoers\n",
        "FROM a\nRUN sed -i '/app ALL=(ALL) NOPASSWD:ALL/s/^/#/' /etc/sudoers\n",
        "FROM a\nRUN echo 'app ALL=(ALL) NOPASSWD: /usr/sbin/nginx -s reload' >> /etc/sudoers\n",
        "FROM a\nRUN echo 'app ALL=(postgres) NOPASSWD: ALL' > /etc/sudoers.d/app\n",
    ),
    shipped_only=True,
)


# HOSTS=(USERS:GROUPS) TAG:NOPASSWD:COMMANDS
_SUDOERS = re.compile(
    r"=(?:\s|\\t)*(?:\\?\((?P<users>[^():=]{0,200})[^()=]{0,200}\)(?:\s|\\t)*)?"
    r"(?:[A-Z_]+:\s*)*?NOPASSWD:\s*(?:[A-Z_]+:\s*)*(?P<commands>(?:[^\n\\]|\\(?!n))*)"
)


def _all_as_root(text: str) -> bool:
    """Whether a line of sudoers gives all commands as root, who is meant where no user is named."""
    for rule in _SUDOERS.finditer(text):
        users = {
            user.strip(" \\") for user in (rule["users"] if rule["users"] is not None else "root").split(",")
        }
        everything = any(re.match(r"\s*ALL(?!\w)", program) for program in rule["commands"].split(","))
        if everything and users & {"ALL", "root", "#0"} and not users & {"!root", "!#0"}:
            return True
    return False


_REPLACED = re.compile(
    r"(?:(?<=[\s;{}/\d$!])|^)s(?P<mark>[^\w\s\\;])(?P<old>(?:\\.|(?!(?P=mark))[^\\])*)(?P=mark)"
    r"(?P<new>(?:\\.|(?!(?P=mark))[^\\])*)(?P=mark)"
)
_ADDRESS = re.compile(r"/(?:\\.|[^/\\])*/")
_COMMENTED = re.compile(r"[\^\s(\\]*#")


def _written_by_sed(script: str) -> str:
    """What a script of sed may leave in a file: what it puts in, and the whole where it takes a comment mark away."""
    replaced = list(_REPLACED.finditer(script))
    if any(_COMMENTED.match(one["old"]) and not _COMMENTED.match(one["new"]) for one in replaced):
        return script
    added = _ADDRESS.sub("", _REPLACED.sub("", script))
    return "\n".join([*(one["new"] for one in replaced if not _COMMENTED.match(one["new"])), added])


@PASSWORDLESS.command("echo", "printf", "sed")
def sudoers_written(command: Command, stage: Stage) -> Outcome:
    values = [word.value for word in command.args]
    if command.name == "sed" and any("NOPASSWD" in value for value in values):
        values = [_written_by_sed(value) for value in values]
    if not _all_as_root(" ".join(values)):
        return
    for word in command.args:
        at = word.raw.find("NOPASSWD") if "NOPASSWD" in word.value else -1
        if at >= 0:
            yield PASSWORDLESS.finding(word.part(at, at + len("NOPASSWD")).span)
            return
