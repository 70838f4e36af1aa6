"""The files of Google's container-structure-test (schema 2.0.0), run as they are.

Where that tool is known to be wrong this one is right: a port without a protocol is TCP, variables of
a test hold beside containerRunOptions, every command has a deadline, and nothing is left behind.
"""

from __future__ import annotations

import functools
import io
import re
import tarfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analyzer.credentials import mask
from .beside import start_services
from .engine import Engine, errors
from .errors import EngineError
from .expect import Expectations
from .files import is_link
from .observation import Check, Observation, Verdict
from .schema import validate
from .session import PROBE, USUAL, Archive, Conditions, Container, Session
from .watch import PATIENCE

if TYPE_CHECKING:
    from ..analyzer.yaml_file import YamlFile

_SECONDS = 60.0
_BANNED_LICENSES = ("AGPL", "WTFPL")


class StructureTests(NamedTuple):
    """One file, as `structure_test.schema.json` beside this module describes it."""

    name: str
    raw: Mapping[str, Any]


def is_structure_test(file: YamlFile) -> bool:
    """Whether a YAML file is one of that tool's."""
    return isinstance(file.value, dict) and not file.value.keys().isdisjoint(("schemaVersion", *_TESTS))


def parse_structure_tests(file: YamlFile) -> StructureTests:
    """The tests that a file holds.

    Raises:
        InputError: it is not what its schema describes, or holds no test.
    """
    ours = next((key for key in file.value if key.replace("-", "_") in Expectations._fields), None)
    if ours is not None:
        problem = f"holds tests of container-structure-test's, and {ours}, which is imglint's"
        raise file.wrong(problem, "keep them in two files", line=file.line([ours]))
    validate(file, "structure_test.schema.json", _pattern)
    raw = _as_the_tool_reads(file.value, file.written())
    if not any(raw.get(key) for key in _TESTS):
        raise file.wrong("holds no test", f"it may hold {', '.join(_TESTS)}")
    return StructureTests(file.name, raw)


_TESTS = ("commandTests", "fileExistenceTests", "fileContentTests", "metadataTest", "licenseTests")
# Where that tool has a number or a truth value. Everywhere else it has a text, and takes 1.10 for "1.10".
_TYPED = frozenset(
    {"exitCode", "uid", "gid", "shouldExist", "isRegex", "debian", "privileged", "allocateTty"}
)


def _as_the_tool_reads(value: Any, written: Any, key: str = "") -> Any:
    """A value with its texts as they are written, and without the keys that have no value."""
    if isinstance(value, dict):
        return {
            name: _as_the_tool_reads(inner, written[name], name)
            for name, inner in value.items()
            if inner is not None
        }
    if isinstance(value, list):
        return [_as_the_tool_reads(inner, text, key) for inner, text in zip(value, written, strict=True)]
    return value if key in _TYPED else written


def run_structure_tests(
    engine: Engine,
    image: str,
    tests: Sequence[StructureTests],
    *,
    archive: Archive | None = None,
    probe: str = PROBE,
    conditions: Conditions = USUAL,
) -> Observation:
    """Run the tests of files. Only commands start anything; files and metadata are read."""
    checks: list[Check] = []
    with Session(engine, image, archive=archive, probe=probe, conditions=conditions) as session:
        config = session.described.get("Config") or {}
        start_services(session, PATIENCE.wait)
        for test in tests:
            checks += _command_tests(session, test.raw, config)
            wants_files = any(
                test.raw.get(key) for key in ("fileExistenceTests", "fileContentTests", "licenseTests")
            )
            if wants_files:
                container = session.create(entrypoint=["/imglint-is-never-started"])
                try:
                    checks += _file_tests(container, test.raw)
                    checks += _license_tests(container, test.raw)
                finally:
                    container.remove()
            if test.raw.get("metadataTest"):
                checks.append(_metadata_test(test.raw["metadataTest"], config))
    return Observation(
        image=image,
        image_id=session.image,
        engine=str(engine),
        alive=False,
        checks=tuple(checks),
        # Their commands stand in the place of every program, also of the one that was given.
        notes=(*conditions.start._replace(entrypoint=None, command=None).told(config), *session.notes),
        receipt=session.receipt,
    )


