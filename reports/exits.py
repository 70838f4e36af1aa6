"""Exit codes, and the rule by which the worst of several wins."""

import enum
from collections.abc import Iterable


class Exit(enum.IntEnum):
    """What the process ends with. The comments are the table that the README prints."""

    CLEAN = 0  # nothing found at or above the fail level
    FINDINGS = 1  # a failure: a finding at or above the fail level, a limit broken, an expectation unmet, a check disproved
    INPUT = 2  # usage, configuration or input error; an engine asked for and missing
    NOTHING = 3  # a named path holds nothing to check
    UNPARSABLE = 4  # a Dockerfile could not be parsed at all
    INTERNAL = 5  # imglint itself failed
    INTERRUPTED = 130  # interrupted


_WORST_FIRST = (
    Exit.INTERRUPTED, Exit.INTERNAL, Exit.INPUT, Exit.UNPARSABLE, Exit.FINDINGS, Exit.NOTHING,
)  # fmt: skip


def worst(codes: Iterable[Exit]) -> Exit:
    """The exit code of a run whose parts ended with `codes`."""
    seen = set(codes)
    return next((code for code in _WORST_FIRST if code in seen), Exit.CLEAN)
