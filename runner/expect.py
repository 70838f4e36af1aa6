"""What must hold of a container, as a file that a team keeps: read, held against what was observed, and written from it.

`expect.schema.json` beside this module says what such a file may hold.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analyzer.credentials import mask
from .execution import run as run_command
from .files import read, stat
from .observation import Check, Observation, Verdict
from .ports import parse_port
from .processes import services
from .schema import validate
from .session import Container
from .watch import Run

if TYPE_CHECKING:
    from ..analyzer.yaml_file import YamlFile

_COMMAND_SECONDS = 30.0


class Expectations(NamedTuple):
    """The file, read and checked."""

    ports: Mapping[str, str] = {}  # "8888/tcp" → "listening", "published" or "closed"
    other_ports: bool = True  # whether others may listen, too
    health: Mapping[str, Any] = {}  # status, within (seconds)
    user: Mapping[str, Any] = {}  # uid, gid, or root: false
    command: Sequence[str] = ()  # the argv of PID 1
    processes: Mapping[str, int] = {}  # max, services
    writes: Sequence[str] | None = None  # patterns of paths that may be written; None: any
    stop: Mapping[str, float] = {}  # within (seconds)
    output: Sequence[str] = ()  # patterns that the log must hold
    commands: Sequence[Mapping[str, Any]] = ()  # run, exit, stdout, stderr
    files: Mapping[str, Mapping[str, Any]] = {}  # path → exists, contains, mode
    run: Mapping[str, tuple[str, ...]] = {}  # with which options it is started, as the command line has them
    origin: str = ""  # the file


def parse_expectations(file: YamlFile) -> Expectations:
    """The expectations that a file holds.

    Raises:
        InputError: it is not what its schema describes, contradicts itself, or expects nothing.
    """
    if file.is_empty:
        raise file.wrong("is empty", _HINT)
    validate(file, "expect.schema.json")
    raw: dict[str, Any] = file.value
    ports: dict[str, str] = {}
    for written, state in raw.get("ports", {}).items():
        port = str(parse_port(written)[0])
        if port in ports:
            raise file.wrong(f"names the port {port} twice", line=file.line(["ports", written]))
        ports[port] = state
    user = raw.get("user", {})
    if "uid" in user and user.get("root", user["uid"] == 0) is not (user["uid"] == 0):
        problem = f"user contradicts itself: uid {user['uid']} is {'' if user['uid'] == 0 else 'not '}root's"
        raise file.wrong(problem, "leave one of uid and root out", line=file.line(["user"]))
    for path, wanted in raw.get("files", {}).items():
        if not wanted.get("exists", True) and len(wanted) > 1:
            problem = (
                f"{path} has to be absent, and yet to have {' and '.join(sorted({*wanted} - {'exists'}))}"
            )
            raise file.wrong(problem, line=file.line(["files", path]))
    fields = {key.replace("-", "_"): value for key, value in raw.items() if key not in ("version", "run")}
    expected = Expectations(**{**fields, "ports": ports})
    if expected == Expectations():
        raise file.wrong("expects nothing", _HINT)
    return expected._replace(run=_options(raw.get("run", {})), origin=file.name)


def _options(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Options of a run, each with its values as texts; a switch that is off is none."""
    out: dict[str, tuple[str, ...]] = {}
    for name, value in raw.items():
        if isinstance(value, bool):
            texts = ("",) if value else ()
        else:
            texts = tuple(value) if isinstance(value, list) else (str(value),)
        if texts:
            out[name] = texts
    return out


_HINT = "`imglint verify IMAGE --write-expect FILE` writes one to start from"


# What has to be asked while the container runs


def inside(wanted: Expectations, container: Container, run: Run) -> list[Check]:
    """The files and commands, in a running container."""
    checks = [_file(container, path, one) for path, one in wanted.files.items()]
    for one in wanted.commands:
        command = one["run"]
        subject = " ".join(command)
        if not run.alive:
            checks.append(Check("expect.command", subject, Verdict.NOT_OBSERVED, run.ending))
            continue
        ran = run_command(container.session.engine, container.id, command, _COMMAND_SECONDS)
        proof = {"exit": ran.exit_code, "stdout": mask(ran.output)[-500:], "stderr": mask(ran.errors)[-500:]}
        faults = []
        if ran.exit_code != one.get("exit", 0):
            faults.append(f"ended with {ran.exit_code}")
        faults += [
            f"{stream} has nothing like {one[stream]!r}"
            for stream, text in (("stdout", ran.output), ("stderr", ran.errors))
            if one.get(stream) and not re.search(one[stream], text, re.MULTILINE)
        ]
        checks.append(_check("expect.command", subject, faults, f"ended with {ran.exit_code}", proof))
    return checks