def _verdict(name: str, subject: str, faults: Sequence[str], proof: Mapping[str, Any]) -> Check:
    if faults:
        return Check(name, subject, Verdict.DISPROVED, "; ".join(faults), proof)
    return Check(name, subject, Verdict.PROVED, "passed", proof)


# Commands


class _Ended(NamedTuple):
    code: int | None
    output: str
    errors: str


def _command_tests(session: Session, raw: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Check]:
    common = _pairs(raw.get("globalEnvVars"))
    options = _run_options(raw.get("containerRunOptions") or {})
    for test in raw.get("commandTests") or ():
        name = test["name"]
        environment = {**common, **_pairs(test.get("envVars"))}
        known = {**_pairs_of(config.get("Env")), **environment}
        image = _prepared(session, test.get("setup") or (), environment, options)
        command = [_expanded(one, known) for one in (test["command"], *test.get("args", ()))]
        try:
            ended = _ran(session, image, command, environment, options)
        except EngineError as error:
            if not error.answered:
                raise
            ended = _Ended(None, "", error.problem)
        faults = []
        wanted = test.get("exitCode", 0)
        if ended.code is None:
            faults.append(ended.errors or f"did not end within {_SECONDS:.0f} s")
        elif ended.code != wanted:
            faults.append(f"ended with {ended.code}, not with {wanted}")
        for key, text, there in (
            ("expectedOutput", ended.output, True), ("excludedOutput", ended.output, False),
            ("expectedError", ended.errors, True), ("excludedError", ended.errors, False),
        ):  # fmt: skip
            stream = "output" if "Output" in key else "errors"
            for pattern in test.get(key) or ():
                if _found(pattern, text) is not there:
                    faults.append(
                        f"its {stream} {'lack' if there else 'hold'}{'s' if stream == 'output' else ''} {pattern!r}"
                    )
        proof = {
            "command": command,
            "exit_code": ended.code,
            "stdout": mask(ended.output)[-500:],
            "stderr": mask(ended.errors)[-500:],
        }
        yield _verdict("structure.command", name, faults, proof)


def _run_options(raw: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if raw.get("user"):
        out["user"] = raw["user"]
    if raw.get("capabilities"):
        out["cap_add"] = raw["capabilities"]
    return out


def _prepared(
    session: Session,
    setup: Sequence[Sequence[str]],
    environment: Mapping[str, str],
    options: Mapping[str, Any],
) -> str:
    """The image after its set-up commands, each of which makes it anew."""
    image = session.image
    for command in setup:
        container = _create(session, image, command, environment, options)
        try:
            container.start()
            _wait(container)
            image = session.commit(container)
        finally:
            container.remove()
    return image


def _create(
    session: Session,
    image: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    options: Mapping[str, Any],
) -> Container:
    # The image's own ENTRYPOINT never runs in these tests: the command stands in its place.
    return session.create(
        image=image, entrypoint=[command[0]], command=list(command[1:]), environment=environment, **options
    )


def _ran(
    session: Session,
    image: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    options: Mapping[str, Any],
) -> _Ended:
    container = _create(session, image, command, environment, options)
    try:
        container.start()
        code = _wait(container)
        api = session.engine.api
        with errors(container.id[:12]):
            output = bytes(api.logs(container.id, stdout=True, stderr=False))
            problems = bytes(api.logs(container.id, stdout=False, stderr=True))
        return _Ended(code, output.decode("utf-8", "replace"), problems.decode("utf-8", "replace"))
    finally:
        container.remove()


def _wait(container: Container) -> int | None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        state = container.inspect()["State"]
        if not state.get("Running") and state.get("Status") != "created":
            return int(state.get("ExitCode") or 0)
        time.sleep(0.05)
    return None


def _pairs(raw: Any) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in raw or ()}


