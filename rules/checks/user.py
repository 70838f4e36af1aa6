"""Who the main process runs as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import ContainerExample, ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Dockerfile, Instruction, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

_DROPPERS = ("gosu", "su-exec", "setpriv", "runuser", "setuidgid", "s6-setuidgid")

ROOT = Rule(
    code="DL3002",
    name="root-user",
    severity=Severity.WARNING,
    antipattern=9,
    aliases=("DS-0002", "CKV_DOCKER_8", "CIS-DI-0001"),
    settled_by=("DL3002",),
    message="the main process runs as {user}: who breaks out of it is root to the host's kernel",
    page="""The container's main process runs as root.

A process that breaks out of a root container is root to the host's kernel, and what it writes
to a bind mount belongs to root. In the text, a USER that resolves to root in the stage that is
shipped is reported (builder stages never run); in the image, the configured user looked up in
the image's own /etc/passwd; in the container, the uid of PID 1. A root process that gives
itself another uid at once (gosu, su-exec) is seen only in the container.
""",
    bad=(
        "FROM a\nUSER root\nCMD x\n",
        "FROM a\nENV U=root\nUSER $U\nCMD x\n",
        "FROM a AS base\nUSER 0:0\nFROM base\nCMD x\n",
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
        ImageExample(config={"User": "1000", "Cmd": ["/srv/app"]}),
        ContainerExample({"processes": [{"pid": 1, "uid": 1000, "argv": ["/srv/app"]}]}),
    ),
)


@ROOT.dockerfile
def last_user(file: Dockerfile) -> Outcome:
    if file.target is None:
        return
    user = file.target.user
    if user.instruction is None:
        return  # nobody named a user: the next rule's question
    if user.is_root:
        yield ROOT.finding(user.instruction.value.span, user=user.instruction.value.raw)
    elif user.is_root is None:
        yield ROOT.skip("dockerfile", f"{user.reason}: the value is not known before the build")


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
    main = next((one for one in observation.processes if one.pid == 1), None)
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
    message="no USER is named and {base} runs as root, so the main process is root, too",
    page="""The shipped stage never names a USER, and its base runs as root.

Told only where the base's user is known (a table of well-known images, `scratch`), something is
started, and nothing gives up its privileges (gosu, su-exec, setpriv and the like). For an
unknown base the question is put to the built image.
""",
    bad=('FROM debian:12\nCMD ["x"]\n', 'FROM debian:12 AS base\nFROM base\nENTRYPOINT ["x"]\n'),
    good=(
        'FROM debian:12\nUSER 1000\nCMD ["x"]\n',
        'FROM debian:12\nENTRYPOINT ["gosu", "app", "x"]\n',
        "FROM debian:12\nRUN apt-get update\n",
        'FROM example.org/own:1\nCMD ["x"]\n',
        'FROM gcr.io/distroless/static:nonroot\nCMD ["x"]\n',
    ),
)


@NO_USER.dockerfile
def nobody_named(file: Dockerfile) -> Outcome:
    stage = file.target
    if stage is None or stage.user.instruction is not None:
        return
    started = stage.inherited("CMD", "ENTRYPOINT")
    if stage.user.is_root is None:
        yield NO_USER.skip("dockerfile", stage.user.reason)
    elif stage.user.is_root and started and not _drops_privilege(stage):
        yield NO_USER.finding(stage.source.word.span, base=stage.lineage[-1].base.raw)


def _drops_privilege(stage: Stage) -> bool:
    """gosu and the like in what is started, or put into the image for a script that is."""
    for one in stage.lineage:
        for instruction in one.all("CMD", "ENTRYPOINT", "COPY", "RUN"):
            words = list(instruction.json or instruction.args)
            if instruction.keyword == "RUN":
                words += [word for command in one.script(instruction).commands for word in command.words]
            if any(word.value.rpartition("/")[2].partition("=")[0] in _DROPPERS for word in words):
                return True
    return False


SUDO = Rule(
    code="DL3004",
    name="sudo",
    severity=Severity.WARNING,
    aliases=("DS-0010", "CKV2_DOCKER_1", "DKL-DI-0001"),
    message="sudo in a build does nothing that USER doesn't, and leaves a way to become root in the image",
    page="""A RUN calls sudo.

A build step already runs as the user of the last USER. sudo needs a terminal and a password
file to be useful, and an installed sudo is a way to root for whoever gets into the container.
Switch with USER, or drop privileges at start with gosu or setpriv.
""",
    bad=("FROM a\nRUN sudo apt-get update\n", "FROM a\nRUN bash -c 'cd /x && sudo make'\n"),
    good=("FROM a\nRUN apt-get install -y sudo\n", "FROM a\nRUN echo sudo\n"),
    security=True,
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
    message="{user} is a name: a cluster that demands runAsNonRoot can check only a number",
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


@NAMED_USER.dockerfile
def last_user_is_a_name(file: Dockerfile) -> Outcome:
    instruction: Instruction | None = file.target.last("USER") if file.target else None
    if file.target is None or instruction is None or file.target.windows:
        return
    name = instruction.value.value.partition(":")[0]
    if name and "$" not in name and not name.isdigit() and name != "root":
        yield NAMED_USER.finding(instruction.value.span, user=name)


WORLD_WRITABLE = Rule(
    code="AV0902",
    name="world-writable",
    severity=Severity.WARNING,
    default=False,
    antipattern=9,
    aliases=("S2612",),
    message="{mode} lets every user of the container change {path}: give it to the one user that needs it",
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
    import re

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
    severity=Severity.WARNING,
    default=False,
    antipattern=9,
    message="NOPASSWD makes every process of this user root whenever it likes",
    page="""A sudoers rule lets a user become root without a password.

USER then protects nothing: whoever runs code as that user runs it as root. Do what needs root
before USER, or drop privileges at start with gosu or setpriv. Development containers may mean it.
""",
    bad=("FROM a\nRUN echo 'app ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers\n",),
    good=(
        "FROM a\nRUN echo 'app ALL=(ALL) ALL' >> /etc/sudoers\n",
        "FROM a\nRUN grep NOPASSWD /etc/sudoers\n",
    ),
    shipped_only=True,
)


@PASSWORDLESS.command("echo", "printf", "sed")
def sudoers_written(command: Command, stage: Stage) -> Outcome:
    for word in command.args:
        at = word.raw.find("NOPASSWD")
        if at >= 0:
            yield PASSWORDLESS.finding(word.part(at, at + len("NOPASSWD")).span)
            return
