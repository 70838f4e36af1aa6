"""Names of a layer that lead through symbolic links of its own, as whoever unpacks it follows them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

_LONGEST = 4096  # bytes; the kernel takes no longer path
_MOST = 40  # links on one way, as the kernel has it
_MOST_STEPS = 5_000_000  # in a layer; beyond, links are not followed


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
        self._known: dict[str, str] = {}  # where directories are, as long as no link comes or goes
        self._steps = 0

    def put(self, path: str, target: str | None) -> None:
        """Something stands at a path now: a link with this target, or with None anything else."""
        if target is None and path not in self._targets:
            return
        self._known.clear()
        if target is None:
            del self._targets[path]
        else:
            self._targets[path] = target

    def place(self, path: str) -> str:
        """Where a path leads to; its last name is not followed. One that leads in a circle stays as it is."""
        directory, slash, name = path.rpartition("/")
        if not directory or not self._targets or len(path) > _LONGEST:
            return path
        if directory not in self._known:
            self._known[directory] = self._followed(directory)
        found = self._known[directory]
        return f"{found}{slash if found else ''}{name}"

    def _followed(self, directory: str) -> str:
        rest = directory.split("/")[::-1]  # a stack
        at = ""
        followed = 0
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}" if at else part
            target = self._targets.get(here)
            self._steps += 1
            if target is None:
                at = here
                continue
            followed += 1
            if followed > _MOST or len(target) > _LONGEST or self._steps > _MOST_STEPS:
                return directory
            if target.startswith("/"):
                at = ""
            rest += target.split("/")[::-1]
        return at
