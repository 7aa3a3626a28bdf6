"""The cluster from a folder of manifests, read again when a file changes.

A refused manifest is reported with file, document, field and reason; the others load. An edit that breaks a file keeps
the last good state of that file. NodeConfigTemplates are rendered as the controller does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.registry import Collector

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind, NodeConfig, NodeMetrics, PodMetrics, Record, key_of
from wao_core.cluster.source import ObjectRef, Problem, Secret
from wao_core.cluster.state import Change, ClusterState
from wao_core.crds.desired import desired_node_configs
from wao_core.errors import ManifestError
from wao_core.kube.resources import RESOURCES
from wao_core.source.documents import SUFFIXES, documents, record_of, secret_of

log = logging.getLogger(__name__)

REDATE = 10.0
"""Seconds after which undated figures get the current time again."""


@dataclass
class _File:
    """The content of one file when it was last readable."""

    stamp: tuple[int, int]
    records: dict[tuple[Kind, str], Record] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class ManifestSource:
    """A `Source` over a folder.

    Parameters
    ----------
    folder
        Read with its sub-folders.
    kinds
        The value of the property `kinds`. The whole folder is read in any case.
    period
        Seconds between two checks for changed files.
    """

    def __init__(self, folder: Path, kinds: Iterable[Kind] = tuple(Kind), *, period: float = 1.0) -> None:
        self.folder = folder
        self._kinds = frozenset(kinds)
        self._period = period
        self._state = ClusterState()
        self._files: dict[Path, _File] = {}
        self._template_problems: list[Problem] = []
        self._tasks = BackgroundTasks()
        self._synced = asyncio.Event()
        self._stale_plan = True
        self._dated_at = -REDATE
        self._state.subscribe([Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_CONFIG_TEMPLATE], self._note_plan)

    @property
    def client(self) -> None:
        """None: there is no API server."""
        return None

    @property
    def state(self) -> ClusterState:
        """The tables of records."""
        return self._state

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that were requested."""
        return self._kinds

    async def start(self) -> None:
        """Begin to read and to follow changes."""
        self._tasks.supervise(f"manifests {self.folder}", self._follow)

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until the folder has been read once."""
        try:
            async with asyncio.timeout(timeout):
                await self._synced.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End the background work."""
        await self._tasks.close()

    def health(self) -> str | None:
        """Return which background task is not running, or None."""
        return self._tasks.health()

    def collectors(self) -> Sequence[Collector]:
        """Return nothing: a folder has no metrics."""
        return ()

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """Return a Secret in the folder, or None when there is none."""
        for held in self._files.values():
            if (secret := held.secrets.get(f"{namespace}/{name}")) is not None:
                return secret
        return None

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        """Log the Event: there is no API server to store it."""
        level = logging.WARNING if warning else logging.DEBUG
        log.log(level, "event on %s %s/%s: %s: %s", about.kind, about.namespace, about.name, reason, message)

    async def status(self, about: ObjectRef) -> Mapping[str, object]:
        """Return an empty status: none is written to files."""
        return {}

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> bool:
        """Do nothing and return True: files belong to the user."""
        return True

    def problems(self) -> Sequence[Problem]:
        """Return the refused manifests, the unreadable files and the templates that cannot be rendered."""
        return [problem for held in self._files.values() for problem in held.problems] + self._template_problems

    def refresh(self) -> None:
        """Read the files that have changed since the last time."""
        present = {path: stamp for path in sorted(self._paths()) if (stamp := _stamp(path)) is not None}
        for path in self._files.keys() - present.keys():
            log.info("%s is gone", path)
            self._forget(self._files.pop(path))
        for path, stamp in present.items():
            if path not in self._files or self._files[path].stamp != stamp:
                self._reload(path, stamp)
        if self._stale_plan:
            self._render()
        if time.monotonic() - self._dated_at >= REDATE:
            self._date()
        for kind in Kind:
            self._state.confirm(kind)
        self._synced.set()

    async def _follow(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:  # one bad file must not end the watch over the others
                log.exception("the manifests in %s could not be read", self.folder)
            await asyncio.sleep(self._period)

    def _paths(self) -> Iterator[Path]:
        return (path for path in self.folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())

    def _reload(self, path: Path, stamp: tuple[int, int]) -> None:
        old = self._files.get(path)
        shown = str(path.relative_to(self.folder))
        fresh = _File(stamp)
        try:
            parsed = documents(path, shown)
        except ManifestError as error:
            kept = "; its last good state is kept" if old is not None and old.records else ""
            log.error("refused: %s%s", error, kept)
            problem = Problem(shown, f"{error}{kept}", time.time())
            self._files[path] = _File(stamp, old.records if old else {}, old.secrets if old else {}, [problem])
            return
        for number, document in parsed:
            self._take(fresh, old, document, shown, number)
        self._files[path] = fresh
        for key in (old.records.keys() if old is not None else set()) - fresh.records.keys():
            self._state.remove(*key)
        for (kind, _), record in fresh.records.items():
            if not _is_undated(record):
                self._state.put(kind, record)
        self._dated_at = -REDATE

    def _date(self) -> None:
        """Put the figures without a timestamp into the state with the current time."""
        self._dated_at, now = time.monotonic(), time.time()
        for held in self._files.values():
            for (kind, _), record in held.records.items():
                if _is_undated(record):
                    self._state.put(kind, msgspec.structs.replace(record, timestamp=now))

    def _take(self, fresh: _File, old: _File | None, document: Mapping[str, Any], file: str, number: int) -> None:
        """Add one document to the content of a file; a refused one keeps its last good state."""
        try:
            if document.get("kind") == "Secret":
                key, secret = secret_of(document)
                fresh.secrets[key] = secret
                return
            found = record_of(document)
            if found is None:
                log.info("%s, document %d: kind %s is not used", file, number, document.get("kind"))
                return
            self._refuse_duplicate(found, fresh, file)
            fresh.records[found[0], key_of(found[1])] = found[1]
        except Exception as error:  # one bad document must not affect the others
            if not isinstance(error, ManifestError):  # the message could quote a Secret
                error = ManifestError(f"not a valid {document.get('kind')!s:.60} ({type(error).__name__})")
            refusal = ManifestError(error.reason, file=file, document=number, field=error.field)
            kept = _previous(old, document)
            note = "; its last good state is kept" if kept is not None else ""
            log.error("refused: %s%s", refusal, note)
            fresh.problems.append(Problem(file, f"{refusal}{note}", time.time()))
            if kept is not None:
                fresh.records[kept[0], key_of(kept[1])] = kept[1]

    def _refuse_duplicate(self, found: tuple[Kind, Record], fresh: _File, file: str) -> None:
        key = (found[0], key_of(found[1]))
        for path, held in self._files.items():
            other = str(path.relative_to(self.folder))
            if other != file and key in held.records:
                raise ManifestError(f"{key[0]} {key[1]} is in {other} already", field="metadata.name")
        if key in fresh.records:
            raise ManifestError(f"{key[0]} {key[1]} is in this file twice", field="metadata.name")

    def _forget(self, held: _File) -> None:
        for key in held.records:
            self._state.remove(*key)

    def _note_plan(self, change: Change) -> None:
        self._stale_plan = True

    def _render(self) -> None:
        """Put the NodeConfigs rendered from templates into the state; those in files take precedence."""
        self._stale_plan = False
        written = {key for held in self._files.values() for kind, key in held.records if kind is Kind.NODE_CONFIG}
        configured = {
            record.node_name
            for held in self._files.values()
            for record in held.records.values()
            if isinstance(record, NodeConfig)
        }
        made = desired_node_configs(self._state.node_config_templates.values(), self._state.nodes.values())
        desired = {key: item.record for key, item in made.configs.items() if item.record.node_name not in configured}
        broken = {key for key, result in made.results.items() if result.errors}
        for key in [key for key in self._state.node_configs if key not in written and key not in desired]:
            if not any(key.startswith(f"{template}-") for template in broken):
                self._state.remove(Kind.NODE_CONFIG, key)
        for record in desired.values():
            self._state.put(Kind.NODE_CONFIG, record)
        self._template_problems = [
            Problem(f"NodeConfigTemplate {key}", f"node {node}: {why}", time.time())
            for key, result in made.results.items()
            for node, why in result.errors.items()
        ]
        for problem in self._template_problems[:5]:
            log.error("%s: %s", problem.where, problem.reason)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _is_undated(record: Record) -> bool:
    return isinstance(record, NodeMetrics | PodMetrics) and record.timestamp == 0.0


def _previous(old: _File | None, document: Mapping[str, Any]) -> tuple[Kind, Record] | None:
    """Return the last good state of a refused document, if it can be identified."""
    metadata = document.get("metadata")
    if old is None or not isinstance(metadata, Mapping):
        return None
    resource = RESOURCES.get(str(document.get("kind")))
    for (held_kind, _), record in old.records.items():
        namespace = getattr(record, "namespace", None)
        same_place = namespace is None or namespace == (metadata.get("namespace") or "default")
        if resource is not None and held_kind is resource.kind and record.name == metadata.get("name") and same_place:
            return held_kind, record
    return None
