"""What the checks of a container weigh: check × verdict → level. The table of the documentation is made from this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from .rule import Severity

if TYPE_CHECKING:
    from ..runner import Check, Observation


class FailOn(NamedTuple):
    """From which level on a check makes the run fail; None: never."""

    level: Severity | None = Severity.WARNING
    unknown: bool = False  # whether undecided checks and unknown cells fail, too

    @classmethod
    def of(cls, word: str) -> FailOn:
        """What a word of `FAIL_ON` means.

        >>> FailOn.of("unknown")
        FailOn(level=<Severity.WARNING: 2>, unknown=True)
        """
        if word == "unknown":
            return cls(unknown=True)
        return cls(None if word == "none" else Severity[word.upper()])


FAIL_ON = ("error", "warning", "info", "none", "unknown")


class Claim(NamedTuple):
    """What a check puts to the test, and how bad it is when that does not hold."""

    level: Severity | None  # None: it tells a fact, or speaks of the engine, and never fails a run
    text: str


# A name that ends in ".*" stands for all checks of that kind.
CLAIMS: Mapping[str, Claim] = {
    "image.preflight": Claim(Severity.ERROR, "the engine can describe the image"),
    "engine.calibration": Claim(None, "what the engine shows of a container whose behaviour is known"),
    "engine.isolation": Claim(None, "the container has no way out to other machines"),
    "container.stays": Claim(Severity.ERROR, "the container can be created and started, and goes on running"),
    "sockets.listening": Claim(Severity.WARNING, "the sockets that wait can be seen"),
    "ports.exposed": Claim(Severity.ERROR, "a server listens on a port that EXPOSE declares"),
    "ports.undeclared": Claim(None, "a port that is listened on is not declared"),
    "ports.plain": Claim(Severity.ERROR, "nothing is published without being asked for"),
    "ports.dead": Claim(None, "what connecting to a port without a server looks like on this engine"),
    "ports.published": Claim(Severity.ERROR, "a published port serves"),
    "ports.publish-all": Claim(Severity.ERROR, "-P publishes the declared ports, and they serve"),
    "command.pid1": Claim(Severity.WARNING, "what PID 1 runs can be seen"),
    "command.arguments": Claim(Severity.WARNING, "the words of CMD reach the program"),
    "environment.arrives": Claim(None, "the variables of ENV are in the environment of PID 1"),
    "workdir.pid1": Claim(None, "WORKDIR is the working directory of PID 1"),
    "user.pid1": Claim(Severity.WARNING, "the user of PID 1 can be seen"),
    "processes.tree": Claim(Severity.WARNING, "the processes can be seen"),
    "processes.zombies": Claim(Severity.INFO, "PID 1 reaps the processes that have ended"),
    "writes.layer": Claim(Severity.WARNING, "what is written outside volumes can be seen"),
    "pieces.arrived": Claim(Severity.WARNING, "no program or code arrives after the start"),
    "addresses.peers": Claim(Severity.WARNING, "peers are dialled by name, not by address"),
    "health.static": Claim(Severity.ERROR, "the image holds what its HEALTHCHECK starts"),
    "health.by-hand": Claim(Severity.ERROR, "the HEALTHCHECK passes when it is run by hand"),
    "health.notices": Claim(Severity.WARNING, "the HEALTHCHECK fails when the service is frozen"),
    "health.engine": Claim(Severity.ERROR, "the engine calls the container healthy"),
    "stop.signal": Claim(Severity.WARNING, "the container ends by its stop signal, without a kill"),
    "deep.*": Claim(None, "it still works under harder conditions"),
    "expect.*": Claim(Severity.ERROR, "an expectation of --expect holds"),
    "structure.*": Claim(Severity.ERROR, "a test of container-structure-test passes"),
}
# A tool may end when its work is done. Of a service, IL015 says that it should not have.
ENDED_WELL = Claim(Severity.INFO, "the same, where PID 1 ended by itself with exit code 0")
# Wrong whatever --fail-on says: these files are there to be held against.
EXPECTATIONS = ("expect.", "structure.")

# Check → the rules whose finding about the same subject tells the same fault.
FINDINGS: Mapping[str, tuple[str, ...]] = {
    "container.stays": ("IL015",),
    "ports.exposed": ("IL020",),
    "pieces.arrived": ("AV0204",),
    "addresses.peers": ("AV1003",),
}
# Check → the checks that tell the same fault, or the cause of it.
CAUSES: Mapping[str, tuple[str, ...]] = {
    "ports.exposed": ("container.stays", "expect.port"),
    "ports.published": ("container.stays", "expect.port", "ports.exposed"),
    "ports.publish-all": ("container.stays", "expect.port", "ports.exposed", "ports.published"),
    "command.pid1": ("container.stays",),
    "user.pid1": ("container.stays", "expect.user"),
    "processes.tree": ("container.stays",),
    "health.static": ("expect.health",),
    "health.by-hand": ("expect.health", "health.static"),
    "health.notices": ("health.static", "health.by-hand"),
    "health.engine": ("container.stays", "expect.health", "health.static", "health.by-hand"),
    "stop.signal": ("expect.stop",),
}
_BY_PORT = frozenset({"ports.exposed", "ports.published", "ports.publish-all", "expect.port"})
# Check → the checks that outweigh it where they are proved: of two tools in a HEALTHCHECK one may be missing.
REFUTED_BY: Mapping[str, tuple[str, ...]] = {
    "health.static": ("health.by-hand", "health.engine"),
    "health.by-hand": ("health.engine",),
}


def claim_of(name: str) -> Claim | None:
    """The claim that a check of this name tests; None: the table does not know it."""
    return CLAIMS.get(name) or CLAIMS.get(f"{name.partition('.')[0]}.*")


def level_of(check: Check, seen: Observation) -> Severity | None:
    """How bad it is that this check was not proved; None: never a failure."""
    if check.name == "container.stays" and seen.started and seen.exit_code == 0:
        return ENDED_WELL.level
    claim = claim_of(check.name)
    return Severity.ERROR if claim is None else claim.level


def failed_checks(
    seen: Observation, told: set[tuple[str, str]], fail_on: FailOn, *, allow_unknown: bool = False
) -> list[tuple[Check, Severity]]:
    """The checks of a container that make a run fail, each fault once, with their levels.

    Args:
        seen: with its checks.
        told: code and subject of the findings that are failures already.
        fail_on: the level from which on a check fails the run.
        allow_unknown: whether an expectation passes that could not be decided.
    """
    proved = {one.name for one in seen.checks if one.verdict == "proved"}
    failed: list[tuple[Check, Severity]] = []
    known: set[tuple[str, str]] = set()  # name and subject of the checks that are told
    # What causes another fault stands before it; only expectations are asked last and told first.
    for check in sorted(seen.checks, key=lambda one: not one.name.startswith(EXPECTATIONS)):
        if check.verdict == "proved" or not proved.isdisjoint(REFUTED_BY.get(check.name, ())):
            continue
        subject = check.subject
        told_before = any((code, subject) in told for code in FINDINGS.get(check.name, ())) or any(
            (cause, subject) in known or (cause not in _BY_PORT and any(cause == name for name, _ in known))
            for cause in CAUSES.get(check.name, ())
        )
        level = level_of(check, seen)
        if told_before:
            known.add((check.name, subject))
        elif level is not None and _fails(check, level, seen, fail_on, allow_unknown):
            failed.append((check, level))
            known.add((check.name, subject))
    return failed


def _fails(check: Check, level: Severity, seen: Observation, fail_on: FailOn, allow_unknown: bool) -> bool:
    disproved = check.verdict == "disproved"
    if check.name.startswith(EXPECTATIONS):
        return disproved or not allow_unknown
    if not disproved:
        return fail_on.unknown
    # What could not even be started was not verified, whatever may pass.
    never_ran = check.name == "container.stays" and not seen.started
    return never_ran or (fail_on.level is not None and level >= fail_on.level)
