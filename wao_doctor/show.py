"""The report in a terminal: problems first, the worst at the top, and what is fine in a line each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from wao_doctor.findings import Finding, Severity, plural
from wao_doctor.report import Report
from wao_predict.printable import printable

WIDEST = 100
"""Columns that are used of a wider terminal: longer lines are hard to read."""
NARROWEST = 40
_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.UNKNOWN: "bold magenta",
    Severity.INFO: "bold cyan",
    Severity.OK: "green",
}
_PROBLEMS = (Severity.ERROR, Severity.WARNING, Severity.UNKNOWN)
_FINE = (Severity.OK, Severity.INFO)
MOST_CHECKS = 4
"""Names of checks in a title; of more, the number is shown."""


def show(report: Report, *, everything: bool = False) -> None:
    """Print a report.

    Parameters
    ----------
    everything
        Also print notes in full.
    """
    console = Console(highlight=False)
    width = console.width if console.is_terminal else 80
    for text in lines(report, width=max(NARROWEST, min(width, WIDEST)), everything=everything):
        console.print(text, soft_wrap=True)


def plain(report: Report) -> str:
    """Return the report as text without colours, for a file."""
    return "".join(f"{text.plain}\n" for text in lines(report, width=WIDEST, everything=True))


def lines(report: Report, *, width: int, everything: bool) -> Iterator[Text]:
    """Yield the lines of a report."""
    moment = datetime.fromtimestamp(report.at, UTC)
    yield Text(printable(f"wao {report.version}, {report.about}, {moment:%Y-%m-%d %H:%M:%S} UTC"))
    problems, rest = _headline(report)
    yield Text(problems, _STYLES[report.severity] if report.severity in _PROBLEMS else "green").append(rest, "default")
    for block in _blocks(report, everything):
        yield Text()
        yield from _shown(block, width)
    fine = [result for result in report.results if result.severity in _FINE]
    if fine:
        yield Text()
    column = max((len(result.check.name) for result in fine), default=0)
    for result in fine:
        notes = "" if everything else ", ".join(dict.fromkeys(finding.kind for finding in result.outcome.findings))
        text = result.outcome.summary + (f" [{notes}]" if notes else "")
        yield from _hanging("ok  ", _STYLES[Severity.OK], result.check.name.ljust(column + 2), text, width)
    if not everything and report.counts[Severity.INFO]:
        yield Text()
        yield Text("Notes are in brackets; --all shows all of them in full.", "dim")


def _headline(report: Report) -> tuple[str, str]:
    counts = report.counts
    parts = [
        f"{counts[severity]} not known" if severity is Severity.UNKNOWN else plural(counts[severity], severity.value)
        for severity in _PROBLEMS
        if counts[severity]
    ]
    fine = sum(result.severity in _FINE for result in report.results)
    return ", ".join(parts) or "no problems", f"; {fine} of {plural(len(report.results), 'check')} fine"


@dataclass(frozen=True, slots=True)
class _Block:
    """Findings that differ in their checks or subjects only."""

    finding: Finding
    checks: list[str]
    subjects: list[str]

    @property
    def title(self) -> str:
        """The checks and the problem."""
        if len(self.checks) > MOST_CHECKS:
            return f"{len(self.checks)} checks could not be made."
        return f"{', '.join(self.checks)}: {self.finding.title}"


def _blocks(report: Report, everything: bool) -> list[_Block]:
    """Return what to show, the worst first; findings with the same evidence and remedy are one block."""
    blocks: dict[tuple[str, str, str], _Block] = {}
    for result, finding in report.findings:
        if finding.severity in _PROBLEMS or everything:
            key = finding.kind, finding.evidence, finding.remedy
            block = blocks.setdefault(key, _Block(finding, [], []))
            for held, name in ((block.checks, result.check.name), (block.subjects, finding.subject)):
                if name not in held:
                    held.append(name)
    return list(blocks.values())


def _shown(block: _Block, width: int) -> Iterator[Text]:
    finding = block.finding
    head = f"{finding.severity.value.upper()}  "
    for number, line in enumerate(_broken(printable(block.title), width - len(head))):
        yield Text(head if number == 0 else " " * len(head), _STYLES[finding.severity]).append(line, "bold")
    subjects = [subject for subject in block.subjects if subject not in block.checks]
    for label, words in (("", ", ".join(subjects)), ("", finding.evidence), ("fix: ", finding.remedy)):
        if words:
            yield from _hanging("  ", "", label, words, width)


def _hanging(head: str, style: str, label: str, words: str, width: int) -> Iterator[Text]:
    """Yield words behind a head and a label, wrapped below their own beginning."""
    indent = len(head) + len(label)
    for number, line in enumerate(_broken(printable(words), width - indent)):
        first = Text(head, style).append(label, "cyan" if label == "fix: " else "default")
        yield (first if number == 0 else Text(" " * indent)).append(line, "default")


def _broken(words: str, width: int) -> list[str]:
    return wrap(words, max(20, width), break_long_words=False, break_on_hyphens=False) or [""]
