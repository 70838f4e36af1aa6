"""Sets of rules under a name: the default, what hadolint reports, and everything but formatting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .rule import Severity

if TYPE_CHECKING:
    from .entry import Entry

_BY_LEVEL = {
    Severity.ERROR: "DL3000 DL3004 DL3011 DL3012 DL3020 DL3021 DL3023 DL3024 DL3026 DL3043 DL3044 DL3061"
    " DL4000 DL4004 IL001",
    Severity.WARNING: "DL3002 DL3003 DL3006 DL3007 DL3008 DL3013 DL3014 DL3016 DL3018 DL3022 DL3025 DL3027"
    " DL3028 DL3029 DL3030 DL3032 DL3033 DL3034 DL3035 DL3036 DL3037 DL3038 DL3040 DL3041 DL3042 DL3045"
    " DL3046 DL3051 DL3052 DL3053 DL3054 DL3055 DL3056 DL3058 DL3062 DL3063 DL3064 DL3065 DL3067 DL4001"
    " DL4003 DL4005 DL4006",
    Severity.INFO: "DL3001 DL3009 DL3010 DL3015 DL3019 DL3047 DL3049 DL3050 DL3059 DL3060 DL3066",
    Severity.STYLE: "DL3048",
}
# What hadolint 2.15.1 reports without a configuration, and how bad it calls it.
HADOLINT: Mapping[str, Severity] = {
    code: severity for severity, codes in _BY_LEVEL.items() for code in codes.split()
}
# Of these hadolint speaks only in the stages that are shipped; of all others everywhere.
HADOLINT_SHIPPED = frozenset({"DL3009", "DL3060"})
# How a file is written, not what it says.
FORMATTING = frozenset(
    "ConsistentInstructionCasing StageNameCasing FromAsCasing ExposeProtoCasing LegacyKeyValueFormat"
    " InvalidDefinitionDescription".split()
)


def belongs(entry: Entry, profile: str) -> bool:
    """Whether a rule runs in a profile: "default", "hadolint" or "strict"."""
    if profile == "hadolint":
        return entry.code in HADOLINT or entry.code == "IL002"
    if profile == "strict":
        return entry.code not in FORMATTING
    return entry.default
