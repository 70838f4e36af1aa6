"""The page of each check of a container: what it does, what decides it, and what it can't know."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

from .verdicts import Claim, claim_of


class CheckPage(NamedTuple):
    """What a reader has to know of a check. Of the verdicts each entry is one case; none: it never has that verdict."""

    name: str  # as in CLAIMS; or one check of a kind that CLAIMS names as a whole
    subject: str  # what stands behind the name in a report
    does: str
    proved: tuple[str, ...]
    disproved: tuple[str, ...]
    not_observed: tuple[str, ...]
    cannot_tell: tuple[str, ...]
    limits: tuple[str, ...]  # what it can't know
    covers: tuple[str, ...] = ()  # checks that have no page of their own

    @property
    def claim(self) -> Claim:
        """What it puts to the test."""
        found = claim_of(self.name.removesuffix("*"))
        assert found is not None, self.name
        return found

    @property
    def file(self) -> str:
        """Its file in docs/checks/."""
        return f"{self.name.removesuffix('.*')}.md"


def _page(
    name: str,
    subject: str,
    does: str,
    *,
    proved: str = "",
    disproved: str = "",
    not_observed: str = "",
    cannot_tell: str = "",
    limits: str,
    covers: str = "",
) -> CheckPage:
    """A page from blocks of text: one case a line, and a line that is indented goes on with the one before."""
    return CheckPage(
        name, subject, " ".join(does.split()),
        _cases(proved), _cases(disproved), _cases(not_observed), _cases(cannot_tell), _cases(limits),
        tuple(covers.split()),
    )  # fmt: skip


def _cases(block: str) -> tuple[str, ...]:
    return tuple(" ".join(case.split()) for case in block.strip().replace("\n  ", " ").splitlines())


# Of checks that fail with the container, or with whom it needs.
_OURS = """
It would be disproved, but the container hit the limit of memory or of processes that imglint sets.
  Use `--memory` or `--pids-limit`.
It would be disproved, but the output asks for another host, and imglint gives the container no way out.
  Use `--network` or `--allow-egress`.
"""
_UNSEEN = """
The processes and sockets could be seen from no place: not in the host's /proc, not from a side container, and not
  by a shell of the image.
"""

_IMAGE = (
    _page(
        "image.preflight",
        "the image's ID",
        """
Asks the engine to describe the image before anything is started. Tells the platform and counts the declared ports.
The checks of ports try the first 32 declared ports. An image that the engine does not have gets no verdict: the run
ends with exit code 2.
""",
        proved="""
The engine describes the image.
""",
        limits="""
It does not know whether the image can be started here. `container.stays` tells that.
""",
    ),
    _page(
        "engine.calibration",
        "the engine and its version",
        """
Starts two containers of a small image whose behaviour is known, and looks what the engine shows of them. Tells whether
a connection to a port without a server succeeds, whether this machine's /proc shows the processes, whether side
containers work, and whether the engine runs health probes. Finds the paths that the engine itself changes in an idle
container; `writes.layer` and `pieces.arrived` leave them out. What is known of an engine holds for the images that
follow in the same run.
""",
        proved="""
The two containers ran, and what was seen is told.
""",
        cannot_tell="""
The two containers could not be started. The usual reason is that there is no image for them: see `--probe-image`.
""",
        limits="""
It does not know what the engine does later, or under more load.
It waits for a first health probe until 10 seconds after the start on Docker, and 2.5 seconds on Podman. A probe that
  comes later counts as none.
""",
    ),
    _page(
        "engine.isolation",
        "without published ports, or with published ports",
        """
Dials another machine once, from the containers of `engine.calibration`: one on the network without published ports,
and one on the network with them. Dials TCP port 53 of the first name server of this machine that has an IPv4 address
outside of the loopback. Makes the same dial from this machine where the one from inside does not decide, if the engine
is on this machine. Is missing where those containers could not be started.
""",
        proved="""
The routing table inside leads to no other network.
The other machine answers this one, and the container does not reach it.
""",
        disproved="""