def _pairs_of(raw: Any) -> dict[str, str]:
    return {name: value for name, _, value in (str(one).partition("=") for one in raw or ())}


def _expanded(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: known.get(m[1] or m[2], ""), text)


def _found(pattern: str, text: str) -> bool:
    return _pattern(pattern).search(text) is not None


# What Go's patterns have and Python's have not: classes by name, and another word for the end of all.
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "ascii": r"\x00-\x7f", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": r"\w", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of Go's: there a `$` is the end of all, never before a last newline.

    Raises:
        re.error: it is none.
    """
    translated = re.sub(r"\[:(\w+):\]", lambda m: _CLASSES.get(m[1], m[0]), text)
    many_lines = re.search(r"\(\?[a-zA-Z]*m", text) is not None

    def of_python(match: re.Match[str]) -> str:
        if match[0] == "$":
            return "$" if many_lines else r"\Z"
        return r"\Z" if match[0] == r"\z" else match[0]

    translated = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", of_python, translated, flags=re.DOTALL)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        return re.compile(translated)


# Files


def _entry(
    container: Container, path: str, *, contents: bool = False
) -> tuple[tarfile.TarInfo, bytes] | None:
    """A path as it lies in the image, links not followed; None where it is not."""
    import docker.errors

    api = container.session.engine.api
    if not contents and is_link(container, path):
        # Podman's archive would hold what the link leads to.
        link = tarfile.TarInfo(path)
        link.type, link.mode = tarfile.SYMTYPE, 0o777
        return link, b""
    try:
        with errors(container.id[:12]):
            chunks, _ = api.get_archive(container.id, path)
    except EngineError as error:
        if isinstance(error.__cause__, docker.errors.NotFound):
            return None
        raise
    data = b""
    for chunk in chunks:
        data += chunk
        if len(data) >= 64 * 1024 and not contents:
            break
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
        member = tar.next()
        if member is None:
            return None
        stream = tar.extractfile(member) if contents and member.isreg() else None
        return member, stream.read() if stream is not None else b""


def _file_tests(container: Container, raw: Mapping[str, Any]) -> Iterator[Check]:
    for test in raw.get("fileExistenceTests") or ():
        found = _entry(container, test["path"])
        yield _existence(test, found[0] if found else None, container.session.engine)
    for test in raw.get("fileContentTests") or ():
        path = test["path"]
        found = _entry(container, path, contents=True)
        if found is not None and found[0].issym():
            found = _entry(container, _target(path, found[0].linkname), contents=True)
        faults = [] if found is not None else [f"{path} is not there"]
        text = found[1].decode("utf-8", "replace") if found is not None else ""
        if found is not None:
            faults += [
                f"it lacks {one!r}" for one in test.get("expectedContents") or () if not _found(one, text)
            ]
            faults += [f"it holds {one!r}" for one in test.get("excludedContents") or () if _found(one, text)]
        yield _verdict("structure.content", test["name"], faults, {"path": path})


def _target(path: str, link: str) -> str:
    import posixpath

    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _existence(test: Mapping[str, Any], found: tarfile.TarInfo | None, engine: Engine) -> Check:
    path = test["path"]
    faults = []
    if (found is not None) is not test.get("shouldExist", True):
        faults.append(f"{path} {'is there' if found is not None else 'is not there'}")
    elif found is not None:
        shown = mode_text(found)
        if test.get("permissions") and test["permissions"] != shown:
            faults.append(f"its permissions are {shown}")
        owners = [key for key in ("uid", "gid") if test.get(key, -1) >= 0]
        if owners and not engine.tells_owners:
            summary = f"{engine.kind} does not tell the {' and the '.join(owners)} of a file"
            return Check("structure.file", test["name"], Verdict.CANNOT_TELL, summary, {"path": path})
        faults += [
            f"its {key} is {getattr(found, key)}" for key in owners if test[key] != getattr(found, key)
        ]
        bits = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}
        who = test.get("isExecutableBy")
        if who and not found.mode & bits[who]:
            faults.append(f"{who} may not execute it")
    return _verdict("structure.file", test["name"], faults, {"path": path})


def mode_text(entry: tarfile.TarInfo) -> str:
    """The mode as that tool's files write it, which is how Go does: "-rw-r--r--", "drwxr-xr-x", "ugtrwx…"."""
    kind = "d" if entry.isdir() else "L" if entry.issym() else "p" if entry.isfifo() else ""
    special = "".join(
        letter for letter, bit in (("u", 0o4000), ("g", 0o2000), ("t", 0o1000)) if entry.mode & bit
    )
    letters = "".join(letter if entry.mode & (0o400 >> at) else "-" for at, letter in enumerate("rwxrwxrwx"))
    return f"{kind}{special}" + letters if kind or special else f"-{letters}"


