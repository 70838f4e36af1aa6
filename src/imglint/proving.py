"""Running images: what is asked for, the files of expectations, and several images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .analyzer import InputError

if TYPE_CHECKING:
    from .runner import Check, Engine, Observation
    from .runner.expect import Expectations
    from .runner.structure_test import StructureTests

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


class Files(NamedTuple):
    """The files of expectations, read."""

    expectations: tuple[Expectations, ...]
    structure_tests: tuple[StructureTests, ...]


def read_expectations(paths: Sequence[str]) -> Files:
    """Read files of expectations, ours and container-structure-test's.

    Raises:
        InputError: one can't be read.
        EngineError: one is not understood.
    """
    from .runner.errors import EngineError
    from .runner.expect import load_yaml, parse_expectations
    from .runner.structure_test import is_structure_test, parse_structure_tests

    expectations, tests = [], []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise InputError(path, str(problem).lower(), "give --expect a YAML file") from error
        try:
            if is_structure_test(load_yaml(text, path)):
                tests.append(parse_structure_tests(text, path))
            else:
                expectations.append(parse_expectations(text, path))
        except EngineError as error:
            error.hint = error.hint or "`imglint verify IMAGE --write-expect FILE` writes one to start from"
            raise
    return Files(tuple(expectations), tuple(tests))


def observe(engine: Engine, name: str, identity: str, wishes: Wishes, files: Files) -> Observation:
    """Run one image that the engine has. Where only structure tests are asked for, only they are run.

    Raises:
        EngineError: the engine can't.
    """
    from .progress import StatusLine
    from .runner import verify
    from .runner.structure_test import run_structure_tests

    tested = None
    if files.structure_tests:
        tested = run_structure_tests(engine, identity, files.structure_tests, probe=wishes.probe)
        if not files.expectations:
            return tested._replace(image=name)
    with StatusLine(name) as progress:
        seen = verify(
            engine,
            identity,
            publish=wishes.publish,
            publish_all=wishes.publish_all,
            deep=wishes.deep,
            harden=wishes.harden,
            expectations=files.expectations,
            stop_seconds=wishes.stop_seconds,
            probe=wishes.probe,
            progress=progress,
        )
    return seen._replace(image=name, checks=(*seen.checks, *(tested.checks if tested else ())))


def unmet(seen: Observation, *, allow_unknown: bool) -> list[Check]:
    """The expectations that do not hold, or could not be decided where that does not pass."""
    from .runner import Verdict

    passing = {Verdict.PROVED, *((Verdict.CANNOT_TELL, Verdict.NOT_OBSERVED) if allow_unknown else ())}
    return [
        one
        for one in seen.checks
        if one.name.startswith(("expect.", "structure.")) and one.verdict not in passing
    ]


def side_by_side(work: Any, images: Sequence[str]) -> list[Observation]:
    """Do the work for several images, two at a time, in their order."""
    if len(images) == 1:
        return [work(images[0])]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, images))


def expectations_text(seen: Observation) -> str:
    """What was observed, as a file of expectations."""
    import yaml

    from .runner.expect import observed_expectations
    from .runner.writes import directories_of

    directories = directories_of(one for one in seen.writes if one.bytes is not None)
    head = f"# What must hold of {seen.image}: imglint verify {seen.image} --expect THIS-FILE\n"
    return head + yaml.safe_dump(observed_expectations(seen, directories), sort_keys=False)
