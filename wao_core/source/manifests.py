"""The cluster from a folder of manifests, read again when a file changes.

A refused manifest is reported with file, document, field and reason; the others load. An edit that breaks a file keeps
the last good state of that file, and so does a folder that cannot be read. NodeConfigTemplates are rendered as the
controller does. A thread reads and decodes the files and renders, so that a server answers meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from prometheus_client.registry import Collector

from wao_core.aio import BackgroundTasks, in_daemon_thread
from wao_core.cluster.records import Kind, NodeConfig, NodeMetrics, PodMetrics, Record
from wao_core.cluster.source import ObjectRef, Problem, Secret
from wao_core.cluster.state import Change, ClusterState
from wao_core.crds.desired import desired_node_configs
from wao_core.source.files import FileContent, RecordKey, Stamp, is_undated, read_file
from wao_core.source.folder import Listing, list_folder

log = logging.getLogger(__name__)

REDATE = 10.0
"""Seconds after which undated figures get the current time again."""
RECORDS_AT_ONCE = 200
"""Records that are put into the state without a pause."""


class ManifestSource:
    """A `Source` over a folder, which is read with its sub-folders.

    Parameters
    ----------
    period
        Seconds between two checks for changed files.
    """

    def __init__(self, folder: Path, *, period: float = 1.0) -> None:
        self.folder = folder
        self._period = period
        self._state = ClusterState()
        self._files: dict[Path, FileContent] = {}
        self._claims: dict[RecordKey, tuple[Path, ...]] = {}  # the files that have each record; the first one counts
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
        """All kinds."""
        return frozenset(Kind)

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
        of_files = [problem for held in self._files.values() for problem in held.all_problems()]
        return self._folder_problems + of_files + self._template_problems

    async def refresh(self) -> None:
        """Read the files that have changed since the last time, and render the templates if that is necessary."""
        listing = await in_daemon_thread(partial(list_folder, self.folder))
        self._note_unreadable(listing)
        changed = {
            path: await self._read(path, stamp) for path, stamp in listing.files.items() if self._is_new(path, stamp)
        }
        gone = [path for path in self._files if path not in listing.files and not listing.hides(path)]
        await self._apply(changed, gone)
        if self._stale_plan:
            await self._render()
        if time.monotonic() - self._dated_at >= REDATE:
            self._date()
        if self.folder not in listing.unreadable:
            for kind in Kind:
                self._state.confirm(kind)
            if not self._synced.is_set():
                self._warn_of_nothing()
            self._synced.set()

    async def _follow(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(self._period)

    def _is_new(self, path: Path, stamp: Stamp) -> bool:
        """Return whether the content of a file is not known."""
        held = self._files.get(path)
        return held is None or held.stamp != stamp

    async def _read(self, path: Path, stamp: Stamp) -> FileContent:
        shown = str(path.relative_to(self.folder))
        return await in_daemon_thread(partial(read_file, path, shown, stamp, self._files.get(path)))

    def _warn_of_nothing(self) -> None:
        if self._claims:
            return
        refused = sum(len(held.problems) for held in self._files.values())
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

    async def _apply(self, changed: Mapping[Path, FileContent], gone: Iterable[Path]) -> None:
        """Put the new contents of files into the state, some records at a time.

        All claims are known before the first record is removed, so a record that moves to another file never vanishes.
        """
        touched: dict[RecordKey, None] = {}
        for path in gone:
            log.info("%s is gone", path)
            touched |= self._claim(path, None)
        for path, content in changed.items():
            touched |= self._claim(path, content)
        for count, key in enumerate(touched, start=1):
            self._settle(key)
            if count % RECORDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        if touched:
            self._dated_at = -REDATE

    def _claim(self, path: Path, content: FileContent | None) -> dict[RecordKey, None]:
        """Note which records a file has now, None for a file that is gone; return those that it has or had."""
        old = self._files.pop(path, None)
        before: Mapping[RecordKey, Record] = {} if old is None else old.records
        after: Mapping[RecordKey, Record] = {} if content is None else content.records
        if content is not None:
            self._files[path] = content
        for key in before.keys() - after.keys():
            self._claims[key] = tuple(each for each in self._claims[key] if each != path)
        alone = (path,)  # one object for all records of the file
        for key in after.keys() - before.keys():
            self._claims[key] = (*held, path) if (held := self._claims.get(key)) else alone
        return dict.fromkeys((*before, *after))

    def _settle(self, key: RecordKey) -> None:
        """Make the state have the record of the first file that claims it, and report it in the other ones."""
        claims = self._claims[key]
        if not claims:
            del self._claims[key]
            self._state.remove(*key)
            return
        first = self._files[claims[0]]
        first.duplicates.pop(key, None)
        for other in claims[1:]:
            self._files[other].note_duplicate(key, first.shown)
        if not is_undated(first.records[key]):
            self._state.put(key[0], first.records[key])

    def _records(self) -> Iterator[tuple[RecordKey, Record]]:
        """Yield the records of all files, each once."""
        for key, claims in self._claims.items():
            yield key, self._files[claims[0]].records[key]

    def _date(self) -> None:
        """Put the figures without a timestamp into the state with the current time."""
        self._dated_at, now = time.monotonic(), time.time()
        for (kind, _), record in self._records():
            if isinstance(record, NodeMetrics | PodMetrics) and is_undated(record):
                self._state.put(kind, msgspec.structs.replace(record, timestamp=now))

    def _note_plan(self, change: Change) -> None:
        self._stale_plan = True

    async def _render(self) -> None:
        """Put the NodeConfigs rendered from templates into the state; those in files take precedence."""
        self._stale_plan = False
        written = {key[1]: record for key, record in self._records() if isinstance(record, NodeConfig)}
        configured = {record.node_name for record in written.values()}
        templates, nodes = list(self._state.node_config_templates.values()), list(self._state.nodes.values())
        made = await in_daemon_thread(partial(desired_node_configs, templates, nodes))
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
