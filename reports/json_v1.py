"""JSON, version 1: structs of its own, so that the inner records can change without it.

`json_v1.schema.json` beside this file is the same in JSON Schema; tests hold the two together.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..rules.rule import Finding, Severity
from . import packages_json
from .failure import Failure
from .push_verdict import push_verdict
from .report import Location, Report, shown_fix

if TYPE_CHECKING:
    from ..analyzer.attribution import Attribution
    from ..analyzer.dockerfile import Span
    from ..analyzer.image import Image, Layer, Waste
    from ..analyzer.image.ballast import Ballast
    from ..analyzer.image.diff import ImageDiff
    from ..rules.gates import Gate
    from ..rules.matrix import Cell
    from ..runner import Check, Observation
    from ..runner.cleanup import Receipt
    from ..runner.plan import Plan

# Where the pages of docs/rules/ can be read.
URL = "https://github.com/imglint/imglint/blob/main/docs/rules/"
CONFIGURATION = "https://github.com/imglint/imglint/blob/main/docs/configuration.md"


def render(report: Report) -> str:
    """The report as one JSON object, with a final newline."""
    return json.dumps(document(report), ensure_ascii=True, indent=1) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report in JSON's own types."""
    out: dict[str, Any] = {
        "version": 1,
        "failures": failures(report),
        "findings": [_finding(finding, report.located(finding)) for finding in report.findings],
        "skipped": [
            {"code": one.rule.code, "evidence": one.evidence, "file": one.file, "reason": one.reason}
            for one in report.skipped
        ]
        + [
            {
                "code": one.finding.rule.code,
                "evidence": one.finding.place.evidence,
                "file": one.finding.file,
                "reason": f"withdrawn: {one.reason}",
            }
            for one in report.withdrawn
        ],
        "errors": [
            {"subject": problem.subject, "problem": problem.problem, "hint": problem.hint}
            for problem in report.problems
        ],
        "notes": list(report.notes),
        "summary": {
            "files": len(report.files),
            **{severity.label: report.count(severity) for severity in reversed(Severity)},
        },
    }
    if report.images:
        out["images"] = [_image(image, report.origins.get(image.id)) for image in report.images]
    if report.gates:
        out["gates"] = [_gate(gate) for gate in report.gates]
    if report.diff is not None:
        out["diff"] = _diff(report.diff)
    if report.observations:
        out["checks"] = [
            _check(check, observation.engine)
            for observation in report.observations
            for check in observation.checks
        ]
        receipts = [
            _receipt(one.image, one.receipt) for one in report.observations if one.receipt is not None
        ]
        if receipts:
            out["receipts"] = receipts
        hardened = [_hardening(one) for one in report.observations if one.hardening is not None]
        if hardened:
            out["hardening"] = hardened
    if report.plans:
        out["plans"] = [_plan(plan) for plan in report.plans]
    if report.matrix:
        push, sentence = push_verdict(report)
        out["summary"]["push"] = {"verdict": push, "sentence": sentence}
        out["matrix"] = [_cell(one) for one in report.matrix]
    return out


def _receipt(image: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "image": image,
        "removed": {
            "containers": receipt.containers,
            "networks": receipt.networks,
            "images": receipt.images,
            "volumes": receipt.volumes,
        },
        "left": list(receipt.left),
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "image": plan.image,
        "engine": plan.engine,
        "starts": list(plan.starts),
        "makes": list(plan.makes),
        "touches": list(plan.touches),
        "removes": list(plan.removes),
        "notes": list(plan.notes),
    }


def _hardening(observation: Observation) -> dict[str, Any]:
    import shlex

    from ..analyzer.credentials import masked

    found = observation.hardening
    assert found is not None
    return {
        "image": observation.image,
        "holds": found.holds,
        "docker_run": [*shlex.split(" ".join(found.start.flags())), *found.flags()],
        "compose": found.compose(),
        "kubernetes": found.kubernetes(),
        "trials": [masked(trial._asdict()) for trial in found.trials],
    }


def failures(report: Report) -> list[dict[str, Any]]:
    """Why the run is red, in JSON's own types."""
    return [_failure(failure, report.located(failure)) for failure in report.failures()]


def _failure(failure: Failure, location: Location) -> dict[str, Any]:
    return {
        "kind": failure.kind,
        "name": failure.name,
        "file": location.file,
        "line": location.span.line if location.span else None,
        "image": location.image,
        "message": failure.message,
        "severity": failure.severity.label,
    }


def _finding(finding: Finding, location: Location) -> dict[str, Any]:
    rule, place = finding.rule, finding.place
    return {
        "code": rule.code,
        "name": rule.name,
        "aliases": list(rule.aliases),
        "severity": finding.severity.label,
        "message": finding.message,
        "antipattern": rule.antipattern,
        "evidence": place.evidence,
        "file": finding.file,
        **_region(place.span),
        "layer": {"index": place.layer.number, "diff_id": place.layer.diff_id} if place.layer else None,
        "path": place.path,
        "subject": place.subject,
        "made_by": {"file": location.file, **_region(location.span)}
        if location.image is not None and location.span is not None
        else None,
        "proof": dict(finding.proof) if finding.proof is not None else None,
        "fix": _fix(finding),
        "url": f"{URL}{rule.name}.md",
        "fingerprint": finding.fingerprint,
    }