The other machine took the connection from inside.
It refused the connection from inside, and this machine's as well, or this machine has no answer to compare.
""",
        not_observed="""
The container reached nothing, and no other machine is known that would answer.
""",
        limits="""
It dials one address, over TCP and IPv4. It does not try other ports, UDP or IPv6.
It does not look at a network of yours: with `--network`, the image runs there, and that is told as disproved.
  So is `--allow-egress`, which gives it a way out.
""",
    ),
    _page(
        "container.stays",
        "PID 1",
        """
Creates a container of the image as it is, with what options as `-e` and `-v` add, and starts it. Publishes
nothing, and lets no health probe run. Watches until
nothing changes and nothing more is awaited: 1 second where all declared ports are listened on, 6 seconds where none is
declared and none is listened on. Waits up to `--wait`, 60 seconds by default, while a declared port is missing;
`ports.exposed` says when it gives up sooner. `--observe` watches on after that, and sends a request to 8 TCP ports
at most every 5 seconds. Gives the container 512 MB of memory, 256 processes, one CPU, no new privileges, and
a network without a way out. Where it hits a limit of memory or of processes that you did not set, runs it again with
more; where it asks for sudo, with the new privileges that `docker run` grants. Where it ends with another exit code
than 0, looks in its last 20 lines for what programs say of what they miss: a variable, a host, a file, a permission or
a program. Names the last one with the option that would add it.
""",
        proved="""
The container still runs at the end of the watch.
""",
        disproved="""
The engine says that it can't create or start the container. This fails a run whatever `--fail-on` says.
The container ended while it was watched, with whatever exit code. It also counts when the engine is restarting it.
""",
        cannot_tell=_OURS.rstrip("\n")
        + """
It would be proved, but the container has asked for another host, as for a name, and nothing listens on any port: it may
  yet give up. Use `--network`.
""",
        limits="""
It does not know what happens after the watch. Use `--observe` to watch for longer.
It does not know what a tool is for: one that has done its work ends, too.
It knows of what is missing what the log says, and nothing else.
A container that writes more than 2 GB into its own layer is ended, and gets no verdict: the run ends with exit
  code 2.
""",
    ),
)

_PORTS = (
    _page(
        "sockets.listening",
        "a port, as 8888/tcp, or all",
        """
Looks at the sockets of the container at the end of the watch. Makes a check for each socket that waits: of TCP one that
listens, of UDP one that is bound and not connected. Tells its address, and its program where this machine's /proc shows
it. Leaves out the engine's own resolver. Is missing where the container has ended.
""",
        proved="""
A socket waits. One on the loopback is told, too.
The sockets could be seen, and none waits.
""",
        cannot_tell=_UNSEEN,
        limits="""
It does not know whether a server answers. `ports.published` asks it.
It tells the last look. A socket that was closed before is not told.
It does not see Unix sockets, and no protocols but TCP and UDP.
""",
    ),
    _page(
        "ports.exposed",
        "each declared port, as 8888/tcp",
        """
Holds EXPOSE against the sockets of the first run. Waits for the declared ports for `--wait`, 60 seconds by default,
while nothing listens on any port. Gives up sooner where something else is served and the sockets do not change: after 2
seconds where another declared port is, after 20 seconds where only undeclared ports are. Is missing where the container
could not be started.
""",
        proved="""
A socket of the port's own protocol waits, and its address is not one of the loopback.
""",
        disproved="""
The socket is bound to the loopback only.
Only a socket of the other protocol waits on this number.
Nothing listens on it, while another port is listened on outside of the loopback.
The container has ended.
""",
        not_observed="""
Nothing listens on any port outside of the loopback, and the container still runs. It may start more slowly: use
  `--wait`.
""",
        cannot_tell=_UNSEEN.rstrip() + _OURS,
        limits="""
