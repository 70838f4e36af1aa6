"""Names of a layer that lead through symbolic links of its own, as whoever unpacks it follows them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

_LONGEST = 4096  # bytes; the kernel takes no longer path
_MOST = 40  # links on one way, as the kernel has it


def leads_through(paths: Iterable[str], links: Iterable[str]) -> bool:
    """Whether one of `links` is a directory on the way to one of `paths`, as far as their texts say."""
    directories = sorted({path.rpartition("/")[0] for path in paths})
    known = set(directories)
    for link in links:
        if link in known:
            return True
        at = bisect.bisect_left(directories, f"{link}/")
        if at < len(directories) and directories[at].startswith(f"{link}/"):
            return True
    return False


class Links:
    """The symbolic links of a layer that have been unpacked so far."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}

    def put(self, path: str, target: str | None) -> None:
        """Something stands at a path now: a link with this target, or with None anything else."""
        if target is None:
            self._targets.pop(path, None)
        else:
            self._targets[path] = target

    def place(self, path: str) -> str:
        """Where a path leads to; its last name is not followed. One that leads in a circle stays as it is."""
        if len(path) > _LONGEST or not self._targets:
            return path
        rest = path.split("/")[::-1]  # a stack
        done: list[str] = []
        followed = 0
        while len(rest) > 1:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            target = self._targets.get("/".join([*done, part]))
            if target is None:
                done.append(part)
                continue
            followed += 1
            if followed > _MOST or len(target) > _LONGEST:
                return path
            if target.startswith("/"):
                done = []
            rest += target.split("/")[::-1]
        return "/".join([*done, rest[0]])