def _license_tests(container: Container, raw: Mapping[str, Any]) -> Iterator[Check]:
    for test in raw.get("licenseTests") or ():
        paths = list(test.get("files", ()))
        if test.get("debian"):
            paths += _copyrights(container)
        for path in paths:
            found = _entry(container, path, contents=True)
            text = found[1].decode("utf-8", "replace") if found else ""
            faults = [f"{path} is not there"] if found is None else []
            faults += [f"it names {one}" for one in _BANNED_LICENSES if one in text]
            yield _verdict("structure.license", path, faults, {})


def _copyrights(container: Container) -> list[str]:
    """The copyright files of Debian's packages."""
    import docker.errors

    try:
        with errors(container.id[:12]):
            chunks, _ = container.session.engine.api.get_archive(container.id, "/usr/share/doc")
            data = b"".join(chunks)
    except EngineError as error:
        if isinstance(error.__cause__, docker.errors.NotFound):
            return []
        raise
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [f"/usr/share/{one.name}" for one in tar if one.name.endswith("/copyright") and one.isreg()]


# Metadata


def _metadata_test(test: Mapping[str, Any], config: Mapping[str, Any]) -> Check:
    faults = []
    environment = _pairs_of(config.get("Env"))
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    for key, known, word in (("envVars", environment, "variable"), ("labels", labels, "label")):
        for one in test.get(key) or ():
            value = known.get(one["key"])
            wanted = one.get("value", "")
            if value is None:
                faults.append(f"the {word} {one['key']} is not set")
            elif not (_found(wanted, value) if one.get("isRegex") else value == wanted):
                faults.append(f"the {word} {one['key']} is {value!r}")
    for one in test.get("unboundEnvVars") or ():
        if one["key"] in environment:
            faults.append(f"the variable {one['key']} is set")
    ports = {_port(one) for one in config.get("ExposedPorts") or {}}
    volumes = set(config.get("Volumes") or {})
    faults += [
        f"the port {one} is not exposed" for one in test.get("exposedPorts") or () if _port(one) not in ports
    ]
    faults += [
        f"the port {one} is exposed" for one in test.get("unexposedPorts") or () if _port(one) in ports
    ]
    faults += [f"the volume {one} is not declared" for one in test.get("volumes") or () if one not in volumes]
    faults += [
        f"the volume {one} is declared" for one in test.get("unmountedVolumes") or () if one in volumes
    ]
    for key, name in (("entrypoint", "Entrypoint"), ("cmd", "Cmd")):
        wanted_argv = test.get(key)
        if wanted_argv is not None and wanted_argv != list(config.get(name) or ()):
            faults.append(f"{name} is {list(config.get(name) or ())}")
    for key, name in (("workdir", "WorkingDir"), ("user", "User")):
        if test.get(key) and test[key] != str(config.get(name) or ""):
            faults.append(f"{name} is {config.get(name) or ''!r}")
    return _verdict("structure.metadata", "metadata", faults, {})


def _port(text: str) -> str:
    return text if "/" in text else f"{text}/tcp"