It does not know whether a server answers. `ports.published` asks it.
It does not know a port that is opened only later, or only with another configuration.
It sees TCP and UDP. A port of SCTP is never proved.
""",
    ),
    _page(
        "ports.undeclared",
        "a port, as 8888/tcp",
        """
Names a port that the container listens on outside of the loopback and that EXPOSE does not declare. EXPOSE is
documentation: `-p` and other containers reach such a port, `-P` does not publish it. Is there only for such ports.
""",
        proved="""
A socket waits on the port, and the image does not declare it.
""",
        limits="""
It does not know whether the port is meant for others.
""",
    ),
    _page(
        "ports.plain",
        "no option",
        """
Reads in the engine's description of the first container which ports are published. That one was started without `-p`
and `-P`. Is missing where the container has ended.
""",
        proved="""
The engine names no port of the host.
""",
        disproved="""
The engine names a port of the host.
""",
        limits="""
It takes the engine's word, and dials nothing.
""",
    ),
    _page(
        "ports.dead",
        "a port that nothing listens on, as 64999/tcp",
        """
Publishes a port of the image's container that nothing listens on, beside its own ports, and connects to it. Shows what
a port without a server looks like on this engine: Docker's proxy accepts connections for it. Says by that how
`ports.published` has to be read, and never speaks of the image. Is missing where the container could not be started.
""",
        proved="""
The port was dialled. The sentence says whether connecting succeeds or is refused.
""",
        not_observed="""
The container of the first run ended before anything could be dialled.
The engine publishes on another machine's addresses.
""",
        cannot_tell="""
The engine did not publish the port.
""",
        limits="""
It knows the way from this machine alone. From another machine it may look otherwise.
""",
    ),
    _page(
        "ports.published",
        "a port of the container, as 8888/tcp",
        """
Starts a second container and publishes on 127.0.0.1 what is declared or was listened on, 32 ports at most; what `-p`
asks for is published where it says. Waits until the ports of the first run are listened on again. Asks the server in
its own protocol, by its program or by its port: HTTP, HTTPS, PostgreSQL, MySQL, Redis, memcached, SMTP, SSH,
MQTT, FastCGI, AMQP, DNS. Waits for the greeting of any other server, and then asks it in HTTP. Tries again for 1.5
seconds while nothing comes back, and for 10 seconds while errors do. Watches the container's own connections
meanwhile. Is missing where the container could not be started.
""",
        proved="""
An answer of the server's protocol came back, and over TCP the connection was seen to arrive in the container.
  HTTP serves with any status from 100 to 499.
A server of an unknown protocol answered with any bytes, but not with an error of HTTP.
The same within TLS. A server that speaks no HTTP there serves as soon as TLS stands. No certificate is judged.
""",
        disproved="""
The container of the first run has ended.
The engine says that the port is not published.
The socket is bound to the loopback only.
Nothing listens on it, while another port is listened on outside of the loopback.
Connecting to the published port is refused, or it can't be reached.
The published port gives no answer, while the container's own address refuses the connection, or serves.
The server turns the caller away, as PostgreSQL without an entry in pg_hba.conf.
""",
        not_observed="""
Nothing listens on it, nor on any port outside of the loopback. It may still be starting.
The server answers with an error, as HTTP with status 500, or not in the protocol that its port stands for.
The server speaks TLS, and no connection came about.
Nothing came back, while something is bound in the container. What it serves may take a protocol of its own.
""",
        cannot_tell=_UNSEEN.rstrip()
        + """
The engine publishes on another machine's addresses.
Only the engine's proxy was reached, which said nothing, and the container's own address can't be dialled.
An answer came back, but no connection arrived in the container: something else answers there.
"""
        + _OURS.lstrip(),
        limits="""
It does not know whether the application does its work. It asks one question, and logs in nowhere.
It does not know whether other machines reach the port.
It can't see that a datagram arrived: over UDP the answer alone counts.
It decides by IPv4 where a port is published on both. The address of IPv6 is dialled then, too, and told in the proof.
""",
    ),
    _page(
        "ports.publish-all",
        "each declared port, or -P",
        """
