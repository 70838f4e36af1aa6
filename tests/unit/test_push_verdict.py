"""How an audit is told: one sentence whether the image is safe to push, and each fault once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from image_archives import Saved, docker_legacy, step
from jsonschema import Draft202012Validator

import imglint
from imglint.reports import Problem, Report
from imglint.reports.exits import Exit
from imglint.reports.faults import faults
from imglint.reports.formats import render
from imglint.reports.look import Look
from imglint.reports.matrix_text import render as text
from imglint.reports.push_verdict import Push, push_verdict
from imglint.rules.gates import Gate
from imglint.rules.matrix import ANTIPATTERNS, EVIDENCE, UNDECIDABLE, Cell, CellVerdict
from imglint.rules.rule import Evidence, Severity
from imglint.rules.verdicts import FailOn
from imglint.runner import Check, Observation, Verdict

ROOT = Path(__file__).parents[2]
DOCKERFILE = str(ROOT / "examples/waste/Dockerfile")
ARCHIVE = str(ROOT / "examples/waste/waste.tar")
SCHEMA = json.loads((ROOT / "reports/json_v1.schema.json").read_text())
NOT_ASKED = "nothing was started: --run does"

Changed = dict[tuple[int, Evidence], tuple[CellVerdict, str]]


def report(changed: Changed = {}, *, missing: tuple[Evidence, ...] = (), **more: object) -> Report:  # noqa: B006
    """An audit in which everything passes, but for some cells and kinds of evidence."""
    cells = []
    for number in range(1, len(ANTIPATTERNS) + 1):
        for evidence in EVIDENCE:
            verdict, reason = changed.get((number, evidence), (CellVerdict.PASS, "AV0001 found nothing"))
            codes: tuple[str, ...] = ("AV0001",)
            if (number, evidence) in UNDECIDABLE:
                verdict, reason, codes = CellVerdict.NOT_APPLICABLE, "not here", ()
            elif evidence in missing:
                verdict, reason, codes = CellVerdict.UNKNOWN, f"no {evidence}", ()
            cells.append(Cell(number, evidence, verdict, codes, reason))
    return Report(matrix=tuple(cells))._replace(**more)  # type: ignore[arg-type]


UNKNOWN = CellVerdict.UNKNOWN


def sentence(report: Report) -> str:
    """The sentence; held against what the command ends with."""
    push, told = push_verdict(report)
    assert (push is Push.NOT_SAFE) <= (report.exit_code != Exit.CLEAN)
    assert (push is Push.SAFE) <= (report.exit_code == Exit.CLEAN)
    start = {
        "safe": "Safe to push",
        "not safe": "Not safe to push: ",
        "unknown": "Can't say whether it is safe to push: ",
    }
    assert told.startswith(start[push])
    assert told.endswith(".")
    return told


def test_safe_is_what_passes_everywhere() -> None:
    assert sentence(report()) == "Safe to push."


def test_evidence_that_was_not_asked_for_leaves_nothing_open() -> None:
    assert sentence(report(missing=("container",))) == (
        "Safe to push, as far as the text and the image show (no container)."
    )
    assert sentence(report(missing=("image", "container"))) == (
        "Safe to push, as far as the text shows (no image; no container)."
    )
    assert sentence(report(missing=("dockerfile", "container"))) == (
        "Safe to push, as far as the image shows (no dockerfile; no container)."
    )


def test_but_it_was_asked_for_where_unknown_fails() -> None:
    told = sentence(report(missing=("container",), fail_on=FailOn(unknown=True)))
    assert told == "Can't say whether it is safe to push: no container."


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        # Asked of the container, which could not tell.
        ({(9, "container"): (UNKNOWN, "it ended too early")}, "process runs as root: it ended too early"),
        # The image passes what the text left open, the container what the image did.
        ({(9, "dockerfile"): (UNKNOWN, "the base is not known")}, ""),
        ({(9, "image"): (UNKNOWN, "there is no /etc/passwd")}, ""),
        # What lies in the layers no container shows.
        ({(8, "image"): (UNKNOWN, "files were not read")}, "credentials in the image: files were not read"),
        # One reason for several rows is told once.
        ({(1, "container"): (UNKNOWN, "too early"), (9, "container"): (UNKNOWN, "too early")}, "too early"),
    ],
)  # fmt: skip
def test_what_stays_open(changed: Changed, wanted: str) -> None:
    assert sentence(report(changed)) == (
        f"Can't say whether it is safe to push: {wanted}." if wanted else "Safe to push."
    )


def test_what_fails_is_what_the_failures_are() -> None:
    failing: Changed = {(3, "image"): (CellVerdict.FAIL, "half of it is waste")}
    assert sentence(report(failing)).startswith("Not safe to push: large image: image: half of it is waste")
    limit = Gate("shop:1", "max-size", 10_000_000, 25_000_000, False)
    told = sentence(report(gates=(limit,)))
    assert told == "Not safe to push: shop:1: the content is 25.0 MB, and max-size allows 10.0 MB."
    dead = Check("ports.exposed", "80/tcp", Verdict.DISPROVED, "nothing listens")
    told = sentence(report(observations=(Observation(image="shop:1", checks=(dead,)),)))
    assert told == "Not safe to push: 80/tcp: nothing listens."


def test_what_could_not_be_found_out_is_no_fault() -> None:
    problem = Problem("gone.tar", "is not there")
    assert sentence(report(problems=(problem,))) == (
        "Can't say whether it is safe to push: gone.tar: is not there."
    )
    open_check = Check("expect.user", "user", Verdict.CANNOT_TELL, "the engine does not say")
    told = sentence(report(observations=(Observation(image="shop:1", checks=(open_check,)),)))
    assert told.startswith("Can't say whether it is safe to push: shop:1: user: engine cannot tell: ")


def test_nothing_is_called_safe_because_nothing_may_fail() -> None:
    lax = imglint.audit(DOCKERFILE, ARCHIVE, imglint.Settings(fail_level=None))
    assert lax.exit_code == Exit.CLEAN
    assert sentence(lax) == (
        "Can't say whether it is safe to push: the fail level lets pass what fails in the matrix."
    )


def test_the_first_reasons_are_the_worst_ones() -> None:
    told = sentence(imglint.audit(str(ROOT / "examples/seed/Dockerfile"), ARCHIVE))
    assert told.startswith(
        "Not safe to push: main process forks (IL010); application shipped in two pieces (AV0203); "
    )
    assert re.search(r"; and \d+ more\.$", told)
    strict = imglint.Settings(fail_level=Severity.ERROR)
    assert sentence(imglint.audit(DOCKERFILE, ARCHIVE, strict)) == (
        "Not safe to push: application shipped in two pieces (AV0203)."
    )


def test_all_formats_that_people_read_begin_with_it() -> None:
    audited = imglint.audit(DOCKERFILE, ARCHIVE)
    told = sentence(audited)
    for look in (Look(), Look(full=True)):
        assert text(audited, look).splitlines()[0] == told
    marker, heading, empty, first = render(audited, "markdown").splitlines()[:4]
    assert (marker[:4], heading[:3], empty, first) == ("<!--", "###", "", told)
    document = json.loads(render(audited, "json"))
    Draft202012Validator(SCHEMA).validate(document)
    assert document["summary"]["push"] == {"verdict": "not safe", "sentence": told}
    assert "push" not in json.loads(render(imglint.lint("FROM a\n"), "json"))["summary"]


def test_each_fault_is_told_once_and_the_rows_that_pass_not_at_all() -> None:
    audited = imglint.audit(DOCKERFILE, ARCHIVE)
    told = text(audited)
    for finding in audited.findings:
        # That of the text says what the image shows, too: it is named beside it.
        assert told.count(finding.message) == (0 if finding.rule.code == "AV0901" else 1), finding.message
    assert f"[warning] (also AV0901 at {DOCKERFILE}:5:6)" in told
    assert told.count("nothing was started") == 1
    headings = re.findall(r"^ ?(\d+)  (\D.*)$", told.partition("\n\n")[2].partition("\n\n")[2], re.MULTILINE)
    assert headings == [(str(number), ANTIPATTERNS[number - 1]) for number in (2, 3, 9)]


def secret(tmp_path: Path, dockerfile: str, env: list[str], text_of: str | None = None) -> Report:
    """The audit of an image with variables, and of the Dockerfile that it is from."""
    steps = [step("COPY a /srv/a")]
    steps += [step(f"ENV {one}", empty_layer=True) for one in env]
    steps += [step("USER 1000", empty_layer=True), step('CMD ["/srv/a"]', empty_layer=True)]
    path, image = tmp_path / "Dockerfile", tmp_path / "image.tar"
    path.write_text(dockerfile if text_of is None else text_of)
    saved = Saved.of({"srv/a": "a"}, tags=("shop:1",), history=steps, config={"Env": env, "User": "1000"})
    image.write_bytes(docker_legacy(saved))
    return imglint.audit(str(path), str(image))


SECRETS = 'FROM scratch\nCOPY a /srv/a\nENV DB_PASSWORD=Zx81mQ27rT\nENV API_TOKEN=Qy52nW38sU\nUSER 1000\nCMD ["/srv/a"]\n'


def test_one_secret_in_text_and_image_is_one_fault_and_two_are_two(tmp_path: Path) -> None:
    audited = secret(tmp_path, SECRETS, ["DB_PASSWORD=Zx81mQ27rT", "API_TOKEN=Qy52nW38sU"])
    assert Counter(one.place.evidence for one in audited.findings if one.rule.code == "DL3064") == {
        "dockerfile": 2,
        "image": 2,
    }
    found = [fault for fault in faults(audited, audited.findings) if fault.finding.rule.code == "DL3064"]
    assert len(found) == 2
    for fault, name in zip(found, ("DB_PASSWORD", "API_TOKEN"), strict=True):
        assert [one.place.evidence for one in fault.findings] == ["dockerfile", "image"]
        assert all(name in one.message for one in fault.findings)
    told = text(audited)
    assert f"{tmp_path}/Dockerfile:3:5: DL3064" in told
    assert told.count("(also in the image)") == 2
    assert "Zx81" not in told


def test_findings_of_an_image_from_another_dockerfile_are_faults_of_their_own(tmp_path: Path) -> None:
    other = SECRETS.replace("COPY a /srv/a", "RUN make")
    audited = secret(tmp_path, SECRETS, ["DB_PASSWORD=Zx81mQ27rT"], other)
    assert not audited.origins
    assert all(not fault.others for fault in faults(audited, audited.findings))


def test_faults_hold_each_finding_once(tmp_path: Path) -> None:
    reports = [
        imglint.audit(DOCKERFILE, ARCHIVE),
        secret(tmp_path, SECRETS, ["DB_PASSWORD=Zx81mQ27rT", "API_TOKEN=Qy52nW38sU"]),
        imglint.lint("FROM debian\n" + "RUN cd /x && sudo apt-get install curl\n" * 30),
    ]
    for audited in reports:
        held = [finding for fault in faults(audited, audited.findings) for finding in fault.findings]
        assert Counter(map(repr, held)) == Counter(map(repr, audited.findings))


@pytest.mark.parametrize("width", [80, 100])
def test_an_audit_fits_into_a_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    audited = imglint.audit("examples/waste/Dockerfile", "examples/waste/waste.tar")
    for line in text(audited, Look(width=width)).splitlines():
        assert len(line) <= width, line
    plain = text(audited, Look(width=width))
    colored = text(audited, Look(width=width, color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored.startswith("\x1b[1;31mNot safe to push\x1b[0m: ")


def test_the_command_says_it_first() -> None:
    command = [sys.executable, "-m", "imglint", "audit", "--image", ARCHIVE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "Not safe to push")
