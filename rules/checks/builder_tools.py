"""Programs that do nothing good in a RUN."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import Outcome, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Stage

POINTLESS = Rule(
    code="DL3001",
    name="pointless-in-a-build",
    severity=Severity.INFO,
    default=False,
    message="{program} is for a running machine, and has no use in a build",
    page="""A RUN calls a program that makes sense on a running machine only.

free, kill, mount, ps, service, shutdown, ssh, top, vim: each RUN is a container of its own that
ends with the command, so there is nothing to look at and nothing stays started.
""",
    yields_to=("IL049",),
    bad=("FROM a\nRUN service nginx restart && make\n", "FROM a\nRUN ps aux\n"),
    good=("FROM a\nRUN apt-get install -y vim\n", "FROM a\nRUN which ps\nCMD service x start && tail -f y\n"),
)


@POINTLESS.command("free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim")
def pointless(command: Command, stage: Stage) -> Outcome:
    yield POINTLESS.finding(command.words[0].span, program=command.name)


SPARSE_LOG = Rule(
    code="DL3046",
    name="huge-lastlog",
    severity=Severity.WARNING,
    message="useradd with a uid as high as {uid} makes a huge /var/log/lastlog; use --no-log-init",
    page="""useradd with a high uid and without --no-log-init.

useradd writes the user's record at uid × 292 bytes into /var/log/lastlog and faillog. The file is
sparse, but a layer stores it whole, so a uid of seven digits makes a layer of gigabytes.
""",
    bad=("FROM a\nRUN useradd -u 1234567 x\n", "FROM a\nRUN useradd --uid=999999 x\n"),
    good=(
        "FROM a\nRUN useradd -l -u 1234567 x\n",
        "FROM a\nRUN useradd --no-log-init -u 1234567 x\n",
        "FROM a\nRUN useradd -u 10001 x\nRUN useradd -u $U x\n",
    ),
)


@SPARSE_LOG.command("useradd")
def high_uid(command: Command, stage: Stage) -> Outcome:
    if command.has_flag("l", "no-log-init"):
        return
    values = [word.value for word in command.args]
    for at, word in enumerate(command.args):
        match = re.fullmatch(r"(?:--uid=|-u)?(\d{6,})", word.value)
        named = at > 0 and values[at - 1] in ("-u", "--uid")
        if match and (named or not word.value[0].isdigit()):
            yield SPARSE_LOG.finding(word.span, uid=match[1])


SHELL_LINK = Rule(
    code="DL4005",
    name="shell-replaced-by-link",
    severity=Severity.WARNING,
    default=False,
    message="this link changes the shell of every program in the image; use SHELL, which changes the build's",
    page="""A RUN replaces /bin/sh by a link.

Scripts of the distribution are written for the shell that it comes with. `SHELL ["/bin/bash",
"-c"]` changes what runs the RUNs of this file and nothing else.
""",
    bad=("FROM a\nRUN ln -sf /bin/bash /bin/sh\n",),
    good=("FROM a\nRUN ln -s /bin/sh /bin/mysh\n", 'FROM a\nSHELL ["/bin/bash", "-c"]\n'),
)


@SHELL_LINK.command("ln")
def shell_linked(command: Command, stage: Stage) -> Outcome:
    operands = command.operands("-t", "--target-directory", "-S", "--suffix")
    if len(operands) > 1 and operands[-1].value in ("/bin/sh", "/usr/bin/sh"):
        yield SHELL_LINK.finding(operands[-1].span)