Starts another container with `-P`, and asks each declared port as `ports.published` does. Is missing where the
container could not be started.
""",
        proved="""
The declared port is published by `-P`, and serves as `ports.published` says.
The image declares no port, and `-P` publishes none.
""",
        disproved="""
The declared port is not published by `-P`.
It is published, and does not serve, as `ports.published` says.
The image declares no port, and `-P` publishes one.
""",
        not_observed="""
As of `ports.published`.
""",
        cannot_tell="""
The image declares more than 32 ports, and you did not ask for `-P`.
As of `ports.published`.
"""
        + _OURS.lstrip(),
        limits="""
As of `ports.published`.
""",
    ),
)

_PROCESSES = (
    _page(
        "command.pid1",
        "PID 1",
        """
Compares the arguments of PID 1 with ENTRYPOINT and CMD. Says of a command that a shell starts whether the shell stays
PID 1, to which signals go, or has given its place to the program. Another command than the declared one is no fault: a
script may start it. With `--entrypoint`, or a command of yours, compares them with that.
""",
        proved="""
PID 1 was seen.
""",
        not_observed="""
PID 1 was not seen. As a rule, the container ended before.
""",
        cannot_tell=_UNSEEN,
        limits="""
It knows the last look. What PID 1 was before is not told.
It knows the arguments as the program shows them: a program can write others over them.
""",
    ),
    _page(
        "command.arguments",
        "CMD",
        """
Looks for a CMD under an ENTRYPOINT in shell form. The engine hands the words of CMD to the shell, not to the program
that the shell starts. The check is there only where such a CMD is.
""",
        disproved="""
ENTRYPOINT is a shell that is given one text to run, CMD has words, and the text reads none of
  `$0`, `$1`, `$@`, `$*` and `$#`.
""",
        limits="""
It knows the shells by their names.
It does not follow a script that the text starts: that script gets no words either, unless the text hands them on.
""",
    ),
    _page(
        "environment.arrives",
        "ENV",
        """
Compares the variables of ENV with the environment with which PID 1 was started. Shows names, and never a value.
""",
        proved="""
Each variable is there, with the value that ENV gives it.
""",
        not_observed="""
A variable has another value, or is not there. A script may have changed it before it started the program.
""",
        cannot_tell="""
The host's /proc does not show the container, or the environment may not be read.
""",
        limits="""
It does not know what a program does with a variable.
""",
    ),
    _page(
        "workdir.pid1",
        "the directory, as /srv",
        """
Compares WORKDIR with the directory in which PID 1 is. The check is there only where the image has a WORKDIR.
""",
        proved="""
PID 1 is in that directory.
""",
        not_observed="""
PID 1 is in another directory. Many servers go to `/` at their start, and a link leads to where it points.
""",
        cannot_tell="""
The host's /proc does not show the container.
""",
        limits="""
It knows the last look. Where PID 1 was before is not told.
""",
    ),
    _page(
        "user.pid1",
        "PID 1",
        """
Reads the effective user and group of PID 1, its further groups and its capabilities. Takes the name from the image's
/etc/passwd. Tells which user that is on the host, where the engine maps users. That PID 1 runs as root is no fault of
this check: the rule DL3002 tells it.
""",
        proved="""
The user of PID 1 was seen.
""",
        not_observed="""
PID 1 was not seen. As a rule, the container ended before.
""",
        cannot_tell=_UNSEEN,
        limits="""
It knows the last look. A program may change its user later.
It knows PID 1 alone. `processes.tree` has the users of the others in its proof.
It can't know whether the program itself asks for no new privileges: imglint does so for every container.
""",
    ),
    _page(
        "processes.tree",
        "processes",
        """
Lists the processes at the end of the watch. Counts the services that run side by side: a service with its workers is
one, and what a service starts is its own affair. Leaves out shells, inits, supervisors, and helpers as tail. Names
zombies, and processes that were left to PID 1 by a parent that ended. Several services are no fault of this check: the
rule AV0704 tells them.
""",
        proved="""
