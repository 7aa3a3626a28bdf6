"""The report: the result of each check, as data and as a JSON document. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wao_doctor.facts import NOT_READ, Facts, Missing
from wao_doctor.findings import Finding, NotKnown, Outcome, Severity
from wao_doctor.registry import NOT_KNOWN, Check
from wao_predict.timestamps import format_rfc3339


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    check: Check
    outcome: Outcome

    @property
    def severity(self) -> Severity:
        """The worst severity of its findings."""
        return self.outcome.severity


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks found.

    Attributes
    ----------
    about
        The API server or the folder that was examined.
    """

    about: str
    version: str
    at: float
    results: tuple[Result, ...]

    @property
    def severity(self) -> Severity:
        """The worst severity of all findings."""
        return max((result.severity for result in self.results), key=lambda item: item.rank, default=Severity.OK)

    @property
    def findings(self) -> list[tuple[Result, Finding]]:
        """All findings with their checks, the worst first."""
        found = [(result, finding) for result in self.results for finding in result.outcome.findings]
        return sorted(found, key=lambda item: -item[1].severity.rank)

    @property
    def counts(self) -> Counter[Severity]:
        """The number of findings by severity."""
        return Counter(finding.severity for _, finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 if there are errors, else 0."""
        return int(self.severity is Severity.ERROR)

    def document(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "time": format_rfc3339(self.at),
            "version": self.version,
            "about": self.about,
            "severity": self.severity.value,
            "counts": {severity.value: self.counts[severity] for severity in Severity if severity is not Severity.OK},
            "checks": [
                {
                    "name": result.check.name,
                    "question": result.check.question,
                    "severity": result.severity.value,
                    "summary": result.outcome.summary,
                    "findings": [
                        {
                            "kind": finding.kind,
                            "severity": finding.severity.value,
                            "title": finding.title,
                            "subject": finding.subject,
                            "evidence": finding.evidence,
                            "remedy": finding.remedy,
                        }
                        for finding in result.outcome.findings
                    ],
                }
                for result in self.results
            ],
        }


def examine(checks: Sequence[Check], facts: Facts, *, about: str, version: str) -> Report:
    """Return the report of checks on facts."""
    return Report(about, version, facts.now, tuple(Result(check, _made(check, facts)) for check in checks))


def _made(check: Check, facts: Facts) -> Outcome:
    """Make a check; what it needs and does not know is its only finding."""
    server = facts.server
    if isinstance(server, Missing) and server is not NOT_READ and check.name != "api-server":
        return _not_known(check, f"the API server does not answer: {server.reason}", server.remedy)
    try:
        return check.evaluate(facts)
    except NotKnown as error:
        return _not_known(check, error.reason, error.remedy)


def _not_known(check: Check, reason: str, remedy: str) -> Outcome:
    kind = NOT_KNOWN
    return Outcome("", [Finding(kind.name, kind.severity, kind.title, check.name, reason, remedy or kind.remedy)])
