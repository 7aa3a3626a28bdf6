"""The page of what `wao doctor` finds, from the checks themselves."""

from __future__ import annotations

from docs.generator.markdown import page, sentence, table
from wao_doctor.findings import Kind
from wao_doctor.registry import NOT_KNOWN, Check, checks
from wao_doctor.settings import DoctorSettings

INTRODUCTION = """\
What each finding of [`wao doctor`](../doctor.md) means. The name of a finding is the field `kind` of `--output json`.
Words in capital letters are replaced by names in the output."""


def doctor_page() -> str:
    """Return the page."""
    listed = checks(DoctorSettings())
    rows = [[f"[{check.name}](#check-{check.name})", check.question, _where(check)] for check in listed]
    shown: set[str] = set()
    sections = [_check(check, shown) for check in listed]
    everywhere = _kind(NOT_KNOWN)
    return page(
        "Findings of wao doctor",
        INTRODUCTION,
        table(["check", "question", "with"], rows),
        *sections,
        "## Every check",
        everywhere,
    )


def _where(check: Check) -> str:
    words = [word for word, possible in (("a cluster", check.cluster), ("`--manifests`", check.folder)) if possible]
    return ", ".join(words)


def _check(check: Check, shown: set[str]) -> str:
    """Return the section of a check; a kind that several checks have is described once."""
    parts = [f"## Check {check.name}", check.question]
    for kind in check.kinds:
        parts.append(_kind(kind) if kind.name not in shown else f"Also [{kind.name}](#{kind.name}).")
        shown.add(kind.name)
    return "\n\n".join(parts)


def _kind(kind: Kind) -> str:
    remedy = kind.remedy.format(**{name: name.upper() for name in kind.names})
    return "\n".join(
        [
            f"### {kind.name}",
            "",
            f"{kind.title} Severity: {kind.severity.value}.",
            "",
            f"- **Meaning.** {kind.meaning}",
            f"- **Evidence.** {sentence(kind.evidence)}",
            f"- **Remedy.** {sentence(remedy)}",
        ]
    )
