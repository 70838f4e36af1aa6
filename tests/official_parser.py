"""What BuildKit's own parser and ours read in an instruction, in a form that can be compared."""

from __future__ import annotations

import re

import dockerfile as official

from imglint.analyzer.dockerfile import Instruction

LIST_FORMS = ("FROM", "EXPOSE", "ADD", "COPY", "VOLUME", "SHELL")


TEXT_FORMS = ("RUN", "CMD", "ENTRYPOINT", "USER", "WORKDIR", "MAINTAINER", "STOPSIGNAL")


def untabbed(body: str) -> str:
    """Of <<- bodies the official parser keeps the tabs that the shell will take away; ours does not."""
    return re.sub(r"^\t+", "", body, flags=re.MULTILINE)


def shape(one: Instruction) -> tuple[object, ...]:
    """What the official parser says of an instruction, from ours."""
    if one.keyword in ("ENV", "LABEL"):
        value: list[str] | None = [
            raw for name, content in one.pairs for raw in (name.raw, content.raw if content else "")
        ]
    elif one.keyword == "ONBUILD" and one.trigger:
        return one.keyword, one.trigger.json is not None, one.span.line, one.span.end_line, [], None, []
    elif one.json is not None and one.keyword != "HEALTHCHECK":
        value = [word.value for word in one.json]
    elif one.keyword in LIST_FORMS:
        value = [word.raw for word in one.args]
    elif one.keyword in TEXT_FORMS:
        value = [one.value.raw] if one.value.raw else []
    else:
        value = None
    flags = [f"--{flag.name}" + ("" if flag.value is None else f"={flag.value}") for flag in one.flags]
    # The official parser goes over flags byte by byte and takes each for a character.
    flags = [flag.encode().decode("latin-1") for flag in flags]
    heredocs = [(doc.marker.delimiter, untabbed(doc.body.value)) for doc in one.heredocs]
    return one.keyword, one.json is not None, one.span.line, one.span.end_line, flags, value, heredocs


def official_shape(one: official.Command) -> tuple[object, ...]:
    keyword = one.cmd.upper()
    known = keyword in ("ENV", "LABEL", *LIST_FORMS, *TEXT_FORMS)
    value = list(one.value) if known else None
    heredocs = [(doc.name, untabbed(doc.content)) for doc in one.heredocs]
    return keyword, one.json, one.start_line, one.end_line, list(one.flags), value, heredocs