def _region(span: Span | None) -> dict[str, int | None]:
    return {
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _fix(finding: Finding) -> dict[str, Any] | None:
    fix = shown_fix(finding)
    if fix is None:
        return None
    return {**_region(fix.span), "text": fix.text, "safe": fix.safe}


def _image(image: Image, origin: Attribution | None) -> dict[str, Any]:
    return {
        "source": image.source,
        "id": image.id,
        **({"engine_id": image.engine_id} if image.engine_id else {}),
        "tags": list(image.tags),
        "dockerfile": origin.file if origin else None,
        "platform": image.platform,
        "compressed_bytes": image.compressed_bytes,
        "tar_bytes": image.tar_bytes,
        "content_bytes": image.content_bytes,
        "live_bytes": image.live_bytes,
        "wasted_bytes": image.wasted_bytes,
        "efficiency": image.efficiency,
        "waste": [_waste(one) for one in image.waste],
        "ballast": [_ballast(one) for one in image.ballast],
        "savings": _savings(image, origin),
        "layers": [_layer(layer, origin) for layer in image.layers],
        "packages": packages_json.inventory(image.packages, origin),
    }


def _ballast(ballast: Ballast) -> dict[str, Any]:
    return {
        "kind": ballast.kind,
        "layer": ballast.layer,
        "bytes": ballast.bytes,
        "files": ballast.files,
        "paths": list(ballast.paths),
        "advice": ballast.advice,
    }


def _savings(image: Image, origin: Attribution | None) -> dict[str, Any]:
    savings = image.savings
    return {
        "own_bytes": savings.own_bytes,
        "base_bytes": savings.base_bytes,
        "guessed": image.base_is_guessed,
        "found": [
            {
                "what": one.what,
                "layer": one.layer,
                "hidden_by": one.hidden_by,
                "own": one.own,
                "bytes": one.bytes,
                "files": one.files,
                "paths": list(one.paths),
                "advice": one.advice,
                "line": span.line if origin and (span := origin.layers.get(one.layer)) else None,
            }
            for one in savings.found
        ],
    }


def _gate(gate: Gate) -> dict[str, Any]:
    return {
        "image": gate.image,
        "name": gate.name,
        "limit": gate.limit,
        "value": gate.value,
        "passed": gate.passed,
        "note": gate.note,
    }


def _diff(diff: ImageDiff) -> dict[str, Any]:
    from ..analyzer.credentials import mask

    def shown(key: str, value: str | None) -> str | None:
        return None if value is None else mask(f"{key.removeprefix('env ')}={value}").partition("=")[2]

    return {
        "old": diff.old.id,
        "new": diff.new.id,
        "content_bytes": diff.grown,
        "live_bytes": diff.live_grown,
        "own_bytes": diff.own_grown,
        "base_bytes": diff.base_grown,
        "base_layers": {
            "old": diff.old_base.layers,
            "new": diff.new_base.layers,
            "known_by": diff.new_base.known_by,
            "guessed": diff.base_is_guessed,
        },
        "layers": [{"old": one.old, "new": one.new} for one in diff.layers],
        "pull_layers": list(diff.pull_layers),
        "steps": [{"layer": layer, "bytes": grown} for layer, grown in diff.by_step().items()],
        "directories": [{"path": path, "bytes": grown} for path, grown in diff.by_directory().items()],
        "files": [
            {
                "kind": file.kind,
                "path": file.path,
                "origin": file.origin,
                "old_bytes": file.old_bytes,
                "new_bytes": file.new_bytes,
                "layer": file.layer,
                "base": file.base,
            }
            for file in diff.files
        ],
        "packages": [packages_json.change(one) for one in diff.packages],
        "config": [
            {"key": one.key, "old": shown(one.key, one.old), "new": shown(one.key, one.new)}
            for one in diff.config
        ],
    }


def _waste(waste: Waste) -> dict[str, Any]:
    return {
        "cause": waste.cause,
        "added_by": waste.added_by,
        "hidden_by": waste.hidden_by,
        "added_step": waste.added_step,
        "hidden_step": waste.hidden_step,
        "bytes": waste.bytes,
        "paths": list(waste.paths),
        "advice": waste.advice,
    }


def _layer(layer: Layer, origin: Attribution | None) -> dict[str, Any]:
    from ..analyzer.credentials import mask

    span = origin.layers.get(layer.index) if origin else None
    return {
        "index": layer.index,
        "diff_id": layer.diff_id,
        "chain_id": layer.chain_id,
        "compressed_bytes": layer.compressed_bytes,
        "tar_bytes": layer.tar_bytes,
        "content_bytes": layer.content_bytes,
        "live_bytes": layer.live_bytes,
        "wasted_bytes": layer.wasted_bytes,
        "entries": layer.entries,
        "step": layer.step,
        "created_by": mask(layer.created_by) if layer.created_by is not None else None,
        "created": layer.created,
        "producer": layer.producer,
        "confidence": layer.confidence,
        "line": span.line if span and layer.step is not None else None,
        **({"steps": list(layer.steps)} if len(layer.steps) > 1 else {}),
        **({"lines": [span.line, span.end_line]} if span and layer.step is None else {}),
    }


def _check(check: Check, engine: str) -> dict[str, Any]:
    from ..analyzer.credentials import mask, masked

    return {
        "check": check.name,
        "subject": check.subject,
        "verdict": check.verdict,
        "summary": mask(check.summary),
        "proof": masked(check.proof),
        "engine": engine,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "antipattern": cell.antipattern,
        "evidence": cell.evidence,
        "verdict": cell.verdict,
        "codes": list(cell.codes),
        "proof": dict(cell.proof) if cell.proof is not None else None,
        "reason": cell.reason,
    }