Processes were seen, and the container runs.
""",
        not_observed="""
The container has ended, or no process was seen.
""",
        cannot_tell=_UNSEEN,
        limits="""
It knows by names alone what is a shell, an init, a supervisor or a helper.
It knows an orphan only if its parent was seen before.
It does not know processes that come and go between two looks, or later.
""",
    ),
    _page(
        "processes.zombies",
        "processes",
        """
Counts the processes that have ended and whose parent is PID 1, at the end of the watch. PID 1 has to reap them. Is
there only where `processes.tree` is proved and there are such processes.
""",
        disproved="""
A zombie was seen whose parent is PID 1. Start the program by an init, as tini or `docker run --init`.
""",
        limits="""
It looks once. It does not know whether PID 1 would reap the zombie a moment later.
It leaves zombies of another parent to that parent.
""",
    ),
)

_WRITES = (
    _page(
        "writes.layer",
        "writable layer",
        """
Asks the engine at the end of the watch which paths of the container differ from the image. Measures the files, and
names the volume or tmpfs that would hold them. Leaves out what the engine itself changes. That something is written is
no fault of this check: the rule AV0104 judges it. Is missing where the container could not be started.
""",
        proved="""
The paths were told. Nothing has to be written.
""",
        limits="""
It knows what was written until then. Use `--observe` to send requests and to watch for longer.
It does not see what is written into volumes and tmpfs, or what is gone again.
It measures 200 paths at most. The others are counted.
""",
    ),
    _page(
        "pieces.arrived",
        "writable layer",
        """
Looks among the paths of `writes.layer` for programs and code that were added after the start. Knows them by the mode
of an executable file, or by a name as `app.py` or `app.jar`. Tells which of them runs. Is missing where the container
could not be started.
""",
        proved="""
No such file was added.
""",
        disproved="""
Such a file was added, and is not empty.
""",
        limits="""
It does not see what would be fetched: without `--network`, the container reaches no other machine, unless
  `engine.isolation` is disproved.
It does not see code in volumes, in memory, in files that were in the image before, or without such a name and mode.
It knows the files that `writes.layer` measures, of 200 paths at most.
It does not know whether a program has made the file by itself, as a compiler does.
""",
    ),
    _page(
        "addresses.peers",
        "the peer, as 10.0.0.5:5432",
        """
Looks at the TCP connections that the container has made and that stand at the last look. Searches the variables
of PID 1 and the arguments of all processes for the peer's address. Is there only for such connections. The rule AV1003
tells the same.
""",
        proved="""
The address stands in no variable and in no argument.
""",
        disproved="""
The address stands in a variable or in an argument, so that no name was looked up.
""",
        limits="""
It sees few peers without `--network`: the container reaches nobody but itself, unless `engine.isolation` is disproved.
It does not look at connections of the container to itself.
It does not know addresses in files or in the program itself.
It reads the variables of the image's configuration where this machine's /proc does not show those of PID 1.
""",
    ),
)

_HEALTH = (
    _page(
        "health.static",
        "HEALTHCHECK",
        """
Reads the HEALTHCHECK, and looks in the started container for the programs that it calls. Runs nothing. Looks for the
first word of the exec form; of the shell form for /bin/sh and the first word of each command. Searches the PATH of the
image. Tells after how many seconds a service that never answers is unhealthy. Is missing where the image has no
HEALTHCHECK, and where the container could not be started.
""",
        proved="""
Each program is in the container and executable.
""",
        disproved="""
A program is not there, or not executable.
The HEALTHCHECK holds no command.
""",
        cannot_tell="""
The history of the image has a HEALTHCHECK, and its configuration has none: Podman drops it from images in OCI format.
""",
        limits="""
It does not know programs that a variable names, or that a script calls.
It does not know whether a program runs. Where `health.by-hand` or `health.engine` is proved, that counts, and a program
  that is missing here fails no run.
