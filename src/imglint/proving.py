"""Proves containers: what is asked for, the files of expectations, and images run side by side and judged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .analyzer import InputError
from .config import Settings
from .measuring import open_image, own_platform
from .reports import Problem, Report
from .rules.judge import judge_container
from .rules.registry import load

if TYPE_CHECKING:
    from .composing import Stack
    from .rules.rule import Rule
    from .runner import Engine, Observation
    from .runner.expect import Expectations
    from .runner.service import Service
    from .runner.session import Archive
    from .runner.start import Start
    from .runner.structure_test import StructureTests

_Seen = TypeVar("_Seen")
_AT_ONCE = 2  # images; more of them only make each other slow


class Wishes(NamedTuple):
    """What to do with an image beside the usual."""

    publish: tuple[str, ...] = ()
    publish_all: bool = False
    deep: bool = False
    harden: bool = False
    stop_seconds: int = 10
    probe: str = "busybox"
    expect: tuple[str, ...] = ()
    allow_unknown: bool = False
    wait: float | None = None  # seconds; None of these: what imglint does unasked
    observe: float | None = None  # seconds
    memory: int | None = None  # bytes
    pids: int | None = None
    network: str = ""
    start: Start | None = None  # what is given to it, or put in the place of what the image says
    services: tuple[Service, ...] = ()  # what is started beside it first
    called: str = ""  # the name by which those services reach it


class Files(NamedTuple):
    """The files of expectations, read."""

    expectations: tuple[Expectations, ...]
    structure_tests: tuple[StructureTests, ...]


def read_expectations(paths: Sequence[str]) -> Files:
    """Read files of expectations, ours and container-structure-test's.

    Raises:
        InputError: one can't be read, or is not understood.
    """
    from .analyzer.yaml_file import read_yaml
    from .runner.expect import parse_expectations
    from .runner.structure_test import is_structure_test, parse_structure_tests

    expectations, tests = [], []
    for path in paths:
        file = read_yaml(path, "give --expect a YAML file")
        if is_structure_test(file):
            tests.append(parse_structure_tests(file))
        else:
            expectations.append(parse_expectations(file))
    return Files(tuple(expectations), tuple(tests))


class Subject(NamedTuple):
    """What to run: the name that the user gave, and what the engine is asked for."""

    name: str
    image: str  # a name or an ID
    archive: Archive | None = None  # where it comes from if the engine does not have it


def subject(source: str, engine: str | None) -> Subject:
    """What a SOURCE means to an engine.

    Raises:
        InputError: it is an archive, or in a registry, and can't be read.
    """
    from .analyzer.image import parse_source

    parsed = parse_source(source)
    if parsed.kind == "daemon":
        return Subject(source, parsed.value)
    image = open_image(source, engine=engine, prefer=own_platform())
    return Subject(source, image.id, image.docker_archive)


def observe(engine: Engine, wanted: Subject, wishes: Wishes, files: Files) -> Observation:
    """Run one image. Where only structure tests are asked for, only they are run.

    Raises:
        EngineError: the engine can't.
    """
    from .progress import StatusLine
    from .runner import verify
    from .runner.session import Conditions
    from .runner.start import Start
    from .runner.structure_test import run_structure_tests
    from .runner.watch import PATIENCE, Patience

    tested = None
    start = wishes.start or Start()
    conditions = Conditions(
        wishes.memory,
        wishes.pids,
        wishes.network,
        start=start,
        services=wishes.services,
        called=wishes.called,
    )
    patience = Patience(
        PATIENCE.wait if wishes.wait is None else wishes.wait,
        PATIENCE.observe if wishes.observe is None else wishes.observe,
    )
    if files.structure_tests:
        tested = run_structure_tests(
            engine,
            wanted.image,
            files.structure_tests,
            archive=wanted.archive,
            probe=wishes.probe,
            conditions=conditions,
        )
        if not files.expectations:
            return _called(tested, wanted)
    with StatusLine(wanted.name) as progress:
        seen = verify(
            engine,
            wanted.image,
            archive=wanted.archive,
            publish=wishes.publish,
            publish_all=wishes.publish_all,
            deep=wishes.deep,
            harden=wishes.harden,
            expectations=files.expectations,
            stop_seconds=wishes.stop_seconds,
            patience=patience,
            conditions=conditions,
            probe=wishes.probe,
            progress=progress,
        )
    seen = _called(seen, wanted)
    if tested is not None:
        both = tested.receipt.plus(seen.receipt) if tested.receipt and seen.receipt else None
        seen = seen._replace(checks=(*seen.checks, *tested.checks), receipt=both)
    return seen


def side_by_side(
    work: Callable[[str], _Seen], images: Sequence[str], clients: Sequence[Engine]
) -> list[_Seen]:
    """Do the work for several images, two at a time, in their order. An interrupt ends those on these clients."""
    if len(images) == 1:
        return [work(images[0])]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(work, image) for image in images]
        try:
            return [one.result() for one in running]
        except KeyboardInterrupt:
            for one in running:
                one.cancel()
            for client in clients:
                client.cancel()
            raise


def expectations_text(seen: Observation, options: Mapping[str, Any] = {}) -> str:
    """What was observed, as a file of expectations.

    Args:
        seen: the observation.
        options: those of the run, as such a file holds them.
    """
    import yaml

    from .analyzer.credentials import masked
    from .runner.expect import observed_expectations
    from .runner.writes import places_of

    places = places_of(write for write in seen.writes if write.bytes is not None)
    head = f"# What must hold of {seen.image}: imglint verify {seen.image} --expect THIS-FILE\n"
    if options.get("env"):
        head += f"# Set where imglint runs: {', '.join(options['env'])}\n"
    expected = observed_expectations(seen, places)
    run = dict(options)
    for table, name in ((expected, ""), (run, "run.")):
        for key in [key for key, value in table.items() if masked(value) != value]:
            # What holds a credential could only be written masked, and would not hold then.
            del table[key]
            head += f"# {name}{key}: left out, since it holds a credential\n"
    if run:
        expected = {"version": expected.pop("version"), "run": run, **expected}
    return head + yaml.safe_dump(expected, sort_keys=False)


def prove(
    images: Sequence[str],
    settings: Settings,
    wishes: Wishes,
    *,
    engine: str | None = None,
    called: str | None = None,
) -> Report:
    """Run images and judge what was observed. An archive is loaded for it, and removed again.

    Args:
        images: names, IDs or archives.
        settings: the rules, and the options of a run by the image's name.
        wishes: of the command line.
        engine: as for `connect`.
        called: the name by which the settings know the image, where it is named otherwise.

    Raises:
        InputError: no engine answers, it has no such image, or it can't do what was asked.
        UnknownCodeError: the settings name a code that no rule has.
    """
    from .runner import EngineError, connect

    rules = load(settings.entries("container"))

    clients: list[Engine] = []

    def run(image: str) -> Observation:
        with connect(engine) as client:
            clients.append(client)
            return observe(client, subject(image, engine), asked[image], files)

    try:
        files = read_expectations(wishes.expect)
        asked = {image: wishes_for(called or image, wishes, files, settings) for image in images}
        seen = side_by_side(run, images, clients)
    except EngineError as error:
        raise InputError(error.subject, error.problem, error.hint) from error
    return _report(images, seen, rules, settings, wishes, files)


def prove_stack(stack: Stack, settings: Settings, wishes: Wishes, *, engine: str | None = None) -> Report:
    """Prove services of a compose file, each with what it depends on beside it. One that can't be proved leaves the others.

    Raises:
        InputError: no engine answers.
        UnknownCodeError: the settings name a code that no rule has.
    """
    from .runner import EngineError, connect

    rules = load(settings.entries("container"))
    files = read_expectations(wishes.expect)
    clients: list[Engine] = []
    problems: list[Problem] = []

    def run(label: str) -> Observation | None:
        target = stack.targets[label]
        try:
            asked = target.over(wishes_for(target.image, wishes, files, settings))
            with connect(engine) as client:
                clients.append(client)
                return observe(client, Subject(label, target.image), asked, files)
        except EngineError as error:
            problem = Problem(f"{label}: {error.subject}", error.problem, error.hint)
            if not error.answered and not clients:
                raise InputError(error.subject, error.problem, error.hint) from error
            problems.append(problem)
            return None

    labels = tuple(stack.targets)
    seen = [one for one in side_by_side(run, labels, clients) if one is not None]
    report = _report(labels, seen, rules, settings, wishes, files)
    notes = [f"{stack.targets[one.image].name}: {note}" for one in seen for note in one.notes]
    return report._replace(
        problems=(*problems, *report.problems), notes=(*stack.notes, *dict.fromkeys(notes)), asked=stack.asked
    )


def _report(
    images: Sequence[str],
    seen: Sequence[Observation],
    rules: Sequence[Rule],
    settings: Settings,
    wishes: Wishes,
    files: Files,
) -> Report:
    """What was observed, judged."""
    # Structure tests start nothing of the image's own, so that there is nothing to judge.
    judged = [
        judge_container(one, rules)
        for one in seen
        if (one.started and one.processes) or not files.structure_tests
    ]
    return Report(
        files=tuple(images),
        findings=tuple(finding for one in judged for finding in one.findings),
        skipped=tuple(skipped for one in judged for skipped in one.skipped),
        problems=tuple(_problems(seen)),
        notes=tuple(dict.fromkeys(note for one in seen for note in one.notes)),
        observations=tuple(seen),
        fail_level=settings.fail_level,
        fail_on=settings.fail_on,
        allow_unknown=wishes.allow_unknown,
        asked=("verify", *images),
    )


def wishes_for(image: str, wishes: Wishes, files: Files, settings: Settings) -> Wishes:
    """What is wished for one image: of the configuration, of the files of expectations, and over both of the command line.

    Raises:
        InputError: a file asks for what an option does not take.
    """
    from .config import RunText
    from .run_options import with_layers

    kept = (
        RunText(expectation.run, os.path.dirname(expectation.origin), f"{expectation.origin}: run")
        for expectation in files.expectations
        if expectation.run
    )
    layers = (*settings.runs_of(image), *kept)
    return with_layers(wishes, layers, (image,))


def plans(
    images: Sequence[str],
    wishes: Wishes,
    settings: Settings = Settings(),  # noqa: B008
    *,
    engine: str | None = None,
    stack: Stack | None = None,
) -> Report:
    """What `prove`, or `prove_stack`, would start, make, touch and remove. Nothing is made.

    Raises:
        InputError: no engine answers, or it has no such image.
    """
    from .runner import EngineError, connect
    from .runner.plan import plan
    from .runner.start import Start

    try:
        files = read_expectations(wishes.expect)
        with connect(engine) as client:
            found = []
            for image in images:
                if stack is None:
                    wanted = subject(image, engine)
                    asked = wishes_for(image, wishes, files, settings)
                else:
                    target = stack.targets[image]
                    wanted = Subject(image, target.image)
                    asked = target.over(wishes_for(target.image, wishes, files, settings))
                planned = plan(
                    client,
                    wanted.image,
                    archive=wanted.archive is not None,
                    publish=asked.publish,
                    deep=wishes.deep,
                    harden=wishes.harden,
                    structure_tests=len(files.structure_tests),
                    checks=bool(files.expectations) or not files.structure_tests,
                    probe=wishes.probe,
                    network=asked.network,
                    start=asked.start or Start(),
                    services=asked.services,
                )
                found.append(replace(planned, image=wanted.name))
    except EngineError as error:
        raise InputError(error.subject, error.problem, error.hint) from error
    notes, command = (stack.notes, stack.asked) if stack is not None else ((), ("verify", *images))
    return Report(files=tuple(images), plans=tuple(found), notes=notes, asked=command)


def _problems(seen: Sequence[Observation]) -> Iterator[Problem]:
    """What the engine could not do, or would not let go."""
    for observation in seen:
        if observation.problem:
            yield Problem(observation.image, observation.problem, "what was seen before that is told")
        if observation.receipt is not None and observation.receipt.left:
            yield Problem(observation.image, f"left behind: {'; '.join(observation.receipt.left)}")


def verify(
    image: str,
    *,
    publish: Sequence[str] = (),
    publish_all: bool = False,
    deep: bool = False,
    harden: bool = False,
    expect: Sequence[str] = (),
    stop_seconds: int = 10,
    wait: float | None = None,
    observe: float | None = None,
    memory: int | None = None,
    pids: int | None = None,
    network: str = "",
    options: Mapping[str, Sequence[str]] | None = None,
    engine: str | None = None,
) -> Observation:
    """Run an image and observe it: `verify(...).checks` are the verdicts, each with its proof.

    Args:
        image: a name or ID that the engine has, or an archive, which is loaded for as long as it takes.
        publish: as for `docker run -p`.
        publish_all: as for `docker run -P`.
        deep: run it under harder conditions, too.
        harden: find the least that it needs; in `.hardening`.
        expect: files of expectations.
        stop_seconds: what lies between the stop signal and the kill.
        wait: seconds for which ports and health are waited for; None: 60.
        observe: seconds to watch on, with requests sent; None: not at all.
        memory: the limit in bytes; None: 512 MB, or 2 GB where that is too little.
        pids: the limit of processes; None: 256, or 1024.
        network: a network of the engine's to start it in; "": one without a way out.
        options: more of the command line's, by their names, as {"env": ["MODE=test"], "volume": ["./conf:/etc/app"]}.
        engine: docker, podman or a URL; None: the local one.

    Raises:
        InputError: no engine answers, it has no such image, or it can't do what was asked.
        UsageError: an option has no such value.
    """
    from .run_options import parse_run

    wishes = parse_run(options or {}, images=(image,))._replace(
        publish=tuple(publish), publish_all=publish_all, deep=deep, harden=harden, stop_seconds=stop_seconds,
        expect=tuple(expect), allow_unknown=True, wait=wait, observe=observe, memory=memory, pids=pids, network=network,
    )  # fmt: skip
    return prove((image,), Settings(), wishes, engine=engine).observations[0]


def _called(seen: Observation, wanted: Subject) -> Observation:
    """With the user's name of the image; and of an archive its own ID, not that of the copy that was loaded."""
    return seen._replace(image=wanted.name, image_id=wanted.image if wanted.archive else seen.image_id)
