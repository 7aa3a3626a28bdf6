"""The cluster from a folder of manifests, read again when a file changes.

A refused manifest is reported with file, document, field and reason; the others load. An edit that breaks a file keeps
the last good state of that file, and so does a folder that cannot be read. NodeConfigTemplates are rendered as the
controller does. A thread reads and decodes the files and renders, so that a server answers meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.registry import Collector

from wao_core.aio import BackgroundTasks, in_daemon_thread
from wao_core.cluster.records import Kind, NodeConfig, NodeMetrics, PodMetrics
from wao_core.cluster.source import ObjectRef, Problem, Secret
from wao_core.cluster.state import Change, ClusterState
from wao_core.crds.desired import DesiredNodeConfigs, desired_node_configs
from wao_core.errors import ManifestError
from wao_core.source.files import FileContent, RecordKey, is_undated, read_file
from wao_core.source.folder import Listing, list_folder

log = logging.getLogger(__name__)

REDATE = 10.0
"""Seconds after which undated figures get the current time again."""
RECORDS_AT_ONCE = 200
"""Records that are put into the state without a pause."""


Work = Callable[[], Any]
"""A part of reading that needs no state, so that a thread can do it."""


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
        self._files: dict[Path, FileContent] = {}
        self._owners: dict[RecordKey, Path] = {}
        self._folder_problems: list[Problem] = []
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

    def unreadable(self, _kind: Kind) -> Mapping[str, str]:
        """Return nothing: `problems` names the manifests."""
        return {}

    def problems(self) -> Sequence[Problem]:
        """Return the refused manifests, the unreadable files and folders, and the templates that cannot be rendered."""
        of_files = [problem for held in self._files.values() for problem in held.problems]
        return self._folder_problems + of_files + self._template_problems

    def refresh(self) -> None:
        """Read the files that have changed since the last time; blocks until all are read."""
        steps = self._steps()
        result: Any = None
        while True:
            try:
                work = steps.send(result)
            except StopIteration:
                return
            result = work() if work is not None else None

    async def _follow(self) -> None:
        while True:
            try:
                await self._refresh_in_thread()
            except Exception:  # one bad file must not end the watch over the others
                log.exception("the manifests in %s could not be read", self.folder)
            await asyncio.sleep(self._period)

    async def _refresh_in_thread(self) -> None:
        steps = self._steps()
        result: Any = None
        while True:
            try:
                work = steps.send(result)
            except StopIteration:
                return
            if work is None:
                await asyncio.sleep(0)
            result = await in_daemon_thread(work) if work is not None else None

    def _steps(self) -> Generator[Work | None, Any, None]:
        """Do a refresh; yield what a thread may do, for its result, and None where the event loop may do other work."""
        listing: Listing = yield partial(list_folder, self.folder)
        self._note_unreadable(listing)
        for path in self._files.keys() - listing.files.keys():
            if not listing.hides(path):
                log.info("%s is gone", path)
                self._forget(path)
        for path, stamp in listing.files.items():
            old = self._files.get(path)
            if old is None or old.stamp != stamp:
                shown = str(path.relative_to(self.folder))
                yield from self._take(path, (yield partial(read_file, path, shown, stamp, old)))
        if self._stale_plan:
            yield from self._render()
        if time.monotonic() - self._dated_at >= REDATE:
            self._date()
        if self.folder not in listing.unreadable:
            for kind in Kind:
                self._state.confirm(kind)
            if not self._synced.is_set():
                self._warn_of_nothing()
            self._synced.set()

    def _warn_of_nothing(self) -> None:
        refused = sum(len(held.problems) for held in self._files.values())
        if any(held.records for held in self._files.values()):
            return
        if refused:
            log.warning("every manifest in %s was refused: %d; the lines above say why", self.folder, refused)
        else:
            log.warning("there is no manifest in %s: files must end in .yaml, .yml or .json", self.folder)

    def _note_unreadable(self, listing: Listing) -> None:
        known = {problem.where: problem for problem in self._folder_problems}
        self._folder_problems = []
        for path, why in listing.unreadable.items():
            problem = Problem(str(path), f"{path} cannot be read: {why}; its last state is kept", time.time())
            same = known.get(problem.where)
            if same is None or same.reason != problem.reason:
                log.error("%s", problem.reason)
            self._folder_problems.append(problem if same is None else same)

    def _take(self, path: Path, fresh: FileContent) -> Iterator[None]:
        """Put the new content of a file into the state, some records at a time."""
        self._refuse_records_of_others(path, fresh)
        old = self._files.get(path)
        self._files[path] = fresh
        for key in (old.records.keys() if old is not None else set()) - fresh.records.keys():
            self._remove(path, key)
        for count, (key, record) in enumerate(fresh.records.items(), start=1):
            self._owners[key] = path
            if not is_undated(record):
                self._state.put(key[0], record)
            if count % RECORDS_AT_ONCE == 0:
                yield
        self._dated_at = -REDATE

    def _refuse_records_of_others(self, path: Path, fresh: FileContent) -> None:
        for key in [key for key in fresh.records if self._owners.get(key, path) != path]:
            del fresh.records[key]
            owner, number = self._files[self._owners[key]].shown, fresh.numbers.pop(key)
            reason = f"{key[0]} {key[1]} is in {owner} already"
            fresh.refuse(ManifestError(reason, file=fresh.shown, document=number, field="metadata.name"))

    def _forget(self, path: Path) -> None:
        for key in self._files.pop(path).records:
            self._remove(path, key)

    def _remove(self, path: Path, key: RecordKey) -> None:
        if self._owners.get(key) == path:
            del self._owners[key]
            self._state.remove(*key)

    def _date(self) -> None:
        """Put the figures without a timestamp into the state with the current time."""
        self._dated_at, now = time.monotonic(), time.time()
        for held in self._files.values():
            for (kind, _), record in held.records.items():
                if isinstance(record, NodeMetrics | PodMetrics) and is_undated(record):
                    self._state.put(kind, msgspec.structs.replace(record, timestamp=now))

    def _note_plan(self, change: Change) -> None:
        self._stale_plan = True

    def _render(self) -> Generator[Work, Any, None]:
        """Put the NodeConfigs rendered from templates into the state; those in files take precedence."""
        self._stale_plan = False
        written = {key for kind, key in self._owners if kind is Kind.NODE_CONFIG}
        configured = {
            record.node_name
            for held in self._files.values()
            for record in held.records.values()
            if isinstance(record, NodeConfig)
        }
        templates, nodes = list(self._state.node_config_templates.values()), list(self._state.nodes.values())
        made: DesiredNodeConfigs = yield partial(desired_node_configs, templates, nodes)
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
