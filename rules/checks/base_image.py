"""Which image a stage is built on, and how surely the name means it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...analyzer.dockerfile.base import base_facts
from ...analyzer.dockerfile.reference import parse_reference
from ..rule import ImageExample, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Instruction, Stage, Word
    from ...analyzer.image import Image

UNTAGGED = Rule(
    code="DL3006",
    name="untagged-image",
    severity=Severity.WARNING,
    antipattern=6,
    aliases=("CKV_DOCKER_7",),
    message="{image} has no tag, which means :latest: the next build may get another image; use a tag",
    page="""An image is named without a tag or digest.

Docker takes `:latest`, whatever that is on the day of the build. Name a version, or a digest
where a build has to be the same each time. Variables are resolved; names of earlier stages,
`scratch`, and images whose tag comes from a variable without a default are not reported; nor is what
COPY --from names by a single word that is no well-known image, since a build context can be named so,
nor a word in capitals alone, which a template replaces. It is a note where an ARG holds the whole name,
since a build may set it, and where the publisher gives out nothing but `latest` (distroless, OSS-Fuzz,
Chainguard's images).
""",
    bad=(
        "FROM debian\n",
        "ARG BASE=debian\nFROM $BASE\n",
        "FROM debian:12\nCOPY --from=busybox /bin/busybox /bin/\n",
        "FROM debian:12\nCOPY --from=ghcr.io/a/b /x /\n",
        'FROM "debian"\n',
    ),
    good=(
        "FROM debian:12\n",
        "FROM debian:12 AS base-amd64\nFROM base-${TARGETARCH}\n",
        "FROM scratch\n",
        "FROM debian:12 AS build\nFROM BUILD\nCOPY --from=build /a /b\nCOPY --from=0 /c /d\n",
        "FROM debian@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
        "ARG TAG\nFROM debian:$TAG\n",
        'FROM "debian:12"\n',
        "FROM BASEIMAGE\n",
        "FROM debian:12\nCOPY --from=assets /a /b\nCOPY --from=./shared /c /d\n",
    ),
)

LATEST = Rule(
    code="DL3007",
    name="latest-tag",
    severity=Severity.WARNING,
    antipattern=6,
    aliases=("DS-0001",),
    message="{image} changes with every release: the next build may get another image; use a version",
    page="""An image is named by the tag `latest`.

`latest` is a name like any other, moved by whoever pushes last, so a rebuild can change the
base without any change in the Dockerfile. Name a version. ARG defaults are resolved, and
`COPY --from` and `RUN --mount=from=` are looked at too. It is a note where an ARG holds the whole name,
and where the publisher gives out nothing but `latest`.
""",
    bad=(
        "FROM debian:latest\n",
        "ARG TAG=latest\nFROM debian:$TAG\n",
        "FROM a:1\nCOPY --from=tools:latest /x /x\n",
        "FROM example.org/a-$TARGETARCH:latest\n",
        'FROM "debian:latest"\n',
        "FROM a:1\nRUN --mount=type=bind,from=tools:latest,target=/t /t/x\n",
    ),
    good=(
        "FROM debian:12\n",
        "FROM debian:latest@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
    ),
)


@UNTAGGED.instruction("FROM", "COPY", "RUN")
def no_tag(instruction: Instruction, stage: Stage) -> Outcome:
    if instruction.keyword == "FROM" and stage.base_name is None:
        name = stage.base.raw
        prefix = name.partition("$")[0].lower()
        if not prefix or not any(
            one.name and one.name.value.lower().startswith(prefix) for one in stage.file.stages
        ):
            yield UNTAGGED.skip("dockerfile", f"which image {name} names is not known before the build")
    for word, value in _images(instruction, stage):
        if not _is_image(value, stage) or _tag(value) or "@" in value:
            continue
        # COPY --from also takes build contexts by their names, which only the command line knows.
        if (
            instruction.keyword == "FROM"
            or "/" in value
            or base_facts(parse_reference(value)).known
            or value in _TOOLS
        ):
            yield UNTAGGED.finding(word.span, image=value, severity=_level(word, value))


_TOOLS = frozenset(
    {"busybox", "composer", "docker", "registry", "traefik", "caddy", "vault", "consul", "nats"}
)


@LATEST.instruction("FROM", "COPY", "RUN")
def tagged_latest(instruction: Instruction, stage: Stage) -> Outcome:
    for word, value in _images(instruction, stage):
        if _is_image(value, stage) and _tag(value) == "latest" and "@" not in value:
            yield LATEST.finding(word.span, image=value, severity=_level(word, value))


# Published under `latest` alone; the names of distroless images hold the release of Debian.
_LATEST_ALONE = ("gcr.io/oss-fuzz-base/", "gcr.io/distroless/", "cgr.dev/chainguard/")


def _level(word: Word, image: str) -> Severity | None:
    """INFO where the author has little to choose: a parameter of the build, or nothing but `latest` to be had."""
    parameter = re.fullmatch(r"\$(?:\w+|\{[^{}]+\})", word.value.strip("\"'"))
    return Severity.INFO if parameter or image.startswith(_LATEST_ALONE) else None


def _images(instruction: Instruction, stage: Stage) -> list[tuple[Word, str]]:
    """The images that an instruction takes files from, as far as their names can be told."""
    if instruction.keyword == "FROM":
        if stage.base_name:
            return [(stage.base, stage.base_name)]
        # A name with an unknown part, and a tag that is written out.
        whole, colon, tag = stage.base.value.strip("\"'").rpartition(":")
        return [(stage.base, stage.base.value)] if "$" in whole and colon and tag == "latest" else []
    flag = instruction.flag("from" if instruction.keyword == "COPY" else "mount")
    if flag is None or flag.value is None:
        return []
    value: str | None = flag.value
    if instruction.keyword == "RUN":
        found = re.search(r"(?:^|,)from=([^,]+)", flag.value)
        value = found[1] if found else None
    return [(flag.word, value)] if value and "$" not in value else []


def _is_image(value: str, stage: Stage) -> bool:
    """Not scratch, an earlier stage's name or its number, nor a name still to be completed."""
    if value.startswith((".", "/")):
        return False  # a directory, as a build context of its own
    if value == "scratch" or value.isdigit() or value.endswith((":", "/")) or not re.match(r"[\w.]", value):
        return False
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        return False  # no repository has capitals: a word that a template puts the name in place of
    return stage.file.stage_named(value, stage.index) is None


def _tag(value: str) -> str:
    return value.rpartition("/")[2].partition("@")[0].partition(":")[2]


ONLY_LATEST = Rule(
    code="AV0601",
    name="only-latest-tag",
    severity=Severity.WARNING,
    antipattern=6,
    aliases=("DKL-DI-0006",),
    message="the image has only the tags {tags}: nobody can name this version; use the version as a tag",
    page="""The built image has no tag but `latest`.

Whoever runs it can't say which version it is, and the next push takes the name away from this
one. Tag each build with a version or the commit, and keep `latest` beside it if you like. An
image without any tag has not been named yet and is left alone, and so is one that says its
version in the label `org.opencontainers.image.version`.
""",
    bad=(ImageExample(tags=("shop:latest",)),),
    good=(
        ImageExample(tags=("shop:latest", "shop:1.4")),
        ImageExample(tags=("shop:latest",), config={"Labels": {"org.opencontainers.image.version": "1.4"}}),
    ),
)


@ONLY_LATEST.image
def tags_of_the_image(image: Image) -> Outcome:
    tags = image.tags
    if not tags:
        yield ONLY_LATEST.skip("image", "the image has no tag yet")
        return
    named = any(not tag.endswith(":latest") for tag in tags)
    if not named and not image.config.labels.get("org.opencontainers.image.version"):
        yield ONLY_LATEST.finding(_IMAGE, tags=" and ".join(tags), proof={"tags": list(tags)})


_IMAGE = Place("image")


FLOATING = Rule(
    code="AV0602",
    name="floating-tag",
    severity=Severity.INFO,
    antipattern=6,
    default=False,
    message="the tag {tag} of {image} moves as latest does; use the tag of a release",
    page="""An image is named by a tag that is moved, other than `latest`.

`stable`, `lts`, `edge`, `nightly`, `main`, `rolling` and the like say which channel, not which
version. Off by default: some projects publish nothing else.
""",
    bad=("FROM debian:stable\n", "FROM node:lts-alpine\n", "FROM a:1\nCOPY --from=tools:edge /x /x\n"),
    good=("FROM debian:12\n", "FROM node:20-alpine\n", "FROM debian:stable@sha256:" + "0" * 64 + "\n"),
)
_CHANNELS = frozenset(
    "stable oldstable testing unstable sid lts edge nightly main master develop dev rolling current devel canary"
    " snapshot beta alpha next".split()
)


@FLOATING.instruction("FROM", "COPY", "RUN")
def channel(instruction: Instruction, stage: Stage) -> Outcome:
    for word, value in _images(instruction, stage):
        tag = _tag(value)
        if (
            _is_image(value, stage)
            and "@" not in value
            and set(re.split(r"[-_.]", tag.lower())[:1]) & _CHANNELS
        ):
            yield FLOATING.finding(word.span, image=value, tag=tag)


NO_DIGEST = Rule(
    code="AV0603",
    name="image-without-digest",
    severity=Severity.INFO,
    antipattern=6,
    default=False,
    message="{image} has no digest, so the tag can hold other bytes tomorrow; add @sha256:…",
    page="""An image is named without its digest.

Only `name:tag@sha256:…` is the same bytes for everyone and for ever. Off by default: a digest
needs a tool that renews it, or the image never gets another security update.
""",
    bad=("FROM debian:12\n",),
    good=(
        "FROM debian:12@sha256:" + "0" * 64 + "\n",
        "FROM scratch\n",
        "FROM debian:12@sha256:" + "0" * 64 + " AS a\nFROM a\n",
    ),
)


@NO_DIGEST.instruction("FROM", "COPY", "RUN")
def no_digest(instruction: Instruction, stage: Stage) -> Outcome:
    for word, value in _images(instruction, stage):
        if _is_image(value, stage) and "@" not in value:
            yield NO_DIGEST.finding(word.span, image=value)


UNSUPPORTED = Rule(
    code="IL042",
    name="base-past-its-support",
    severity=Severity.WARNING,
    message="{image} gets no security updates since {day}; use a release that does",
    page="""The base image belongs to a release whose support has ended.

Its makers publish no fixes any more, and package archives of such releases are moved away one day,
which ends every build. Told by a table of well-known images that comes with imglint: what had ended
when it was made, never by today's date. Debian counts until the end of its long-term support; paid
support that goes on is not known here. `openjdk` and `adoptopenjdk` were given up whole: their
successor is `eclipse-temurin`.
""",
    security=True,
    bad=("FROM ubuntu:17.10\n", "FROM registry.centos.org/centos/centos:7\n", "FROM golang:1.20-alpine\n",
         "FROM public.ecr.aws/docker/library/debian:10\n", "FROM debian:buster-slim\n",
         "FROM node:16-alpine\n", "FROM python:3.7.17\n", "FROM openjdk:17-jdk-slim\n",
         "FROM centos:7.9.2009\n", "FROM alpine:3.10.2\n", "FROM rust:1.60-buster\n"),
    good=("FROM debian:12\n", "FROM node:22\n", "FROM alpine:3.22\n", "FROM alpine\n", "FROM ubuntu:24.04\n",
          "FROM example.org/debian:7\n", "FROM php:8.4-fpm\n", "FROM python:3\n", "FROM debian:12 AS b\nFROM b\n"),
)  # fmt: skip


@UNSUPPORTED.instruction("FROM")
def past_support(instruction: Instruction, stage: Stage) -> Outcome:
    reference = stage.reference
    if reference is None:
        return
    from ...analyzer.dockerfile.support import ended

    day = ended(reference)
    if day:
        yield UNSUPPORTED.finding(stage.base.span, image=stage.base_name, day=day)