""",
    ),
    _page(
        "health.by-hand",
        "HEALTHCHECK",
        """
Runs the command of the HEALTHCHECK in the first container, as the engine would: as the image's user, with its variables
and in its directory. Keeps to its timeout. Runs it again every second until it passes or the time is over: the time
that the HEALTHCHECK grants, or `--wait` if that is less. Is missing where the container has ended.
""",
        proved="""
The command ended with exit code 0.
""",
        disproved="""
The command is not there or can't be run, so that waiting would not help.
It had not passed when the engine would call the service unhealthy: after the start period and all retries.
The HEALTHCHECK holds no command.
""",
        not_observed="""
It did not pass within `--wait`, and the HEALTHCHECK grants more time.
The container ended before that time was over.
""",
        cannot_tell=_OURS.lstrip(),
        limits="""
It does not know whether the command can fail. `health.notices` tries that.
It does not stop a command that hangs: that ends with the container.
""",
    ),
    _page(
        "health.notices",
        "HEALTHCHECK",
        """
Tries whether the HEALTHCHECK can fail. Runs its command in a container of the image that only sleeps, where the service
was never started. Then stops all processes of the first container by SIGSTOP, runs the command there, and lets them go
on. Waits for the timeout of the HEALTHCHECK, 5 seconds at most. Where it passes beside a frozen service, runs it again
for 15 seconds: it may look at the age of a file. Is missing where the HEALTHCHECK holds no command, and
where the container has ended.
""",
        proved="""
The command fails or hangs without the service, and with the frozen one.
It fails or hangs without the service, and the processes can't be stopped from outside.
It fails with the frozen service, and no container that only sleeps could be started.
""",
        disproved="""
The command passes where the service was never started.
It passes while every process of the service is stopped.
""",
        not_observed="""
`health.by-hand` did not pass in the first place.
The command hangs with the frozen service, and no container that only sleeps could be started.
""",
        cannot_tell="""
The processes can't be stopped from outside, and no container that only sleeps could be started.
""",
        limits="""
It knows a service that is missing and one that is frozen. It does not know one that is half broken, as without its
  database.
""",
    ),
    _page(
        "health.engine",
        "HEALTHCHECK",
        """
Starts another container with the image's own HEALTHCHECK, and lets the engine run it. Asks for a probe every second
instead of the image's interval, and for as many more retries, so that the granted time stays. Watches until the engine
says healthy or unhealthy, for the granted time or `--wait` at most, and 3 seconds more. Lets the other images of the
run wait meanwhile. Where `health.by-hand` was disproved, grants no more than the retries of the HEALTHCHECK. Is missing
where the image has no HEALTHCHECK, and where the container could not be started.
""",
        proved="""
The engine calls the container healthy.
""",
        disproved="""
The engine calls the container unhealthy while it runs.
The container ended after its first probe.
No probe has passed at the end of the watch, and none passed by hand either.
The HEALTHCHECK holds no command.
""",
        not_observed="""
`health.by-hand` was not observed: it is not waited for a second time.
The container ended before its first probe.
The engine still says starting at the end of the watch.
""",
        cannot_tell="""
The engine ran no probe to its end. Podman runs probes only where systemd does.
"""
        + _OURS.lstrip(),
        limits="""
It does not know the image's own interval: a service that fails between two probes of it is not seen here.
It does not know whether the HEALTHCHECK can fail. `health.notices` tries that.
""",
    ),
)

_STOP = (
    _page(
        "stop.signal",
        "the signal, as SIGTERM",
        """
Stops the first container as `docker stop` does: by the STOPSIGNAL of the image, SIGTERM by default, and by a kill after
`--stop-timeout`, 10 seconds by default. Kills after 2 seconds where PID 1 does not take the signal, since the kernel
drops it then. Reads in the engine's events whether it killed. Says where a shell between an init and the service keeps
the signal from the service. Is missing where the container had ended.
""",
        proved="""
The container ended by its stop signal, with whatever exit code.
""",
        disproved="""