def _file(container: Container, path: str, wanted: Mapping[str, Any]) -> Check:
    found = stat(container, path)
    faults = []
    if (found is not None) is not wanted.get("exists", True):
        faults.append("is there" if found is not None else "is not there")
    elif found is not None:
        if "mode" in wanted and found.mode != int(wanted["mode"], 8):
            faults.append(f"has mode {found.mode:04o}")
        if wanted.get("contains"):
            data = (read(container, path) or b"").decode("utf-8", "replace")
            if not re.search(wanted["contains"], data, re.MULTILINE):
                faults.append(f"holds nothing like {wanted['contains']!r}")
    return _check(
        "expect.file", path, faults, "is as expected", {"found": found._asdict() if found else None}
    )


# What the observation tells


def outside(wanted: Expectations, seen: Observation) -> list[Check]:
    """Everything else, from what was observed."""
    checks = [_port(port, state, seen) for port, state in wanted.ports.items()]
    if not wanted.other_ports:
        others = {
            f"{listener.port}/{listener.protocol}" for listener in seen.listeners if not listener.loopback
        } - set(wanted.ports)
        faults = [f"{', '.join(sorted(others))} listens, too"] if others else []
        checks.append(
            _check("expect.ports", "others", faults, "no other port listens", {"others": sorted(others)})
            if seen.processes or not seen.alive
            else Check("expect.ports", "others", Verdict.CANNOT_TELL, "sockets could not be seen")
        )
    if wanted.health:
        checks.append(_health(wanted.health, seen))
    main = next((process for process in seen.processes if process.pid == 1), None)
    if wanted.user:
        checks.append(_user(wanted.user, main.uid if main else None, main.gid if main else None))
    if wanted.command:
        argv = list(main.argv) if main else []
        faults = [] if argv == list(wanted.command) else [f"PID 1 is {' '.join(argv) or 'not there'!r}"]
        checks.append(_check("expect.command", "PID 1", faults, "is as expected", {"argv": argv}))
    if wanted.processes:
        checks += _processes(wanted.processes, seen)
    if wanted.writes is not None:
        paths = [write.path for write in seen.writes if write.bytes is not None]
        odd = [path for path in paths if not any(_under(path, pattern) for pattern in wanted.writes)]
        faults = [f"wrote {', '.join(odd[:3])}"] if odd else []
        checks.append(
            _check("expect.writes", "writable layer", faults, "wrote nowhere else", {"paths": odd[:50]})
        )
    if wanted.stop:
        checks.append(_stop(wanted.stop, seen))
    for pattern in wanted.output:
        faults = [] if re.search(pattern, seen.log, re.MULTILINE) else ["the output has nothing like it"]
        checks.append(
            _check("expect.output", pattern, faults, "is in the output", {"log": mask(seen.log)[-500:]})
        )
    return checks


def _check(name: str, subject: str, faults: Sequence[str], right: str, proof: Mapping[str, Any]) -> Check:
    if faults:
        return Check(name, subject, Verdict.DISPROVED, "; ".join(faults), proof)
    return Check(name, subject, Verdict.PROVED, right, proof)


def _port(port: str, state: str, seen: Observation) -> Check:
    waiting = [
        listener
        for listener in seen.listeners
        if f"{listener.port}/{listener.protocol}" == port and not listener.loopback
    ]
    proof = {"listening": [f"{one.address}:{one.port}" for one in waiting]}
    if state == "published":
        found = next(
            (check for check in seen.checks if check.name == "ports.published" and check.subject == port),
            None,
        )
        if found is None:
            return _check("expect.port", port, ["it was not published: nothing listens on it"], "", proof)
        return Check("expect.port", port, found.verdict, found.summary, found.proof)
    if not seen.processes and seen.alive:
        return Check("expect.port", port, Verdict.CANNOT_TELL, "sockets could not be seen", proof)
    if state == "closed":
        return _check("expect.port", port, ["listens"] if waiting else [], "nothing listens on it", proof)
    return _check("expect.port", port, [] if waiting else ["nothing listens on it"], "listens", proof)


