"""Measures images: opens and judges them, holds them against limits and against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from .analyzer import InputError
from .config import Settings
from .reports import Problem, Report
from .reports.tables import change
from .rules.gates import Limits
from .rules.judge import Judgement, judge_image
from .rules.registry import load

if TYPE_CHECKING:
    from .analyzer.image import Image
    from .rules.gates import Gate, Weight


# What a kernel calls a machine → what images call it.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def own_platform() -> str:
    """The platform of this machine, whose engine runs what is for it."""
    import platform

    machine = platform.machine().lower()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def open_image(
    source: str,
    *,
    verify: bool = True,
    engine: str | None = None,
    platform: str | None = None,
    prefer: str = "",
    plain_http: bool = False,
) -> Image:
    """The one image of a SOURCE, of several the one for the platform to `prefer`. See `open_images`.

    >>> image = open_image("examples/waste/waste.tar")
    >>> image.content_bytes, image.wasted_bytes
    (155546, 87690)

    Raises:
        InputError: it can't be read, no engine knows it, or it holds several.
    """
    found = open_images(
        source, verify=verify, engine=engine, platform=platform, prefer=prefer, plain_http=plain_http
    )
    if len(found) > 1 and prefer:
        found = tuple(one for one in found if one.platform.startswith(prefer)) or found
    if len(found) != 1:
        hint = "Use PATH:NAME, or PATH:@0 for the first one"
        raise InputError(source, f"holds {len(found)} images", hint)
    return found[0]


def open_images(
    source: str,
    *,
    verify: bool = True,
    engine: str | None = None,
    platform: str | None = None,
    prefer: str = "",
    plain_http: bool = False,
) -> tuple[Image, ...]:
    """The images of a SOURCE: a path, a name that is streamed from the engine, or one in a registry.

    Args:
        source: as on the command line; only `docker://HOST/NAME` touches a network.
        verify: check all digests. What a registry sends is checked in any case.
        engine: as for `connect`.
        platform: only images for it.
        prefer: the platform that is fetched of several in a registry, unless `platform` is given; this machine's.
        plain_http: ask a registry without encryption; one on this machine is asked so where it speaks nothing else.

    Raises:
        InputError: it can't be read, or no engine knows it.
    """
    from .analyzer.image import open_images as read_images
    from .analyzer.image import parse_source
    from .progress import ProgressBar, bytes_of

    parsed = parse_source(source)
    if parsed.kind == "path":
        with ProgressBar(source, bytes_of(parsed.value)) as progress:
            return read_images(
                parsed.value,
                name=source,
                select=parsed.select,
                verify=verify,
                platform=platform,
                progress=progress,
            )
    if parsed.kind == "registry":
        from .analyzer.registry.source import open_repository
        from .runner.login import login_of

        with ProgressBar(source) as progress:
            repository = open_repository(
                parsed.value,
                login_of,
                plain_http=plain_http,
                platform=platform,
                preferred=prefer if prefer and "unknown" not in prefer else own_platform(),
                verify=verify,
                progress=progress,
            )
            return read_images(repository, name=source, verify=verify, platform=platform)
    from .runner import EngineError, connect

    try:
        with connect(engine) as client, ProgressBar(source) as progress:
            identity = str(client.inspect_image(parsed.value)["Id"])
            chunks = progress.counted(client.save(parsed.value, platform))
            found = read_images(chunks, name=source, verify=verify, platform=platform)
            return tuple(image.of_engine(identity) for image in found)
    except EngineError as error:
        hint = error.hint or "give the path of an archive, or the name of an image that the engine has"
        raise InputError(source, f"is no path, and as an image's name: {error.problem}", hint) from error


def measure(
    sources: Iterable[str],
    settings: Settings,
    *,
    verify: bool = True,
    engine: str | None = None,
    platform: str | None = None,
    contents: bool = False,
    names: tuple[str, ...] | None = None,
    first_own: Callable[[Image], int | None] | None = None,
) -> Report:
    """Open images, measure and judge them. One that can't be read never stops the others.

    `contents`: look into the files of all layers, too. `names`: what they are going to be called. `first_own`: tells
    the first layer of an image that is not its base's, where that is known.

    Raises:
        UnknownCodeError: the settings name a code that no rule has.
    """
    from .progress import ProgressBar

    rules = load(settings.entries("image"))
    images: list[Image] = []
    problems: list[Problem] = []
    notes: list[str] = []
    left_alone: list[str] = []
    judgements: list[Judgement] = []
    sources = tuple(sources)
    for source in sources:
        try:
            found = open_images(
                source, verify=verify, engine=engine, platform=platform, plain_http=settings.plain_http
            )
        except InputError as error:
            problems.append(Problem.of(error))
            continue
        for image in found if names is None else (image.renamed(names) for image in found):
            first = first_own(image) if first_own is not None else None
            if first is not None:
                image = image.of_build(first)
            with ProgressBar(source, image.content_bytes) as progress:
                judgement = judge_image(image, rules, contents=contents, progress=progress)
            images.append(image)
            notes += (
                f"{image.source}{image.which}: {oddity}"
                for oddity in (*image.oddities(), *image.packages.notes(), *judgement.notes)
            )
            left_alone += judgement.notes
            judgements.append(judgement)
    if len(images) > 1:
        from .analyzer.graph import doubts, layer_graph

        notes += doubts(layer_graph(images))
    return Report(
        # An archive may hold several images, as one for each platform.
        files=tuple(dict.fromkeys(image.source for image in images)),
        findings=tuple(finding for judgement in judgements for finding in judgement.findings),
        skipped=tuple(one for judgement in judgements for one in judgement.skipped),
        problems=tuple(problems),
        images=tuple(images),
        notes=tuple(notes),
        left_alone=tuple(left_alone),
        fail_level=settings.fail_level,
        asked=("image", *sources),
    )


def weigh(
    report: Report,
    settings: Settings,
    limits: Limits,
    *,
    against: str | None = None,
    dive: bool = False,
    engine: str | None = None,
) -> Report:
    """Hold the images of a report against limits: those given, and those of the settings.

    Args:
        report: with its images.
        settings: the limits by image name.
        limits: of the command line, which go before them.
        against: what to compare with for growth: a SOURCE, or the JSON of an earlier run.
        dive: count waste and efficiency as dive does.
        engine: as for `connect`.

    Raises:
        InputError: `against` is there and can't be read.
    """
    from .gates import earlier
    from .rules.gates import check

    gates: list[Gate] = []
    notes: list[str] = []
    weights: dict[str, Weight] = {}
    for image in report.images:
        before = None
        if against is not None:
            before = earlier(against, image, engine=engine, plain_http=settings.plain_http)
            if before is None:
                notes.append(
                    f"{against} holds nothing of {image.source} yet: there is nothing to compare with"
                )
            else:
                weights[image.id] = before
                content = change(image.content_bytes - before.content_bytes)
                live = change(image.live_bytes - before.live_bytes)
                notes.append(f"{image.source}: content {content}, live {live} against {before.source}")
        wanted = settings.limits_of((*image.tags, image.source)).replaced_by(limits)
        gates += check(image, wanted, before, dive=dive)
    return report._replace(gates=tuple(gates), earlier=weights, notes=(*report.notes, *notes))


def compare(
    old: str,
    new: str,
    settings: Settings,
    limits: Limits,
    *,
    base: Sequence[str] = (),
    verify: bool = True,
    engine: str | None = None,
) -> Report:
    """Compare two images.

    Raises:
        InputError: one can't be read, or is several.
    """
    from .analyzer.image.diff import ImageDiff
    from .rules.gates import check, weigh

    plain = settings.plain_http
    before, after = (
        open_image(source, verify=verify, engine=engine, plain_http=plain) for source in (old, new)
    )
    bases = [
        image
        for source in base
        for image in open_images(source, verify=verify, engine=engine, plain_http=plain)
    ]
    wanted = settings.limits_of((*after.tags, new)).replaced_by(limits)
    gates = check(after, Limits(max_growth=wanted.max_growth), weigh(before))
    return Report(
        files=(old, new),
        images=(before, after),
        diff=ImageDiff(before, after, bases),
        gates=gates,
        earlier={after.id: weigh(before)},
        fail_level=settings.fail_level,
        asked=("diff", old, new),
    )
