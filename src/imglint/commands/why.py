"""`imglint why`: how to repeat a proof without imglint."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ..analyzer import InputError
from ..exits import Exit
from ..output import write
from ..reports.proof_commands import (
    HiddenCharactersError,
    Member,
    Step,
    StoredImage,
    image_name,
    of_container,
    of_image,
    of_text,
)
from ..reports.text import printable
from .show import fail

_MAX_REPORT = 256 * 1024 * 1024
_NO_COMMAND = (
    "a name in it is not what it looks like on a terminal or to a program: no command is given for it"
)
_WRITES_ONE = "Use a report of `--format json`"


def why(wanted: str, report: str, archive: str | None) -> Exit:
    """Print the commands that repeat the proof of what `wanted` names in a report, as JSON has it.

    `archive` is where the image is now, where it was read from an engine or has moved.
    """
    try:
        document = _read(report)
        findings = [one for one in document["findings"] if _is_meant(wanted, one)]
        checks = [one for one in document.get("checks", ()) if wanted in _names(one)]
        if not findings and not checks:
            raise InputError(report, f"holds no finding or check {wanted}", _near(document))
        told = [_finding(one, document, archive) for one in findings]
        told += [_check(one, document) for one in checks]
    except InputError as error:
        return fail(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return fail(InputError(report, "is no report of imglint's, version 1", _WRITES_ONE))
    write("\n".join(told), "-")
    return Exit.CLEAN


def _read(report: str) -> Any:
    try:
        if report == "-":
            return json.loads(sys.stdin.buffer.read(_MAX_REPORT))
        # A pipe with a name may have nobody who writes: it is not waited for. Those of the shell have.
        if stat.S_ISFIFO(os.stat(report).st_mode) and not report.startswith(("/dev/fd/", "/dev/stdin")):
            raise InputError(report, "is no regular file", _WRITES_ONE)
        with open(report, "rb") as stream:
            return json.loads(stream.read(_MAX_REPORT))
    except OSError as error:
        raise InputError(report, (error.strerror or str(error)).lower(), _WRITES_ONE) from error
    except (ValueError, RecursionError) as error:
        raise InputError(report, "is no JSON", _WRITES_ONE) from error


def _is_meant(wanted: str, finding: Mapping[str, Any]) -> bool:
    """By fingerprint, by code, or by CODE:LINE."""
    return wanted in (finding["fingerprint"], finding["code"], f"{finding['code']}:{finding['line']}")


def _names(check: Mapping[str, Any]) -> tuple[str, str]:
    return check["check"], f"{check['check']}:{check['subject']}"


def _near(document: Mapping[str, Any]) -> str:
    codes = sorted({one["code"] for one in document["findings"]})
    return f"it holds {', '.join(codes)}" if codes else "it holds no findings"


def _finding(finding: Mapping[str, Any], document: Mapping[str, Any], archive: str | None) -> str:
    where = [finding["file"]]
    if finding["line"] is not None:
        where.append(f"line {finding['line']}")
    if finding["layer"] is not None:
        where.append(f"layer {finding['layer']['index']}")
    where += [finding[key] for key in ("path", "subject") if finding[key]]
    head = f"{finding['code']} {finding['name']}: {finding['message']} [{finding['severity']}]"
    evidence, note = finding["evidence"], ""
    steps: Iterable[Step] = ()
    if evidence == "image":
        try:
            image, note = _stored(finding["file"], document, archive)
            steps = of_image(finding, image)
        except HiddenCharactersError:
            note = _NO_COMMAND
    elif evidence == "container":
        steps = of_container(finding["name"], finding["subject"] or "", finding["file"])
    elif finding["line"] is None:
        note = "it is about the file as a whole"
    elif finding["file"] == "-":
        note = "the text came from standard input: put it into a file, and lint that"
    else:
        steps = of_text(finding)
    return _shown(head, ", ".join(where), steps, note, f"`imglint explain {finding['code']}`")


def _check(check: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    images = {one["image"] for one in document.get("receipts", ())}
    steps = of_container(check["check"], check["subject"], images.pop() if len(images) == 1 else "IMAGE")
    head = f"{check['check']}: {check['summary']} [{check['verdict']}]"
    return _shown(head, check["subject"], steps, "", f"`imglint explain {check['check']}`")


def _stored(source: str, document: Mapping[str, Any], archive: str | None) -> tuple[StoredImage, str]:
    """The image that the report means, in the archive that holds it now; or what to do to have one."""
    from ..analyzer.image import parse_source
    from ..analyzer.image.archive import open_archive

    known = [one["id"] for one in document.get("images", ()) if one["source"] == source]
    place = parse_source(archive or source)
    if place.kind == "registry":
        copied = f"skopeo copy docker://{image_name(place.value)} docker-archive:image.tar"
        return StoredImage(), f"the registry has the image: `{copied}`, then add --archive image.tar here"
    if place.kind != "path":
        saved = f"docker save --output image.tar {image_name(place.value)}"
        return StoredImage(), f"the engine has the image: `{saved}`, then add --archive image.tar here"
    if not os.path.exists(place.value):
        raise InputError(place.value, "is not there", "Use --archive to say where the image is now")
    if not os.path.isfile(place.value) and not os.path.isdir(place.value):
        raise InputError(place.value, "is no regular file", "Use --archive to say where the image is now")
    for one in open_archive(place.value, verify=False).manifests(place.select):
        if one.id in known or not known:
            outer = None if os.path.isdir(place.value) else place.value
            whole = [blob.name in ("", place.value) for blob in one.layers]
            layers = tuple(
                Member(None if alone else outer, place.value if alone else blob.name, blob.compression())
                for blob, alone in zip(one.layers, whole, strict=True)
            )
            config = Member(outer, one.config.name) if one.configured else None
            return StoredImage(one.id, config, layers), ""
    raise InputError(place.value, f"does not hold the image {known[0]}", "Use --archive to name what does")


def _shown(head: str, where: str, steps: Iterable[Step], note: str, page: str) -> str:
    lines = [head, f"  {where}", ""] if where else [head, ""]
    try:
        for number, step in enumerate(steps, 1):
            lines += [f"{number}. {step.shows}", f"    {step.command}"]
    except HiddenCharactersError:
        note = _NO_COMMAND
    lines += [note] if note else []
    # One line each: a report of somebody else's puts no line of its own among the commands.
    return printable(
        "\n".join(line.replace("\n", " ") for line in [*lines, f"{page} says what it means.", ""])
    )