def _health(wanted: Mapping[str, Any], seen: Observation) -> Check:
    found = next((check for check in seen.checks if check.name == "health.engine"), None)
    if found is None:
        return _check(
            "expect.health", "HEALTHCHECK", ["the image has no health check that could run"], "", {}
        )
    if found.verdict is Verdict.CANNOT_TELL:
        hand = next((check for check in seen.checks if check.name == "health.by-hand"), None)
        found = hand or found
        summary = f"run by hand, since the engine does not: {found.summary}"
        return Check("expect.health", "HEALTHCHECK", found.verdict, summary, found.proof)
    last = (found.proof.get("transitions") or [{}])[-1]
    faults = []
    if last.get("status") != wanted.get("status", "healthy"):
        faults.append(found.summary)
    elif "within" in wanted and last["seconds"] > wanted["within"]:
        faults.append(f"took {last['seconds']} s")
    return _check("expect.health", "HEALTHCHECK", faults, found.summary, found.proof)


def _user(wanted: Mapping[str, Any], uid: int | None, gid: int | None) -> Check:
    proof = {"uid": uid, "gid": gid}
    if uid is None:
        return Check("expect.user", "PID 1", Verdict.NOT_OBSERVED, "PID 1 was not seen", proof)
    faults = []
    if "uid" in wanted and uid != wanted["uid"]:
        faults.append(f"runs as uid {uid}")
    if "gid" in wanted and gid != wanted["gid"]:
        faults.append(f"runs as gid {gid}")
    if "root" in wanted and (uid == 0) is not wanted["root"]:
        faults.append(f"runs as uid {uid}")
    return _check("expect.user", "PID 1", faults, f"runs as uid {uid}, gid {gid}", proof)


def _processes(wanted: Mapping[str, int], seen: Observation) -> list[Check]:
    checks = []
    if not seen.processes:
        return [Check("expect.processes", "all", Verdict.NOT_OBSERVED, "no process was seen")]
    for key, count in (("max", len(seen.processes)), ("services", len(services(seen.processes)))):
        if key in wanted:
            faults = [f"there are {count}"] if count > wanted[key] else []
            checks.append(
                _check("expect.processes", key, faults, f"{count} of {wanted[key]}", {"count": count})
            )
    return checks


def _stop(wanted: Mapping[str, float], seen: Observation) -> Check:
    found = next((check for check in seen.checks if check.name == "stop.signal"), None)
    if found is None:
        return Check("expect.stop", "stop", Verdict.NOT_OBSERVED, "it had ended by itself")
    if found.verdict is Verdict.NOT_OBSERVED:
        return Check("expect.stop", "stop", found.verdict, found.summary, found.proof)
    late = found.proof["seconds"] > wanted.get("within", 10)
    faults = [found.summary] if late or found.verdict is not Verdict.PROVED else []
    return _check("expect.stop", "stop", faults, found.summary, found.proof)


def _under(path: str, pattern: str) -> bool:
    return path.startswith(f"{pattern.rstrip('/')}/") or fnmatch.fnmatchcase(path, pattern)


# Writing one


def observed_expectations(seen: Observation, run_directories: Sequence[str]) -> dict[str, Any]:
    """The expectations that hold of what was observed, as the file's own structure."""
    out: dict[str, Any] = {"version": 1}
    published = {
        check.subject
        for check in seen.checks
        if check.name == "ports.published" and check.verdict is Verdict.PROVED
    }
    ports = {}
    for listener in seen.listeners:
        port = f"{listener.port}/{listener.protocol}"
        if not listener.loopback:
            ports[port] = "published" if port in published else "listening"
    if ports:
        out["ports"] = ports
        out["other-ports"] = False
    health = next((check for check in seen.checks if check.name in ("health.engine", "health.by-hand")
                   and check.verdict is Verdict.PROVED), None)  # fmt: skip
    if health is not None:
        out["health"] = {"status": "healthy", "within": 30}
    main = next((process for process in seen.processes if process.pid == 1), None)
    if main is not None:
        out["user"] = {"uid": main.uid, "gid": main.gid}
        out["command"] = list(main.argv)
        out["processes"] = {
            "max": max(2 * len(seen.processes), 4),
            "services": max(len(services(seen.processes)), 1),
        }
    out["writes"] = list(run_directories)
    stopped = next((check for check in seen.checks if check.name == "stop.signal"), None)
    if stopped is not None and stopped.verdict is Verdict.PROVED:
        out["stop"] = {"within": max(5, round(2 * stopped.proof["seconds"]))}
    return out
