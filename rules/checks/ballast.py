"""Antipattern 3: large images, by files that a container sees and hardly needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.sizes import shown
from ..rule import ImageExample, LayerRef, Outcome, Place, Rule, Severity
from .size import step_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...analyzer.image import Image, Layer
    from ...analyzer.image.ballast import Ballast

_LEAST = 1_000_000  # bytes
_PATHS = 10
_MANY = "x" * _LEAST

# What rules on text say stays in the layer, by the paths where it does.
_LEFT = {
    "DL3009": r"var/lib/apt/lists/.",
    "DL3019": r"(?:var/cache/apk|etc/apk/cache)/.",
    "DL3032": r"var/cache/(?:yum|dnf|libdnf5)/.",
    "DL3036": r"var/cache/zypp/.",
    "DL3040": r"var/cache/(?:yum|dnf|libdnf5)/.",
    "DL3042": r"(?:root|home/[^/]+)/\.cache/pip/.",
    "DL3060": r"(?:usr/local/share|root|home/[^/]+)/\.cache/yarn/.",
    "AV0310": r"(?:root|home/[^/]+)/(?:\.npm/_cacache|\.cache/pypoetry)/.",
}


def left_behind(code: str, layer: Layer) -> int:
    """The bytes of a layer that a rule on the text foretells, also those that a later layer hides; else 0."""
    pattern = _LEFT.get(code)
    if pattern is None:
        return 0
    fits = re.compile(pattern).match
    return sum(entry.size for entry in layer.files if entry.is_file and fits(entry.path))


CACHE_SHIPPED = Rule(
    code="AV0307",
    name="cache-shipped",
    severity=Severity.WARNING,
    antipattern=3,
    message="{bytes} of {layer} are package caches and lists; {advice}",
    page="""The image holds what package managers have downloaded.

Package lists, archives and the caches of pip, npm, Maven and their like are read while the image is
built, and by no program that runs in it. Every pull transfers them. Told for a layer that holds 1 MB
or more of what a container sees; of deleted ones AV0303 tells. What the base holds only another base
can save: that is a note, once for all of its layers.
""",
    confirms=tuple(_LEFT),
    bad=(
        ImageExample(
            layers=({"var/lib/apt/lists/deb_main": _MANY},), steps=("RUN apt-get update # buildkit",)
        ),
        ImageExample(layers=({"root/.cache/pip/http/a": _MANY},), steps=("RUN pip install x # buildkit",)),
    ),
    good=(
        ImageExample(layers=({"var/lib/apt/lists/lock": "x"},)),
        ImageExample(layers=({"var/cache/apt/a.deb": _MANY}, {"var/cache/apt/a.deb": None})),
        ImageExample(layers=({"var/cache/nginx/page": _MANY},)),
    ),
)


@CACHE_SHIPPED.image
def caches(image: Image) -> Outcome:
    yield from _told(CACHE_SHIPPED, image, "package caches and lists")


DOCUMENTATION_SHIPPED = Rule(
    code="AV0308",
    name="documentation-shipped",
    severity=Severity.INFO,
    antipattern=3,
    message="{bytes} of {layer} are documentation; {advice}",
    page="""The image holds manuals and translated messages.

Nobody reads manual pages in a container. Package managers can leave them out: dpkg by `path-exclude`
in /etc/dpkg/dpkg.cfg.d, dnf by `--setopt=tsflags=nodocs`, and apk has them in packages of their own.
Licences are not counted: they have to go with the programs. Told for 1 MB or more in a layer, or in
all of the base's.
""",
    bad=(
        ImageExample(
            layers=({"usr/share/doc/x/manual.html": _MANY},), steps=("RUN make install # buildkit",)
        ),
    ),
    good=(
        ImageExample(layers=({"usr/share/doc/x/manual.html": "x"},)),
        ImageExample(layers=({"usr/share/doc/x/copyright": _MANY},)),
        ImageExample(layers=({"srv/doc/manual.html": _MANY},)),
    ),
)


@DOCUMENTATION_SHIPPED.image
def documentation(image: Image) -> Outcome:
    yield from _told(DOCUMENTATION_SHIPPED, image, "documentation")


BUILD_FILES = Rule(
    code="AV0309",
    name="build-tools-in-image",
    severity=Severity.INFO,
    antipattern=3,
    message="{bytes} of {layer} are build tools; {advice}",
    page="""The image holds compilers, headers and linkers.

They are hundreds of megabytes that a running program hardly ever uses, and tools for whoever gets
in. Build in an earlier stage, and copy the result. Told for 1 MB or more in a layer, or in all of the
base's; of an image that starts nothing or a shell alone nothing is told, since it may be meant to
build things.
""",
    bad=(
        ImageExample(
            config={"Cmd": ["/srv/app"]},
            layers=({"usr/lib/gcc/x86_64-linux-gnu/12/cc1": _MANY},),
            steps=("RUN apt-get install -y gcc # buildkit",),
        ),
        ImageExample(
            config={"Cmd": ["/srv/app"]},
            layers=({"usr/include/a.h": _MANY}, {"srv/app": "x"}),
            steps=("RUN apt-get install -y libc6-dev # buildkit", "COPY app /srv/app # buildkit"),
        ),
    ),
    good=(
        ImageExample(config={"Cmd": ["/srv/app"]}, layers=({"usr/include/a.h": "x"},)),
        ImageExample(config={"Cmd": ["/bin/bash"]}, layers=({"usr/include/a.h": _MANY},)),
        ImageExample(layers=({"usr/include/a.h": _MANY},)),
    ),
)
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})


@BUILD_FILES.image
def build_tools(image: Image) -> Outcome:
    started = [*image.config.entrypoint, *image.config.cmd]
    if started and (len(started) > 1 or started[0].rpartition("/")[2] not in _SHELLS):
        yield from _told(BUILD_FILES, image, "build tools")


def _told(rule: Rule, image: Image, kind: str) -> Outcome:
    """What each own layer holds of a kind, and what the base does, if it is worth a word."""
    found = [one for one in image.ballast if one.kind == kind]
    base = [one for one in found if not one.own]
    for one in found:
        if one.own and one.bytes >= _LEAST:
            yield from _finding(rule, image, [one], step_of(image, one.layer), one.advice, None)
    if sum(one.bytes for one in base) >= _LEAST:
        where = "the base, as guessed from the history's dates," if image.base_is_guessed else "the base"
        yield from _finding(rule, image, base, where, base[0].advice, Severity.INFO)


def _finding(
    rule: Rule, image: Image, found: Sequence[Ballast], where: str, advice: str, severity: Severity | None
) -> Outcome:
    """One for some layers, at the one that holds the most."""
    most = found[0]
    layer = image.layers[most.layer]
    total = sum(one.bytes for one in found)
    proof = {
        "bytes": total,
        "files": sum(one.files for one in found),
        "layers": sorted(one.layer for one in found),
        "paths": list(most.paths[:_PATHS]),
    }
    place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=most.paths[0])
    yield rule.finding(place, bytes=shown(total), layer=where, advice=advice, severity=severity, proof=proof)
