"""The cluster from an API server: a reflector per watched resource, a repeated list per metrics resource."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec
from prometheus_client.registry import Collector

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind, Record
from wao_core.cluster.selector import Selectors
from wao_core.cluster.source import ObjectRef, Problem, Secret
from wao_core.cluster.state import ClusterState
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient, KubeError, object_of
from wao_core.kube.collection import decode_list
from wao_core.kube.events import EventRecorder
from wao_core.kube.reflector import Reflector, StateSink
from wao_core.kube.resources import POLLED, RESOURCES, WATCHED, Resource, api_path
from wao_core.kube.statistics import CollectionMetrics, CollectionStatistics
from wao_core.source.decoders import collection_of
from wao_predict.backoff import Backoff
from wao_predict.json_values import NOT_JSON

log = logging.getLogger(__name__)


class _Meta(msgspec.Struct):
    annotations: dict[str, str] | None = None


class _Secret(msgspec.Struct):
    """The parts of a Secret that are read; msgspec decodes base64 into bytes."""

    data: dict[str, bytes] | None = None
    metadata: _Meta = msgspec.field(default_factory=_Meta)


PAGED = frozenset({Kind.NODE, Kind.POD, Kind.WORKLOAD})
"""Kinds of so many and so large objects that all of them are listed in pages, not from the watch cache in one piece."""


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
        self._period, self._component = period, component
        self._state = ClusterState()
        self._recorder = EventRecorder(client, component)
        self._reflectors = self._make_reflectors(selectors or {})
        self._polls = [_Poll(POLLED[kind]) for kind in sorted(self._kinds) if kind in POLLED]
        self._tasks = BackgroundTasks()

    @property
    def state(self) -> ClusterState:
        """The tables of records."""
        return self._state

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that were requested."""
        return self._kinds

    async def start(self) -> None:
        """Begin to list and watch; returns at once."""
        for reflector in self._reflectors:
            self._tasks.supervise(f"watch {reflector.collection.name}", reflector.run)
        for poll in self._polls:
            self._tasks.supervise(f"list {poll.statistics.name}", partial(self._poll, poll))

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until every watched resource is listed, and every metrics list has been tried."""
        waits = [reflector.synced.wait() for reflector in self._reflectors]
        waits += [poll.tried.wait() for poll in self._polls]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*waits)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """End all background work and close the connections."""
        await self._tasks.close()
        await self.client.close()

    def health(self) -> str | None:
        """Return which background tasks are not running and why, or None."""
        return self._tasks.health()

    def collectors(self) -> Sequence[Collector]:
        """Return the Prometheus collectors of the watches and lists."""
        return [CollectionMetrics(self._statistics)]

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """Return one Secret, or None when it does not exist.

        Raises
        ------
        SourceError
            The API server refused the request, could not be reached, or its answer is not a Secret.
        """
        try:
            body = await self.client.get(api_path("v1", "secrets", namespace=namespace, name=name))
        except KubeError as error:
            if error.status_code == 404:
                return None
            raise
        try:
            found = msgspec.json.decode(body, type=_Secret)
        except NOT_JSON as error:
            raise SourceError(
                f"the API server's answer for Secret {namespace}/{name} is not a Secret: {error}"
            ) from None
        return Secret(found.data or {}, found.metadata.annotations or {})

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        """Record an Event; failures are logged."""
        await self._recorder.record(about, reason=reason, message=message, warning=warning)

    async def status(self, about: ObjectRef) -> Mapping[str, object] | None:
        """Return the current status of a custom resource, empty when it has none; None, logged, if the read fails."""
        path = RESOURCES[about.kind].path(about.namespace, about.name)
        try:
            found = object_of(await self.client.get(path), about.kind, path)
        except KubeError as error:
            if error.status_code == 404:
                return {}
            log.warning("the status of %s was not read: %s", path, error)
            return None
        if about.uid and (found.get("metadata") or {}).get("uid") != about.uid:
            log.info("the status of %s was not read: the object was deleted and created again", path)
            return None
        return found.get("status") or {}

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> bool:
        """Apply `status` to a custom resource's status; return False, logged, when that is to be retried.

        A server-side apply: conditions and fields of other writers stay, such as those of `wao standby`.
        """
        path = RESOURCES[about.kind].path(about.namespace, about.name, "status")
        metadata = {"name": about.name, "namespace": about.namespace, **({"uid": about.uid} if about.uid else {})}
        body = {"apiVersion": about.api_version, "kind": about.kind, "metadata": metadata, "status": status}
        try:
            await self.client.apply(path, body, manager=self._component)
        except KubeError as error:
            if error.status_code == 404:  # deleted meanwhile
                return True
            log.warning("the status of %s %s/%s was not written: %s", about.kind, about.namespace, about.name, error)
            return False
        return True

    def unreadable(self, kind: Kind) -> Mapping[str, str]:
        """Return by key why objects cannot be decoded now; the last readable state of each is kept."""
        names = {resource.name for resource in RESOURCES.values() if resource.kind is kind}
        found = [each.unreadable for each in self._statistics() if each.name in names]
        return {key: reason for unreadable in found for key, reason in unreadable.items()}

    def problems(self) -> Sequence[Problem]:
        """Return the watches and lists that fail now, and the objects that cannot be read."""
        return [problem for statistics in self._statistics() for problem in statistics.problems()]

    def _statistics(self) -> list[CollectionStatistics]:
        return [*(each.statistics for each in self._reflectors), *(each.statistics for each in self._polls)]

    def _make_reflectors(self, selectors: Selectors) -> list[Reflector[Record]]:
        return [
            Reflector(
                self.client,
                collection_of(resource),
                StateSink(self._state, kind),
                selectors.get(kind, ()),
                from_cache=kind in selectors or kind not in PAGED,
                on_confirm=partial(self._state.confirm, kind),
            )
            for kind in sorted(self._kinds)
            for resource in WATCHED.get(kind, ())
        ]

    async def _poll(self, poll: _Poll) -> None:
        """List a metrics resource once a period; the last objects stay while it fails."""
        collection, statistics = collection_of(poll.resource), poll.statistics
        backoff = Backoff(initial=1.0, maximum=self._period)
        while True:
            try:
                body = await self.client.get(collection.path, timeout=max(10.0, self._period))
                page = await asyncio.to_thread(decode_list, body, collection)
                self._state.replace(poll.resource.kind, page.objects, keep=page.unreadable)
                statistics.listed(page.unreadable)
                statistics.confirm()
                backoff.reset()
                wait = self._period
            except Exception as error:
                statistics.fault(str(error) if isinstance(error, SourceError) else f"{type(error).__name__}: {error}")
                wait = backoff.next()
            poll.tried.set()
            await asyncio.sleep(wait)


class _Poll:
    """The state of one metrics list."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.statistics = CollectionStatistics(resource.name)
        self.tried = asyncio.Event()
