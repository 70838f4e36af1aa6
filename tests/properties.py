"""What the property tests share: their settings, and values of YAML that resemble expectations.

`given` and the rest are hypothesis' own, taken from here, so that the settings hold for what they decorate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import imglint.runner

__all__ = ["OURS", "THEIRS", "VALUES", "WORDS", "example", "given", "properties", "settings", "st"]

# The same examples in every run: what fails in CI fails here.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


FOLDER = Path(imglint.runner.__file__).parent


OURS = json.loads((FOLDER / "expect.schema.json").read_text())


THEIRS = json.loads((FOLDER / "structure_test.schema.json").read_text())


def properties(schema: Any) -> set[str]:
    """Every key that a schema speaks of."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = set(schema["properties"]) if isinstance(schema, dict) and "properties" in schema else set()
    return own.union(*map(properties, inner))


WORDS = sorted(properties(OURS) | properties(THEIRS) | {"80/tcp", "/x", "2.0.0", "closed", "(", "yes"})


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
)


VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
