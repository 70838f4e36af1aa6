"""A rule without its module: what has to be known before it is imported."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A rule without its module.

    `keywords` are the instructions it looks at; empty: any file. `programs` are the programs it
    looks for in a RUN; empty: not these alone. `policy`: idle without a policy of the team.
    """

    code: str
    name: str
    module: str
    default: bool
    antipattern: int | None
    aliases: tuple[str, ...]
    evidence: tuple[str, ...]
    keywords: tuple[str, ...]
    programs: tuple[str, ...]
    policy: bool
