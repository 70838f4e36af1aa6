"""What a run is asked to do, merged once into frozen settings: defaults, configuration file, command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .rules.gates import Limits
from .rules.policy import Policy
from .rules.rule import Severity
from .rules.verdicts import FailOn

if TYPE_CHECKING:
    from .rules.entry import Entry
    from .rules.rule import Evidence

SEVERITIES = {severity.label: severity for severity in Severity}
PROFILES = ("default", "hadolint", "strict")


class PerPath(NamedTuple):
    """What holds for some files only: globs, relative to the configuration file."""

    paths: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()


RUN_LISTS = (
    "env", "env-file", "volume", "mount", "tmpfs", "add-host", "command", "with", "with-env",
)  # fmt: skip
RUN_SWITCHES = ("allow-egress",)
RUN_KEYS = (
    *RUN_LISTS, *RUN_SWITCHES, "user", "entrypoint", "network", "memory", "pids-limit", "wait", "observe",
)  # fmt: skip


class RunText(NamedTuple):
    """Options of a run as they were written: of the command line, or of a file."""

    values: Mapping[str, tuple[str, ...]] = {}  # by their names without dashes, as "env-file"
    directory: str = ""  # where relative paths begin
    place: str = ""  # the file and the key; "" for the command line
    found: bool = False  # whether nobody named the file: it may be somebody else's


class Settings(NamedTuple):
    """How to lint. The defaults are the default profile."""

    profile: str = "default"
    select: tuple[str, ...] = ()  # instead of the profile's rules
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = {}  # by code
    fail_level: Severity | None = Severity.WARNING  # of findings; None: never
    fail_on: FailOn = FailOn()  # of a container's checks
    pragmas: bool = True
    build_args: Mapping[str, str] = {}
    target: str | None = None
    context: str | None = None
    policy: Policy = Policy()
    per_path: tuple[PerPath, ...] = ()
    images: Mapping[str, str] = {}  # Dockerfile → the image built from it
    gates: Mapping[str, Limits] = {}  # by a glob for the image's name; "*" for all
    runs: Mapping[str, RunText] = {}  # by a glob for the image's name; "*" for all
    baseline: str | None = None
    stdin_filename: str = "-"
    plain_http: bool = False  # ask registries without encryption; of the command line alone
    origin: str = ""  # the configuration file
    notes: tuple[str, ...] = ()  # what of it was not understood

    def entries(self, evidence: Evidence | None = None) -> tuple[Entry, ...]:
        """The rules that are wanted, or of those the ones that look at a kind of evidence.

        Raises:
            UnknownCodeError: there is a code that no rule has.
        """
        from .rules.registry import select

        wanted = select(self.select, self.ignore, self.extend_select, self.profile)
        return tuple(one for one in wanted if evidence is None or evidence in one.evidence)

    def limits_of(self, names: Iterable[str]) -> Limits:
        """The limits for an image of these names: those of the narrowest globs go before the wider ones."""
        from fnmatch import fnmatchcase

        limits = Limits()
        for glob, one in sorted(self.gates.items(), key=lambda item: len(item[0])):
            if glob == "*" or any(fnmatchcase(name, glob) for name in names):
                limits = limits.replaced_by(one)
        return limits

    def runs_of(self, name: str) -> tuple[RunText, ...]:
        """The options with which an image of this name is started: those of the narrowest glob are last."""
        from fnmatch import fnmatchcase

        ordered = sorted(self.runs.items(), key=lambda item: len(item[0]))
        return tuple(one for glob, one in ordered if glob == "*" or fnmatchcase(name, glob))

    def image_of(self, dockerfile: str) -> str | None:
        """The image that the configuration says is built from a Dockerfile."""
        here = os.path.dirname(self.origin)
        for name, image in self.images.items():
            if os.path.abspath(os.path.join(here, name)) == os.path.abspath(dockerfile):
                return image
        return None


# Lists and tables of the command line add to those of the file; anything else replaces it.
_ADDED = frozenset({"ignore", "extend_select"})


def merged(settings: Settings, chosen: Mapping[str, Any]) -> Settings:
    """Settings with what the command line chose, by the names of their fields."""
    values = dict(chosen)
    for name in _ADDED & values.keys():
        values[name] = (*getattr(settings, name), *values[name])
    if "trusted_registries" in values:
        values["policy"] = settings.policy._replace(trusted_registries=values.pop("trusted_registries"))
    if "build_args" in values:
        values["build_args"] = {**settings.build_args, **values["build_args"]}
    return settings._replace(**values)


class Configuration:
    """Finds the settings of each file: the nearest configuration above it, and the command line.

    Args:
        chosen: what the command line sets.
        path: a configuration file to use for all files.
        isolated: whether to read none at all.
    """

    def __init__(
        self, chosen: Mapping[str, Any] = {}, path: str | None = None, *, isolated: bool = False
    ) -> None:
        self._chosen = chosen
        self._path = path
        self._isolated = isolated
        self._read: dict[str | None, Settings] = {}

    def settings(self, path: str = "-") -> Settings:
        """The settings for a file; for "-" those of the working directory.

        Raises:
            InputError: the configuration can't be read, or says what nobody understands.
        """
        directory = os.path.dirname(os.path.abspath(path)) if path != "-" else os.getcwd()
        source = None if self._isolated else self._path or nearest(directory)
        if source not in self._read:
            settings = Settings()
            if source is not None:
                from .config_file import read  # only where there is one

                settings = read(source)
            if not self._isolated and (source is None or source.endswith((".yaml", ".yml"))):
                settings = settings._replace(notes=(*settings.notes, *_hadolint_variables()))
            self._read[source] = merged(settings, self._chosen)
        settings = self._read[source]
        for one in settings.per_path if path != "-" else ():
            if _matches(path, one.paths, settings.origin):
                settings = settings._replace(
                    ignore=(*settings.ignore, *one.ignore),
                    extend_select=(*settings.extend_select, *one.extend_select),
                )
        return settings


def nearest(directory: str) -> str | None:
    """The configuration file for a directory: imglint.toml or pyproject.toml above it, else hadolint's."""
    at = directory
    while True:
        for name in ("imglint.toml", "pyproject.toml"):
            path = os.path.join(at, name)
            if os.path.isfile(path) and (name == "imglint.toml" or _speaks_of_us(path)):
                return path
        above = os.path.dirname(at)
        if above == at:
            break
        at = above
    home = os.path.expanduser("~")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    for place, name in (
        (os.getcwd(), ".hadolint"), (config, "hadolint"), (os.path.join(home, ".hadolint"), "hadolint"),
        (os.path.join(home, ".hadolint"), "config"), (home, ".hadolint"),
    ):  # fmt: skip
        for suffix in ("yaml", "yml"):
            path = os.path.join(place, f"{name}.{suffix}")
            if os.path.isfile(path):
                return path
    return None


