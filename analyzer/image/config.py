"""An image's configuration, as far as it says something about the container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """HEALTHCHECK as the configuration holds it; times in seconds, None where the engine decides."""

    test: tuple[str, ...]
    interval: float | None
    timeout: float | None
    start_period: float | None
    start_interval: float | None
    retries: int | None


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The part "config" of an image configuration. Every key may be missing or null in real ones."""

    user: str
    env: tuple[tuple[str, str], ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    exposed_ports: tuple[str, ...]  # as "80/tcp"
    volumes: tuple[str, ...]
    working_dir: str
    labels: Mapping[str, str]
    healthcheck: Healthcheck | None
    stop_signal: str
    shell: tuple[str, ...]
    onbuild: tuple[str, ...]
    hostname: str  # builders leave it empty, commits do not
    image: str

    @property
    def search_path(self) -> str:
        """Where a program without a slash is looked for: ENV PATH, or what engines take without it."""
        return next((value for name, value in self.env if name == "PATH"), _DEFAULT_PATH)


def parse_config(raw: Mapping[str, Any], subject: str) -> ImageConfig:
    """The configuration of a container, from an image configuration's JSON.

    Raises:
        InputError: a key holds something of another type than the specification has.
    """
    config = _mapping(raw.get("config"), f"{subject}: config")

    def strings(key: str) -> tuple[str, ...]:
        return _strings(config.get(key), f"{subject}: config.{key}")

    def text(key: str) -> str:
        value = config.get(key)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{subject}: config.{key}", "is not a string")
        return value or ""

    env = tuple((name, value) for name, _, value in (string.partition("=") for string in strings("Env")))
    labels = _mapping(config.get("Labels"), f"{subject}: config.Labels")
    return ImageConfig(
        user=text("User"),
        env=env,
        entrypoint=strings("Entrypoint"),
        cmd=strings("Cmd"),
        exposed_ports=tuple(_mapping(config.get("ExposedPorts"), f"{subject}: config.ExposedPorts")),
        volumes=tuple(_mapping(config.get("Volumes"), f"{subject}: config.Volumes")),
        working_dir=text("WorkingDir"),
        labels={key: str(value) for key, value in labels.items()},
        healthcheck=_healthcheck(config.get("Healthcheck"), f"{subject}: config.Healthcheck"),
        stop_signal=text("StopSignal"),
        shell=strings("Shell"),
        onbuild=strings("OnBuild"),
        hostname=text("Hostname"),
        image=text("Image"),
    )


def _healthcheck(value: Any, subject: str) -> Healthcheck | None:
    if value is None:
        return None
    check = _mapping(value, subject)

    def seconds(key: str) -> float | None:
        number = check.get(key)
        # As it stands in the file it may have any number of digits.
        return number / 1e9 if isinstance(number, int | float) and 0 < abs(number) < 1e30 else None

    retries = check.get("Retries")
    return Healthcheck(
        test=_strings(check.get("Test"), f"{subject}.Test"),
        interval=seconds("Interval"),
        timeout=seconds("Timeout"),
        start_period=seconds("StartPeriod"),
        start_interval=seconds("StartInterval"),
        retries=retries if isinstance(retries, int) and retries else None,
    )


def _strings(value: Any, subject: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)  # as very old engines wrote Entrypoint
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(subject, "is not a list of strings")
    return tuple(value)


def _mapping(value: Any, subject: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(subject, "is not an object")
    return value