The engine had to kill it.
""",
        not_observed="""
The container ended by itself before the signal was sent.
""",
        limits="""
It does not know whether the service finished its work, or only ended.
It does not judge the exit code.
It stops a container that is idle. Under load it may take longer.
""",
    ),
)

_HOLDS = """
It listens on the ports of the first run again. It answers, stores and passes its HEALTHCHECK where it did so under the
  usual conditions. Its output has no new complaint.
It ended in the first run, and ends with the same exit code and without a new complaint.
"""
_HOLDS_NOT = """
The engine can't create or start the container so.
It ends where the first run went on, or with another exit code, or goes on where the first run ended.
Nothing listens on a port of the first run, within the time of that run and 3 seconds more.
It answers on a port no more, or a Redis stores no value any more, while it did so under the usual conditions.
Its HEALTHCHECK fails, and passed under the usual conditions.
It goes on, but its output has a line of trouble that the first run had not, as "permission denied".
"""
_HOLDS_LIMITS = """
It asks a few questions only, on 4 TCP ports at most, and none within TLS. What other requests need is not tried.
It asks nothing where no side container can be started.
It knows complaints by their words alone, and the last 200 lines of a run under the usual conditions.
It does not compare ports where the sockets can't be seen.
"""
_DEEP = (
    _page(
        "deep.*",
        "the options, as of docker run",
        """
Runs the image again under one harder condition each, and holds that run against the first one. Learns in one more run
under the usual conditions which ports answer and whether the HEALTHCHECK passes. Is there with `--deep` only. Is no
fault of the image: it tells how far the image can be locked up.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS.rstrip()
        + """
It tries one condition at a time. `--harden` looks for what holds together.
""",
    ),
    _page(
        "deep.read-only",
        "--read-only",
        """
Runs the image with a root file system that can't be written, and holds that run against the first one. Is there with
`--deep` only.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS,
    ),
    _page(
        "deep.read-only-tmpfs",
        "--read-only and a --tmpfs for each directory",
        """
Runs the image with a root file system that can't be written, and a tmpfs over each directory that the first run wrote
files to. Holds that run against the first one. Is there with `--deep` only, and only where there are such directories.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS.rstrip()
        + """
It knows the directories of the first run. A tmpfs hides what the image holds there.
""",
    ),
    _page(
        "deep.any-user",
        "--user 1000670000:0",
        """
Runs the image as a user whom it does not know, in the group of root, as platforms do that give each project numbers of
its own. Holds that run against the first one. Is there with `--deep` only.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS,
    ),
    _page(
        "deep.no-capabilities",
        "--cap-drop ALL",
        """
Runs the image without any capability, and holds that run against the first one. Is there with `--deep` only.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS.rstrip()
        + """
It does not know which capability is missing. `--harden` finds it.
""",
    ),
    _page(
        "deep.low-limits",
        "--pids-limit 64 --memory 128m",
        """
Runs the image with 64 processes and 128 MB of memory at most, and holds that run against the first one. Is there with
`--deep` only.
""",
        proved=_HOLDS,
        disproved=_HOLDS_NOT,
        limits=_HOLDS_LIMITS.rstrip()
        + """
It does not know what the image needs under load.
""",
    ),
)

