"""What counts as a write of the container's, and what is the engine's own."""

from __future__ import annotations

import pytest

from imglint.runner.writes import only_a_number_added

ROOT = b"root:x:0:0:root:/root:/bin/sh\n"


@pytest.mark.parametrize(
    ("added", "by_engine"),
    [
        (b"1000:*:1000:1000:container user:/:/bin/sh\n", True),
        (b"1000:x:1000:1000\n", True),  # a group
        (b"shop:x:1000:1000::/:/bin/sh\n", False),
        (b"1000:*:0:0::/:/bin/sh\n", False),
        (b"1000:*:1000:1000::/:/bin/sh\nshop:x:7:7::/:/bin/sh\n", False),
        (b"1000\n", False),
        (b"", False),
    ],
)
def test_a_line_that_podman_adds(added: bytes, by_engine: bool) -> None:
    assert only_a_number_added(ROOT, ROOT + added) is by_engine
    assert only_a_number_added(b"", added) is by_engine
    assert not only_a_number_added(ROOT, added), "the file's own line is gone"
