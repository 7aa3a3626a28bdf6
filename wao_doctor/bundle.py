"""The support bundle: the report and the facts behind it, without credentials, in one archive of limited size."""

from __future__ import annotations

import io
import json
import platform
import tarfile
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from wao_doctor.facts import Facts
from wao_doctor.findings import Finding, Outcome
from wao_doctor.redaction import redacted, redacted_text
from wao_doctor.report import Report
from wao_doctor.show import plain
from wao_predict.files import write_file

MAX_FILE = 4 * 1024 * 1024
"""Bytes of one file of the archive before compression; of a longer list, the first objects are kept."""
LIBRARIES = ("wao-predict", "kubernetes", "aiohttp", "msgspec", "numpy", "onnxruntime")


def write_bundle(path: Path, report: Report, facts: Facts) -> None:
    """Write the archive; an existing file is replaced as a whole."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files(report, facts).items():
            info = tarfile.TarInfo(f"wao-doctor/{name}")
            info.size, info.mtime, info.mode = len(data), int(report.at), 0o600
            archive.addfile(info, io.BytesIO(data))
    write_file(path, content.getvalue())


def files(report: Report, facts: Facts) -> dict[str, bytes]:
    """Return the content of the files by name."""
    made = {
        "report.txt": redacted_text(plain(_clean(report))).encode()[:MAX_FILE],
        "report.json": _json(redacted(report.document())),
        "versions.json": _json(_versions()),
    }
    for each in fields(facts):
        if each.name != "now":
            made[f"facts/{each.name}.json"] = _bounded(redacted(msgspec.to_builtins(getattr(facts, each.name))))
    return made


def _clean(report: Report) -> Report:
    """Return a report without credentials, which have another form once its lines are wrapped."""
    results = tuple(replace(each, outcome=_clean_outcome(each.outcome)) for each in report.results)
    return replace(report, results=results)


def _clean_outcome(outcome: Outcome) -> Outcome:
    return Outcome(redacted_text(outcome.summary), [_clean_finding(each) for each in outcome.findings])


def _clean_finding(finding: Finding) -> Finding:
    return replace(
        finding,
        subject=redacted_text(finding.subject),
        evidence=redacted_text(finding.evidence),
        remedy=redacted_text(finding.remedy),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _bounded(value: Any) -> bytes:
    """Return JSON of at most `MAX_FILE` bytes: the objects of a long list are cut, and their number is stated."""
    data = _json(value)
    if len(data) <= MAX_FILE:
        return data
    objects = value.get("objects") if isinstance(value, dict) else value
    if not isinstance(objects, list):
        return _json({"omitted": f"{len(data)} bytes, more than {MAX_FILE}"})
    kept = len(objects)
    while len(data) > MAX_FILE and kept:
        kept = min(kept // 2, kept * MAX_FILE // len(data))
        data = _json({"objects": objects[:kept], "omitted": len(objects) - kept})
    return data
