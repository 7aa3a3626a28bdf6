"""One file of a folder of manifests: its records, Secrets and refused documents.

Reading uses no shared state, so any thread may do it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from wao_core.cluster.records import Kind, NodeMetrics, PodMetrics, Record, key_of
from wao_core.cluster.source import Problem, Secret
from wao_core.errors import ManifestError
from wao_core.kube.resources import RESOURCES
from wao_core.source.documents import documents, record_of, secret_of

log = logging.getLogger(__name__)

RecordKey = tuple[Kind, str]
Stamp = tuple[int, int]
"""Modification time [ns] and size [bytes] of a file."""

MOST_PROBLEMS = 20
"""Refused documents of one file that are reported one by one."""


@dataclass
class FileContent:
    """The content of one file when it was last readable.

    Attributes
    ----------
    numbers
        The document that each record is in.
    problems
        The refused documents.
    duplicates
        The records that another file has too, whose record counts.
    """

    shown: str
    stamp: Stamp
    records: dict[RecordKey, Record] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    numbers: dict[RecordKey, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    duplicates: dict[RecordKey, Problem] = field(default_factory=dict)
    refused: int = 0

    def refuse(self, error: ManifestError, kept: bool = False) -> None:
        """Report a refused file or document; `kept` says that its last good state is used instead."""
        self.refused += 1
        if self.refused <= MOST_PROBLEMS:
            self._report(f"{error}{'; its last good state is kept' if kept else ''}")
        elif self.refused == MOST_PROBLEMS + 1:
            self._report(f"{self.shown}: more documents are refused; correct these first")

    def note_duplicate(self, key: RecordKey, first: str) -> None:
        """Report that the file `first` has a record too."""
        reason = f"{key[0]} {key[1]} is in {first} already"
        error = ManifestError(reason, file=self.shown, document=self.numbers[key], field="metadata.name")
        held = self.duplicates.get(key)
        if held is None or held.reason != str(error):
            self.duplicates[key] = Problem(self.shown, str(error), time.time())
            if len(self.duplicates) <= MOST_PROBLEMS:
                log.error("refused: %s", error)

    def all_problems(self) -> list[Problem]:
        """Return the problems of the file, a bounded number of them."""
        found = [*self.problems, *islice(self.duplicates.values(), MOST_PROBLEMS)]
        if len(self.duplicates) > MOST_PROBLEMS:
            reason = f"{self.shown}: more objects are in other files, too; correct these first"
            found.append(Problem(self.shown, reason, found[-1].since))
        return found

    def _report(self, reason: str) -> None:
        log.error("refused: %s", reason)
        self.problems.append(Problem(self.shown, reason, time.time()))


def read_file(path: Path, shown: str, stamp: Stamp, old: FileContent | None) -> FileContent:
    """Return the content of a file; what is refused keeps its state in `old`, the content before the last change."""
    fresh = FileContent(shown, stamp)
    try:
        parsed = documents(path, shown)
    except ManifestError as error:
        if old is not None:
            fresh.records, fresh.secrets, fresh.numbers = old.records, old.secrets, old.numbers
        fresh.refuse(error, kept=bool(fresh.records))
        return fresh
    for number, document in parsed:
        _take(fresh, old, document, number)
    return fresh


def is_undated(record: Record) -> bool:
    """Return whether a record is a figure without a timestamp."""
    return isinstance(record, NodeMetrics | PodMetrics) and record.timestamp == 0.0


def _take(fresh: FileContent, old: FileContent | None, document: Mapping[str, Any], number: int) -> None:
    """Add one document to the content of a file; a refused one keeps its last good state."""
    try:
        if document.get("kind") == "Secret":
            name, secret = secret_of(document)
            fresh.secrets[name] = secret
            return
        found = record_of(document)
        if found is None:
            log.info("%s, document %d: kind %.60s is not used", fresh.shown, number, document["kind"])
            return
        kind, record = found
        key = (kind, key_of(record))
        if key in fresh.records:
            raise ManifestError(f"{kind} {key[1]} is in this file twice", field="metadata.name")
        fresh.records[key] = record
        fresh.numbers[key] = number
    except Exception as error:  # one bad document must not affect the others
        kept = _previous(old, document)
        if kept is not None and kept not in fresh.records and old is not None:
            fresh.records[kept] = old.records[kept]
            fresh.numbers[kept] = number
        if not isinstance(error, ManifestError):  # the message could quote a Secret
            error = ManifestError(f"not a valid {_kind_of(document)} ({type(error).__name__})")
        refusal = ManifestError(error.reason, file=fresh.shown, document=number, field=error.field)
        fresh.refuse(refusal, kept=kept is not None)


def _kind_of(document: Mapping[str, Any]) -> str:
    kind = document.get("kind")
    return kind[:60] if isinstance(kind, str) else "object"


def _previous(old: FileContent | None, document: Mapping[str, Any]) -> RecordKey | None:
    """Return the key of the last good state of a refused document, if it can be identified."""
    metadata = document.get("metadata")
    if old is None or not isinstance(metadata, Mapping):
        return None
    resource, name, namespace = RESOURCES.get(_kind_of(document)), metadata.get("name"), metadata.get("namespace")
    if resource is None or not isinstance(name, str) or not isinstance(namespace, str | None):
        return None
    key = (resource.kind, resource.key(namespace or "", name))
    return key if key in old.records else None