def _speaks_of_us(pyproject: str) -> bool:
    """Whether it has a table [tool.imglint], however that is written, or might have one if it could be read."""
    try:
        with open(pyproject, "rb") as stream:
            data = stream.read(1 << 20)
    except OSError:
        return False
    if b"imglint" not in data:
        return False
    import tomllib

    try:
        tools = tomllib.loads(data.decode("utf-8", "replace")).get("tool")
    except (tomllib.TOMLDecodeError, RecursionError):
        return b"tool.imglint" in data
    return isinstance(tools, dict) and "imglint" in tools


_HADOLINT_VARIABLES = (
    "NOFAIL", "FAILURE_THRESHOLD", "OVERRIDE_ERROR", "OVERRIDE_WARNING", "OVERRIDE_INFO", "OVERRIDE_STYLE", "IGNORE",
    "STRICT_LABELS", "DISABLE_IGNORE_PRAGMA", "TRUSTED_REGISTRIES", "REQUIRE_LABELS",
)  # fmt: skip


def _hadolint_variables() -> list[str]:
    """hadolint would obey them; whoever comes from there has to know that nobody does."""
    return [
        f"HADOLINT_{name} is set, which imglint does not read: use an option or a configuration file"
        for name in _HADOLINT_VARIABLES
        if os.environ.get(f"HADOLINT_{name}")
    ]


def _matches(path: str, globs: tuple[str, ...], origin: str) -> bool:
    from fnmatch import fnmatchcase

    relative = os.path.relpath(path, os.path.dirname(origin) or ".").replace(os.sep, "/")
    return any(
        fnmatchcase(relative, glob) or fnmatchcase(relative, glob.removeprefix("**/")) or
        fnmatchcase(relative, f"{glob.rstrip('/')}/*")
        for glob in globs
    )  # fmt: skip
