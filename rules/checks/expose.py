"""EXPOSE: ports that can be, in a form that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rule import ContainerExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage
    from ...runner import Observation

RANGE = Rule(
    code="DL3011",
    name="impossible-port",
    severity=Severity.ERROR,
    stops_build=True,
    aliases=("DS-0008",),
    message="{port} is not a port; use a number from 0 to 65535",
    page="""EXPOSE names a port that can't exist.

Ports have 16 bits.
""",
    bad=("FROM a\nEXPOSE 80 70000\n", "FROM a\nEXPOSE 65000-66000/udp\n", "FROM a\nENV P=70000\nEXPOSE $P\n"),
    good=("FROM a\nEXPOSE 80/tcp 8000-8010 65535/udp $PORT\n",),
)


@RANGE.instruction("EXPOSE")
def out_of_range(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        value = stage.expanded(word, instruction) or ""
        ports = value.partition("/")[0].split("-")
        if any(port.isdecimal() and int(port[:9]) > 65535 for port in ports):
            yield RANGE.finding(word.span, port=value)


FORM = Rule(
    code="ExposeInvalidFormat",
    name="published-in-expose",
    severity=Severity.WARNING,
    antipattern=10,
    message="EXPOSE {value} holds more than a port; use docker run -p for addresses and host ports",
    page="""EXPOSE is given an address or a host port.

EXPOSE only declares which ports the program listens on; where they are published is decided
when the container is started. Builders drop the address and the host port, BuildKit with a warning.
""",
    bad=("FROM a\nEXPOSE 127.0.0.1:80:80\n", "FROM a\nEXPOSE 80:80\n"),
    good=("FROM a\nEXPOSE 80 443/tcp ${PORT:-8000}\n",),
)


@FORM.instruction("EXPOSE")
def more_than_a_port(instruction: Instruction, stage: Stage) -> Outcome:
    for word in instruction.args:
        if ":" in word.value and "$" not in word.value:
            yield FORM.finding(word.span, value=word.value)


SILENT_PORT = Rule(
    code="IL020",
    name="nothing-listens",
    severity=Severity.WARNING,
    message="EXPOSE declares {port}, but nothing in the container listens on it{why}",
    page="""A declared port on which nothing listens.

EXPOSE is a promise to whoever runs the image: `docker run -P` publishes these ports and
orchestrators route to them. In the running container no socket waits on this port where
others could reach it: the number is wrong, the protocol is (udp for tcp), the server listens
on 127.0.0.1 only, or it is not running any more. Seen from the container's own socket table,
not by connecting: Docker's proxy accepts connections for ports nobody listens on.
""",
    bad=(
        ContainerExample(
            {
                "checks": [
                    {"name": "ports.exposed", "subject": "5555/tcp", "verdict": "disproved", "summary": "x"}
                ]
            }
        ),
    ),
    good=(
        ContainerExample(
            {"checks": [{"name": "ports.exposed", "subject": "80/tcp", "verdict": "proved", "summary": "x"}]}
        ),
    ),
)


@SILENT_PORT.container
def declared_and_dead(observation: Observation) -> Outcome:
    for check in observation.checks:
        if check.name != "ports.exposed":
            continue
        if check.verdict == "disproved":
            place = Place("container", subject=check.subject)
            why = f" ({check.summary})" if len(check.summary) > 1 else ""
            yield SILENT_PORT.finding(place, port=check.subject, why=why, proof=dict(check.proof))
        elif check.verdict != "proved":
            yield SILENT_PORT.skip("container", f"{check.subject}: {check.summary}")
