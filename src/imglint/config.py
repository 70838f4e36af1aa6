"""What a run is asked to do, merged once into frozen settings."""

from collections.abc import Mapping
from typing import NamedTuple

from .rules.rule import Severity


class Settings(NamedTuple):
    """How to lint. The defaults are the default profile."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    fail_level: Severity = Severity.WARNING
    pragmas: bool = True
    build_args: Mapping[str, str] = {}
    target: str | None = None
    stdin_filename: str = "-"


SEVERITIES = {severity.label: severity for severity in Severity}
