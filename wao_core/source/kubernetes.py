"""The cluster from an API server: a reflector per resource, and a reader per metrics list."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from wao_core.cluster.decode import decode_list
from wao_core.cluster.records import Kind
from wao_core.cluster.source import ObjectRef, Problem
from wao_core.cluster.state import ClusterState
from wao_core.kube.client import MERGE_PATCH, KubeClient, KubeError
from wao_core.kube.events import EventRecorder
from wao_core.kube.reflector import Backoff, Reflector, StateSink
from wao_core.kube.resources import NODE_CONFIG_TEMPLATES, NODE_CONFIGS, POLLED, WATCHED, Resource, api_path

log = logging.getLogger(__name__)

_CUSTOM = {"NodeConfig": NODE_CONFIGS, "NodeConfigTemplate": NODE_CONFIG_TEMPLATES}
Selectors = Mapping[Kind, tuple[tuple[str, str], ...]]


class KubernetesSource:
    """A `Source` that follows an API server.

    Parameters
    ----------
    client
        The connection; closed by `stop`.
    kinds
        What to keep. Metrics kinds are read once a `period`, the rest is watched.
    component
        Name under which Events are written.
    selectors
        Query parameters that restrict a kind, such as a label selector for Services.
    period
        Seconds between two reads of a metrics list.
    """

    def __init__(
        self,
        client: KubeClient,
        kinds: Iterable[Kind],
        *,
        component: str = "wao",
        selectors: Selectors | None = None,
        period: float = 15.0,
    ) -> None:
        self.client = client
        self._kinds = frozenset(kinds)
        self._period = period
        self._state = ClusterState()
        self._recorder = EventRecorder(client, component)
        self._reflectors = self._make_reflectors(selectors or {})
        self._polls = {kind: Poll() for kind in self._kinds if kind in POLLED}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> ClusterState:
        """The tables that are kept."""
        return self._state

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that were asked for."""
        return self._kinds

    @property
    def reflectors(self) -> Sequence[Reflector]:
        """The reflectors, for metrics and health checks."""
        return self._reflectors

    async def start(self) -> None:
        """Begin to list and watch; returns at once."""
        for reflector in self._reflectors:
            self._tasks.append(asyncio.create_task(reflector.run(), name=f"watch {reflector.resource.plural}"))
        for kind, poll in self._polls.items():
            self._tasks.append(asyncio.create_task(self._poll(POLLED[kind], poll), name=f"poll {kind}"))

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until every watched kind was listed once, and each metrics list was tried once."""
        waits = [reflector.synced.wait() for reflector in self._reflectors]
        waits += [poll.tried.wait() for poll in self._polls.values()]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*waits)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End all background work and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of one Secret, read now; None when there is none.

        Raises
        ------
        KubeError
            The API server refused or is away.
        """
        try:
            body = await self.client.get(api_path("v1", "secrets", namespace=namespace, name=name))
        except KubeError as error:
            if error.status_code == 404:
                return None
            raise
        data = (msgspec.json.decode(body, type=dict[str, object]).get("data")) or {}
        assert isinstance(data, dict)
        return {key: base64.b64decode(value) for key, value in data.items()}

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        """Record an Event; failures are logged."""
        await self._recorder.record(about, reason=reason, message=message, warning=warning)

    async def status(self, about: ObjectRef) -> Mapping[str, object] | None:
        """Return the current status of a custom resource, empty when it has none; None, logged, if the read fails."""
        path = _CUSTOM[about.kind].path(about.namespace, about.name)
        try:
            found = msgspec.json.decode(await self.client.get(path), type=dict[str, Any])
        except KubeError as error:
            if error.status_code == 404:
                return {}
            log.warning("the status of %s was not read: %s", path, error)
            return None
        if about.uid and (found.get("metadata") or {}).get("uid") != about.uid:
            log.info("the status of %s was not read: the object was deleted and created again", path)
            return None
        status = found.get("status")
        return status if isinstance(status, dict) else {}

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> bool:
        """Merge `status` into a custom resource's status; return False, logged, when that is to be retried."""
        path = _CUSTOM[about.kind].path(about.namespace, about.name, "status")
        try:
            await self.client.send("PATCH", path, body={"status": status}, content_type=MERGE_PATCH)
        except KubeError as error:
            if error.status_code == 404:  # deleted meanwhile
                return True
            log.warning("the status of %s %s/%s was not written: %s", about.kind, about.namespace, about.name, error)
            return False
        return True

    def problems(self) -> Sequence[Problem]:
        """Return the watches and lists that fail now."""
        found = [reflector.problem() for reflector in self._reflectors]
        found += [poll.problem for poll in self._polls.values()]
        return [problem for problem in found if problem is not None]

    def _make_reflectors(self, selectors: Selectors) -> list[Reflector]:
        return [
            Reflector(
                self.client,
                resource,
                StateSink(self._state, resource),
                selectors.get(kind, ()),
                on_confirm=partial(self._state.confirm, kind),
            )
            for kind in sorted(self._kinds)
            for resource in WATCHED.get(kind, ())
        ]

    async def _poll(self, resource: Resource, poll: Poll) -> None:
        """Read a metrics list once a period; what it leaves out is missing, and what fails leaves the last one."""
        backoff = Backoff(first=1.0, most=self._period)
        while True:
            try:
                body = await self.client.get(resource.path(), timeout=max(10.0, self._period))
                page = await asyncio.to_thread(decode_list, resource.kind, body)
                self._state.replace(resource.kind, page.records)
                poll.problem, wait = None, self._period
                backoff.reset()
            except KubeError as error:
                if poll.problem is None or poll.problem.reason != str(error):
                    log.warning("%s: %s", resource.api_version, error)
                poll.problem = Problem(
                    resource.api_version, str(error), poll.problem.since if poll.problem else time.time()
                )
                wait = backoff.next()
            poll.tried.set()
            await asyncio.sleep(wait)


class Poll:
    """The state of one metrics list."""

    def __init__(self) -> None:
        self.tried = asyncio.Event()
        self.problem: Problem | None = None
