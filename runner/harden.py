"""The least that an image needs: options that were really run, and without any of which it would not do what it does."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .command import main_process
from .oracle import Oracle, Outcome
from .session import Session
from .start import Start
from .watch import Run
from .writes import directories_of

# What Docker and Podman grant unasked.
_DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
    "SYS_CHROOT", "AUDIT_WRITE", "MKNOD", "NET_RAW",
)  # fmt: skip
_NOBODY = "65532:65532"  # as images without a shell name their user
# Most servers that start as root need no more than these.
_LIKELY = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_BIND_SERVICE", "SETGID", "SETUID")
HEADROOM = 4  # times what it used at most while it was asked: a busier day needs more than a test
_PIDS = (16, 32, 64, 128, 256, 512, 1024)
_MEGABYTES = (32, 64, 128, 256, 512, 1024, 2048)
_ROUNDS = 5  # of asking a program that may write nowhere where it wanted to


class Trial(NamedTuple):
    """One run: the options it had, and how it went."""

    options: str  # as flags of docker run
    holds: bool
    reason: str


class Hardening(NamedTuple):
    """Options under which an image does all that it did."""

    user: str = ""  # "" for the image's own
    capabilities: tuple[str, ...] | None = ()  # those that it needs; None where none could be taken away
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()  # directories that have to be writable
    pids: int = 0  # 0: no limit held
    megabytes: int = 0
    asked: str = ""  # what it was asked to do in each run
    holds: bool = False  # all of it together
    trials: tuple[Trial, ...] = ()
    start: Start = Start()  # what each run was given

    def options(self) -> dict[str, Any]:
        """As the engine takes them."""
        out: dict[str, Any] = {"security_opt": ["no-new-privileges"]}
        if self.user:
            out["user"] = self.user
        if self.capabilities is not None:
            out["cap_drop"] = ["ALL"]
            out["cap_add"] = list(self.capabilities)
        if self.read_only:
            out["read_only"] = True
            out["tmpfs"] = dict.fromkeys(self.tmpfs, "")
        if self.pids:
            out["pids_limit"] = self.pids
        if self.megabytes:
            out["mem_limit"] = out["memswap_limit"] = f"{self.megabytes}m"
        return out

    def flags(self) -> list[str]:
        """As flags of `docker run`."""
        return flags(self.options())

    def docker_run(self, image: str) -> str:
        """The whole command, with what was given to each run."""
        return self.start.line(image, " ".join(self.flags()), user=not self.user)

    def compose(self) -> dict[str, Any]:
        """As keys of a service in compose.yaml."""
        out: dict[str, Any] = {**self.start.compose(), "security_opt": ["no-new-privileges:true"]}
        if self.user:
            out["user"] = self.user
        if self.capabilities is not None:
            out["cap_drop"] = ["ALL"]
            if self.capabilities:
                out["cap_add"] = list(self.capabilities)
        if self.read_only:
            out["read_only"] = True
            if self.tmpfs:
                out["tmpfs"] = [*out.get("tmpfs", ()), *self.tmpfs]
        if self.pids:
            out["pids_limit"] = self.pids
        if self.megabytes:
            out["mem_limit"] = f"{self.megabytes}m"
        return out

    def kubernetes(self) -> dict[str, Any]:
        """As a container of a pod, with the volumes that it needs."""
        context: dict[str, Any] = {"allowPrivilegeEscalation": False}
        if self.user:
            uid, _, gid = self.user.partition(":")
            context |= {"runAsNonRoot": True, "runAsUser": int(uid), "runAsGroup": int(gid or uid)}
        if self.capabilities is not None:
            context["capabilities"] = {"drop": ["ALL"]}
            if self.capabilities:
                context["capabilities"]["add"] = list(self.capabilities)
        container: dict[str, Any] = {"securityContext": context}
        if self.read_only:
            context["readOnlyRootFilesystem"] = True
        if self.megabytes:
            container["resources"] = {"limits": {"memory": f"{self.megabytes}Mi"}}
        pod: dict[str, Any] = {"containers": [container]}
        if self.read_only and self.tmpfs:
            names = {one: f"tmpfs-{number}" for number, one in enumerate(self.tmpfs)}
            container["volumeMounts"] = [{"name": name, "mountPath": one} for one, name in names.items()]
            pod["volumes"] = [{"name": name, "emptyDir": {"medium": "Memory"}} for name in names.values()]
        return pod


def flags(options: Mapping[str, Any]) -> list[str]:
    """Options of the engine as flags of `docker run`."""
    out = []
    if options.get("user"):
        out += ["--user", options["user"]]
    out += [f"--cap-drop={one}" for one in options.get("cap_drop") or ()]
    out += [f"--cap-add={one}" for one in options.get("cap_add") or ()]
    out += [f"--security-opt={one}" for one in options.get("security_opt") or ()]
    if options.get("read_only"):
        out.append("--read-only")
    out += [f"--tmpfs={one}" for one in options.get("tmpfs") or ()]
    if options.get("pids_limit"):
        out.append(f"--pids-limit={options['pids_limit']}")
    if options.get("mem_limit"):
        out.append(f"--memory={options['mem_limit']}")
    return out


def harden(session: Session, config: Mapping[str, Any], first: Run) -> Hardening:
    """Find the least that holds. Each step keeps what the steps before have found."""
    search = _Search(Oracle(session, config, first))
    usual = search.oracle.learn()
    start = session.conditions.start
    found = Hardening(capabilities=None, asked=search.oracle.usual.told, start=start)
    if not search.holds(found):
        return found._replace(trials=tuple(search.trials))
    main = main_process(first)
    if main is not None and main.uid == 0 and not start.user:
        found = search.better(found, found._replace(user=_NOBODY))
    found = _without_capabilities(search, found)
    found = _read_only(search, found, _written_places(first, config))
    # What is not known is not limited.
    if usual.peak_pids:
        found = search.better(found, found._replace(pids=_above(_PIDS, HEADROOM * usual.peak_pids)))
    if usual.peak_bytes:
        megabytes = _above(_MEGABYTES, (HEADROOM * usual.peak_bytes >> 20) + 1)
        found = search.better(found, found._replace(megabytes=megabytes))
    holds = search.again(found)
    return found._replace(holds=holds, trials=tuple(search.trials))


def _written_places(first: Run, config: Mapping[str, Any]) -> list[str]:
    """Where it wrote files and made directories, and where it works: a database writes there when it is asked to."""
    files = directories_of(write for write in first.writes if write.bytes is not None)
    made = [
        posixpath.dirname(write.path)
        for write in first.writes
        if write.bytes is None and write.kind == "added"
    ]
    working = str(config.get("WorkingDir") or "/")
    return [*files, *(one for one in (*made, working) if one != "/")]


def _above(steps: Sequence[int], wanted: int) -> int:
    """The first step that is enough; 0, no limit, where none is."""
    return next((step for step in steps if step >= wanted), 0)


class _Search:
    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.trials: list[Trial] = []
        self._known: dict[str, Outcome] = {}

    def holds(self, candidate: Hardening) -> bool:
        return self.outcome(candidate).holds

    def outcome(self, candidate: Hardening) -> Outcome:
        shown = " ".join(candidate.flags())
        if shown not in self._known:
            self.again(candidate)
        return self._known[shown]

    def again(self, candidate: Hardening) -> bool:
        """Run it, whether it was run before or not: what is printed has held twice."""
        shown = " ".join(candidate.flags())
        self._known[shown] = outcome = self.oracle.try_with(**candidate.options())
        self.trials.append(Trial(shown, outcome.holds, outcome.reason))
        return outcome.holds

    def better(self, now: Hardening, candidate: Hardening) -> Hardening:
        return candidate if self.holds(candidate) else now


def _without_capabilities(search: _Search, found: Hardening) -> Hardening:
    bare = found._replace(capabilities=())
    if search.holds(bare):
        return bare
    enough = next(
        (
            some
            for some in (_LIKELY, _DEFAULT_CAPABILITIES)
            if search.holds(found._replace(capabilities=some))
        ),
        None,
    )
    if enough is None:
        return found
    return found._replace(
        capabilities=_needed(enough, lambda some: search.holds(found._replace(capabilities=tuple(some))))
    )


def _read_only(search: _Search, found: Hardening, directories: Sequence[str]) -> Hardening:
    bare = found._replace(read_only=True)
    if search.holds(bare):
        return bare
    given = found.start.targets
    candidates = tuple(
        dict.fromkeys(
            directory for directory in (*directories, "/tmp", "/run", "/var/tmp") if directory not in given
        )
    )
    # A program that could not write ends, as a rule, before it comes to the other places.
    for _ in range(_ROUNDS):
        outcome = search.outcome(bare._replace(tmpfs=candidates))
        more = [one for one in outcome.refused if one not in {*candidates, *given, "/"}]
        if outcome.holds or not more:
            break
        candidates += tuple(dict.fromkeys(more))
    if not search.holds(bare._replace(tmpfs=candidates)):
        return found
    return bare._replace(
        tmpfs=_needed(candidates, lambda some: search.holds(bare._replace(tmpfs=tuple(some))))
    )


def _needed(all_of_them: Sequence[str], holds: Any) -> tuple[str, ...]:
    """Those without any one of which it does not hold; halves are tried first, for most are not needed."""
    kept = list(all_of_them)
    size = len(kept) // 2
    while size:
        at = 0
        while at < len(kept):
            fewer = kept[:at] + kept[at + size :]
            if len(fewer) < len(kept) and holds(fewer):
                kept = fewer
            else:
                at += size
        size //= 2
    for one in list(kept):
        fewer = [other for other in kept if other != one]
        if holds(fewer):
            kept = fewer
    return tuple(kept)