_FILES = (
    _page(
        "expect.*",
        "what the entry is about",
        """
Holds each entry of a file of `--expect` against what was observed. Decides most of them by the first run, in which
nothing is published. Of files and commands it is missing where the container could not be started.
""",
        proved="""
`expect.port`: of `listening`, a socket waits outside of the loopback; of `closed`, none does; of `published`,
  `ports.published` is proved.
`expect.ports`: with `other-ports: false`, no other port is listened on outside of the loopback.
`expect.health`: the engine told the expected status, within the expected time. Where it runs no probe, `health.by-hand`
  decides.
`expect.user`: PID 1 has the expected numbers.
`expect.command`: of `command`, PID 1 has exactly these arguments; of `commands`, the command ended with the expected
  exit code, and its output matches.
`expect.processes`: there are not more processes, or services, than expected.
`expect.writes`: each file that was written and measured stands below an expected path.
`expect.stop`: `stop.signal` is proved, within the expected time.
`expect.output`: the pattern is found in the last 20 lines of the output.
`expect.file`: the path is there or not, as expected, and has the expected mode and contents.
""",
        disproved="""
What is expected does not hold.
`expect.port`: `published` is expected, and the port was not published, since nothing listens on it.
`expect.health`: the image has no HEALTHCHECK that ran, or `health.engine` was not observed.
`expect.command`: PID 1 was not seen, or the command did not end within 30 seconds.
""",
        not_observed="""
`expect.port`: `ports.published` was not observed.
`expect.health`: the engine runs no probe, and `health.by-hand` was not observed.
`expect.user`, `expect.processes`: PID 1, or any process, was not seen.
`expect.command`: the container ended before the command could be run.
`expect.stop`: the container had ended by itself.
""",
        cannot_tell="""
`expect.port`: the sockets could not be seen, or `ports.published` can't tell.
`expect.health`: the engine runs no probe, and `health.by-hand` can't tell.
""",
        limits="""
It does not know more than the checks that it follows.
`expect.ports` is proved also where the sockets could not be seen.
`expect.writes` leaves out what was not measured.
`expect.file` reads files up to 4 MiB, and takes a larger one for an empty one.
""",
        covers="expect.port expect.ports expect.health expect.user expect.command expect.processes expect.writes"
        " expect.stop expect.output expect.file",
    ),
    _page(
        "structure.*",
        "the name of the test",
        """
Runs the tests of a file of container-structure-test. Starts a container for each command, without the image's
ENTRYPOINT. Reads files and metadata without starting anything. Where `--expect` names such files alone, no other check
runs.
""",
        proved="""
`structure.command`: the command ended with the expected exit code, and its output matches.
`structure.file`: the path is there or not, as expected, with the expected mode and owners.
`structure.content`: the file matches the expected patterns, and none of the excluded ones.
`structure.license`: the file names neither AGPL nor WTFPL.
`structure.metadata`: the configuration of the image is as expected.
""",
        disproved="""
What a test says does not hold.
`structure.command`: the command did not end within 60 seconds, or the engine can't start it.
`structure.content`, `structure.license`: the file is not there.
""",
        cannot_tell="""
`structure.file`: the test asks for an owner, and Podman does not tell the owners of files.
""",
        limits="""
It runs commands without a way out, with 512 MB of memory and 256 processes. A command that needs more is disproved.
  Use `--network`, `--memory` or `--pids-limit`.
""",
        covers="structure.command structure.file structure.content structure.license structure.metadata",
    ),
)

PAGES: Mapping[str, CheckPage] = {
    page.name: page for page in (*_IMAGE, *_PORTS, *_PROCESSES, *_WRITES, *_HEALTH, *_STOP, *_DEEP, *_FILES)
}
# What people call a check → its page: by its name, by the name of its kind, or as one of a kind.
_KNOWN: Mapping[str, CheckPage] = {
    **{one.name.removesuffix(".*"): one for one in PAGES.values()},
    **{name: one for one in PAGES.values() for name in (one.name, *one.covers)},
}


def find_page(name: str) -> CheckPage | None:
    """The page of a check, or of a kind of checks ("deep", "deep.*"); None: there is no such check."""
    return _KNOWN.get(name.lower())


def check_names() -> list[str]:
    """Every name that has a page, in the order of the pages."""
    return [name for one in PAGES.values() for name in (one.name, *one.covers)]


def nearest_check(name: str) -> tuple[str, float]:
    """The check that a misspelt name is closest to, or "", and how close it is, from 0 to 1."""
    close = difflib.get_close_matches(name.lower(), check_names(), 1, 0.5)
    if not close:
        return "", 0.0
    return close[0], difflib.SequenceMatcher(None, name.lower(), close[0]).ratio()
