"""HEALTHCHECK as an image declares it: its times, and what it starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..analyzer.credentials import mask
from .engine import errors
from .errors import EngineError
from .files import find_program
from .observation import Check, Verdict
from .session import Container, Session

_SECOND = 1_000_000_000
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OPERATORS = frozenset("|| && | ; > >> < & 2>&1".split())


class HealthCheck(NamedTuple):
    """An image's HEALTHCHECK, with the engine's defaults filled in. Times in seconds."""

    test: tuple[str, ...]
    interval: float
    timeout: float
    start_period: float
    start_interval: float
    retries: int

    @property
    def by_shell(self) -> bool:
        """Whether /bin/sh reads it."""
        return self.test[:1] == ("CMD-SHELL",)

    @property
    def command(self) -> list[str]:
        """What the engine runs; the image's SHELL has no say in it."""
        if self.by_shell:
            return ["/bin/sh", "-c", *self.test[1:]]
        return list(self.test[1:])

    @property
    def granted(self) -> float:
        """The time within which a service has to become healthy: a probe may take all of its timeout."""
        return self.start_period + self.retries * (self.interval + self.timeout)

    def unhealthy_after(self, probe: float) -> float:
        """When the engine calls a service unhealthy whose probes fail after `probe` seconds each."""
        return self.start_period + self.retries * (self.interval + min(probe, self.timeout))


def configured(config: Mapping[str, Any]) -> HealthCheck | None:
    """The health check of an image's configuration; None where it has none, or NONE.

    A test without a command comes back with an empty one: before Docker 29.5 the daemon itself
    breaks down on it, so it must never be started.
    """
    raw: Mapping[str, Any] = config.get("Healthcheck") or {}
    test = [str(one) for one in raw.get("Test") or ()]
    kind = test[0] if test else "NONE"
    if kind == "NONE":
        return None

    def seconds(key: str, default: float) -> float:
        return int(raw.get(key) or 0) / _SECOND or default

    return HealthCheck(
        tuple(test) if kind in ("CMD", "CMD-SHELL") else (kind,),
        seconds("Interval", 30.0), seconds("Timeout", 30.0), seconds("StartPeriod", 0.0),
        seconds("StartInterval", 5.0 if raw.get("StartPeriod") else 0.0), int(raw.get("Retries") or 3),
    )  # fmt: skip


def dropped_checks(session: Session) -> list[Check]:
    """Of an image without a health check: what is known of one that its Dockerfile had, and its engine left out.

    Podman drops it from images in OCI format, as `docker save` writes them by now; their history still has it.
    """
    from ..analyzer.image.created_by import instruction_text

    engine = session.engine
    if engine.kind != "podman":
        return []
    try:
        with errors(session.name):
            history = engine.api.history(session.image)
    except EngineError:
        return []  # Podman 5 breaks down on steps without a date
    said = [instruction_text(str(one.get("CreatedBy") or "")) for one in history]  # the newest first
    last = next((text for text in said if text.startswith("HEALTHCHECK ")), "HEALTHCHECK NONE")
    if last.upper() == "HEALTHCHECK NONE":
        return []
    told = (
        "the image's history has one, and the engine does not: Podman drops it from images in OCI format. "
        "Use `podman build --format docker`, or verify the archive of the image"
    )
    return [Check("health.static", "HEALTHCHECK", Verdict.CANNOT_TELL, told, {"history": mask(last)})]


def static_check(health: HealthCheck, config: Mapping[str, Any], container: Container) -> Check:
    """Whether the image holds what the check starts, and how long it takes to tell."""
    proof: dict[str, Any] = {
        "test": list(health.test),
        "form": "shell" if health.by_shell else "exec",
        "interval": health.interval,
        "timeout": health.timeout,
        "start period": health.start_period,
        "retries": health.retries,
        "worst case": health.granted,
    }
    faults = []
    if len(health.test) < 2:
        faults.append(f"the check {list(health.test)} holds no command")
    search = search_path(config)
    found_at = {}
    for name in programs(health):
        found = find_program(container, name, search)
        found_at[name] = found.path if found is not None and found.executable else None
        if found is None:
            faults.append(f"{name} is not in the image")
        elif not found.executable:
            faults.append(f"{found.path} is not executable")
    proof["programs"] = found_at
    notes = []
    if health.timeout > health.interval:
        notes.append("its timeout is longer than its interval")
    raw: Mapping[str, Any] = config.get("Healthcheck") or {}
    if raw.get("StartInterval") and not raw.get("StartPeriod"):
        notes.append("its start interval does nothing without a start period")
    if health.by_shell and list(config.get("Shell") or ["/bin/sh", "-c"]) != ["/bin/sh", "-c"]:
        notes.append("it is run by /bin/sh, not by the image's SHELL")
    word = "" if health.by_shell else next((one for one in health.test[1:] if one in _OPERATORS), "")
    if word:
        notes.append(
            f"{word!r} is handed to {health.command[0]} as a word, since the exec form starts no shell."
            " Use `CMD` with a line of text"
        )
    if word:
        proof["word"] = word
    proof["notes"] = notes
    if faults:
        return Check("health.static", "HEALTHCHECK", Verdict.DISPROVED, "; ".join([*faults, *notes]), proof)
    told = f"a service that never answers is unhealthy after {health.granted:g} s at the latest"
    return Check("health.static", "HEALTHCHECK", Verdict.PROVED, "; ".join([told, *notes]), proof)


def search_path(config: Mapping[str, Any]) -> str:
    """The PATH of an image, else the engine's."""
    for one in config.get("Env") or ():
        name, _, value = one.partition("=")
        if name == "PATH":
            return str(value)
    return _PATH


_BUILT_IN = frozenset(
    "exit test [ [[ true false : cd echo printf read set export unset eval exec trap wait kill if then else elif fi"
    " while until do done for in case esac ! { } time command type local return shift . source".split()
)


_BEFORE_A_COMMAND = frozenset("if then else elif while until do ! { exec command".split())


def programs(health: HealthCheck) -> list[str]:
    """The programs that a check starts, as far as they can be told without running it."""
    if len(health.test) < 2:
        return []
    if health.test[0] == "CMD":
        return [health.test[1]]
    lexer = shlex.shlex(health.test[1], posix=True, punctuation_chars=True)
    lexer.commenters = ""
    names = ["/bin/sh"]
    first = True
    # Of each open parenthesis, whether the value of what it holds is a word of the command around it: $( and `.
    around: list[bool] = []
    before = ""
    try:
        for word in lexer:
            if set(word) <= set("();<>|&"):
                redirection = "<" in word or ">" in word
                for sign in word:
                    if sign == "(":
                        around.append(before.endswith("$"))
                        first = True
                    elif sign == ")":
                        first = not (around.pop() if around else False)
                    else:
                        first = not redirection and sign in ";|&"
                if word.startswith("((") and before.endswith("$"):
                    return names[:1]  # arithmetic: what is in there is no command, or deep within one
            elif first and not re.match(r"\w+=", word):
                first = word in _BEFORE_A_COMMAND
                if not first and word not in _BUILT_IN and re.fullmatch(r"[\w./+][\w./+-]*", word):
                    names.append(word)
            before = word
    except ValueError:
        return names[:1]
    return list(dict.fromkeys(names))
