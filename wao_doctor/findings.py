"""What checks find: kinds with their meaning and remedy, findings, and the outcome of a check. Pure."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MOST_NAMES = 3
"""Names of a list that are shown; the others are counted."""


class Severity(StrEnum):
    """How bad a finding is, the least bad first."""

    OK = "ok"
    INFO = "info"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Place in the order; the highest is the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check.

    Attributes
    ----------
    kind
        Name of its kind, which is a section of docs/reference/doctor.md.
    subject
        The objects that it is about.
    evidence
        What was seen.
    """

    kind: str
    severity: Severity
    title: str
    subject: str
    evidence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding.

    Attributes
    ----------
    name
        Unique; lower-case letters and dashes.
    title
        The problem in a few words.
    meaning
        What it means for the cluster. Markdown.
    evidence
        What the evidence of a finding shows.
    remedy
        What to do. Markdown. Names in braces are replaced by those of the finding.
    """

    name: str
    severity: Severity
    title: str
    meaning: str
    evidence: str
    remedy: str

    def found(
        self, subject: str | Iterable[str], evidence: str = "", *, severity: Severity | None = None, **names: object
    ) -> Finding:
        """Return a finding of this kind.

        Parameters
        ----------
        subject
            The object, or the names of several.
        severity
            Another severity than that of the kind.
        names
            Values of the names in the remedy.
        """
        about = subject if isinstance(subject, str) else listed(sorted(subject))
        remedy = self.remedy.format(**names).replace("`", "")  # a command is copied from the terminal without marks
        return Finding(self.name, severity or self.severity, self.title, about, evidence, remedy)

    @property
    def names(self) -> list[str]:
        """The names in the remedy."""
        return [name for _, name, _, _ in string.Formatter().parse(self.remedy) if name]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check: what is fine, in one line, and the findings."""

    summary: str
    findings: Sequence[Finding] = field(default_factory=tuple)

    @property
    def severity(self) -> Severity:
        """The worst severity."""
        return max((finding.severity for finding in self.findings), key=lambda item: item.rank, default=Severity.OK)


class NotKnown(Exception):
    """A check cannot be made, because a fact is missing.

    Parameters
    ----------
    reason
        Why the fact is missing.
    remedy
        What to do, so that it can be read.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return names as text; only the first ones of a long list.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def plural(number: int, word: str, words: str = "") -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> plural(1, "node"), plural(2, "node")
    ('1 node', '2 nodes')
    """
    return f"{number} {word if number == 1 else words or word + 's'}"


def duration(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two, as kubectl shows ages.

    Examples
    --------
    >>> duration(12.4), duration(300), duration(86400), duration(20 * 86400)
    ('12s', '5m', '24h', '20d')
    """
    size = abs(seconds)
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if size >= 2 * length:
            return f"{int(size / length)}{unit}"
    return f"{size:.0f}s"
