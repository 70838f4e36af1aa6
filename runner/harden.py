"""The least that an image needs: options that were really run, and without any of which it would not do what it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .command import main_process
from .oracle import Oracle
from .session import Session
from .watch import Run
from .writes import directories_of

# What Docker and Podman grant unasked.
_DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
    "SYS_CHROOT", "AUDIT_WRITE", "MKNOD", "NET_RAW",
)  # fmt: skip
_NOBODY = "65532:65532"  # as images without a shell name their user
_PIDS = (128, 64, 32, 16, 8, 4, 2)
_MEGABYTES = (256, 128, 64, 32, 16)


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
    holds: bool = False  # all of it together
    trials: tuple[Trial, ...] = ()

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

    def compose(self) -> dict[str, Any]:
        """As keys of a service in compose.yaml."""
        out: dict[str, Any] = {"security_opt": ["no-new-privileges:true"]}
        if self.user:
            out["user"] = self.user
        if self.capabilities is not None:
            out["cap_drop"] = ["ALL"]
            if self.capabilities:
                out["cap_add"] = list(self.capabilities)
        if self.read_only:
            out["read_only"] = True
            if self.tmpfs:
                out["tmpfs"] = list(self.tmpfs)
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
    found = Hardening(capabilities=None)
    if not search.holds(found):
        return found._replace(trials=tuple(search.trials))
    main = main_process(first)
    if main is not None and main.uid == 0:
        found = search.better(found, found._replace(user=_NOBODY))
    found = _without_capabilities(search, found)
    found = _read_only(search, found, directories_of(one for one in first.writes if one.bytes is not None))
    # Far above what was used nothing is learned; where the engine does not tell, all steps are tried.
    found = _least(search, found, "pids", _near(_PIDS, usual.peak_pids))
    found = _least(search, found, "megabytes", _near(_MEGABYTES, usual.peak_bytes >> 20))
    return found._replace(holds=search.holds(found), trials=tuple(search.trials))


class _Search:
    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.trials: list[Trial] = []
        self._known: dict[str, bool] = {}

    def holds(self, candidate: Hardening) -> bool:
        shown = " ".join(candidate.flags())
        if shown not in self._known:
            outcome = self.oracle.try_with(**candidate.options())
            self.trials.append(Trial(shown, outcome.holds, outcome.reason))
            self._known[shown] = outcome.holds
        return self._known[shown]

    def better(self, now: Hardening, candidate: Hardening) -> Hardening:
        return candidate if self.holds(candidate) else now


def _without_capabilities(search: _Search, found: Hardening) -> Hardening:
    bare = found._replace(capabilities=())
    if search.holds(bare):
        return bare
    if not search.holds(found._replace(capabilities=_DEFAULT_CAPABILITIES)):
        return found
    return found._replace(
        capabilities=_needed(
            _DEFAULT_CAPABILITIES, lambda some: search.holds(found._replace(capabilities=tuple(some)))
        )
    )


def _read_only(search: _Search, found: Hardening, directories: Sequence[str]) -> Hardening:
    bare = found._replace(read_only=True)
    if search.holds(bare):
        return bare
    # A program that could not write may have ended before it came to the other places.
    candidates = tuple(dict.fromkeys([*directories, "/tmp", "/run", "/var/run", "/var/tmp"]))
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


def _near(steps: Sequence[int], used: int) -> Sequence[int]:
    """The steps from eight times of what was used downwards."""
    return [one for one in steps if not used or one <= 8 * used] or steps[-1:]


def _least(search: _Search, found: Hardening, name: str, steps: Iterable[int]) -> Hardening:
    """The last but one step that holds: what is measured once leaves no room for a busier day."""
    held: list[Hardening] = []
    for step in steps:
        candidate = found._replace(pids=step) if name == "pids" else found._replace(megabytes=step)
        if not search.holds(candidate):
            break
        held.append(candidate)
    return held[-2] if len(held) > 1 else held[-1] if held else found
