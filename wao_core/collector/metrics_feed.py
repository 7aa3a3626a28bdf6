"""Sensor values from the metrics API: one list of all nodes per metric and period.

Scheduler and load balancer use it inside a cluster, where only the metrics API reads the sensors. A value keeps the
time at which it was sampled. A value that the API does not list any more, or that cannot be read because the API is
unavailable, is kept with its time, ages, and has the reason.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import msgspec

from wao_core.aio import BackgroundTasks
from wao_core.cluster.names import METRICS_API_VERSION, METRICS_GROUP
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.errors import WaoCoreError
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import api_path
from wao_predict.backoff import Backoff
from wao_predict.errors import QuantityError
from wao_predict.json_values import NOT_JSON
from wao_predict.quantity import parse_quantity
from wao_predict.timestamps import parse_rfc3339

log = logging.getLogger(__name__)

METRICS = ("inlet_temp", "delta_p")
GRACE_PERIODS = 4
"""Periods for which a value is usable after the API last listed it."""
BATCH = 500
"""Values that are stored in one step of some milliseconds."""
SOURCE = METRICS_GROUP


class MetricsListError(WaoCoreError, ValueError):
    """The answer is not a MetricValueList."""


class _Described(msgspec.Struct, gc=False):
    name: str = ""


class _Item(msgspec.Struct, gc=False):
    described: _Described = msgspec.field(name="describedObject", default_factory=_Described)
    value: str | int | float | None = None
    timestamp: str | None = None
    window: float | None = msgspec.field(name="windowSeconds", default=None)


class _List(msgspec.Struct):
    items: list[_Item] | None


class _RawList(msgspec.Struct):
    items: list[msgspec.Raw] | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One value of a list; `time` is when it was sampled [s since the epoch], `window` is in seconds."""

    value: float
    time: float
    window: float | None


_decode = msgspec.json.Decoder(_List).decode
_decode_raw = msgspec.json.Decoder(_RawList).decode
_decode_item = msgspec.json.Decoder(_Item).decode


def decode_values(body: bytes) -> dict[str, Listed]:
    """Return the values in a MetricValueList by node name; an item without usable value or time is skipped.

    Raises
    ------
    MetricsListError
        The body is not such a list.
    """
    try:
        try:
            items = _decode(body).items or []
        except msgspec.ValidationError:  # one bad item, or another document
            items = [item for raw in _decode_raw(body).items or () if (item := _readable(raw)) is not None]
    except NOT_JSON as error:
        raise MetricsListError(f"the answer is not a MetricValueList: {error}") from None
    return {item.described.name: listed for item in items if (listed := _listed(item)) is not None}


def _readable(raw: msgspec.Raw) -> _Item | None:
    try:
        return _decode_item(raw)
    except NOT_JSON:
        return None


def _listed(item: _Item) -> Listed | None:
    taken = parse_rfc3339(item.timestamp)
    if item.value is None or taken is None or not item.described.name:
        return None
    try:
        value = float(parse_quantity(item.value))
    except QuantityError:
        return None
    return Listed(value, taken, item.window) if math.isfinite(value) else None


async def list_values(client: KubeClient, metric: str, *, timeout: float = 10.0) -> dict[str, Listed]:
    """Return the values that the API lists now by node name; they are fresh.

    Raises
    ------
    WaoCoreError
        The API cannot be read.
    """
    body = await client.get(values_path(metric), timeout=timeout)
    return await asyncio.to_thread(decode_values, body)


def values_path(metric: str) -> str:
    """Return the path of the values of all nodes."""
    return api_path(METRICS_API_VERSION, "nodes", name="*", subresource=metric)


class MetricsFeed:
    """Keeps the store equal to what the API lists. Use as `async with`.

    Parameters
    ----------
    state
        Shows which nodes should have a value.
    period
        Seconds between two lists of a metric, and the longest wait after a failure.
    metrics
        What to list; default: the inputs of models.
    """

    def __init__(
        self,
        client: KubeClient,
        state: ClusterState,
        store: SampleStore,
        *,
        period: float = 15.0,
        metrics: Sequence[str] = METRICS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._state, self._store = client, state, store
        self._metrics = tuple(metrics)
        self._period, self._clock = period, clock
        self._tasks: BackgroundTasks | None = None
        self._tried: set[str] = set()

    async def __aenter__(self) -> MetricsFeed:
        self._tasks = BackgroundTasks()
        for metric in self._metrics:
            self._tasks.supervise(f"list {metric}", partial(self._follow, metric))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks is not None:
            await self._tasks.close()
            self._tasks = None

    def health(self) -> str | None:
        """Return why the lists are not followed, or None while they are."""
        return "the metrics are not listed any more" if self._tasks is None else self._tasks.health()

    @property
    def tried_all(self) -> bool:
        """Whether every list has been requested at least once."""
        return len(self._tried) == len(self._metrics)

    async def refresh(self, metric: str) -> str:
        """Read one list now; return the reason if it could not be read, or an empty string.

        A metric that is no input of models is not listed while no NodeConfig requests it.
        """
        if metric not in METRICS and not self._wanted(metric):
            self._tried.add(metric)
            return ""
        try:
            await self._take(metric, await list_values(self._client, metric, timeout=max(10.0, self._period)))
        except Exception as error:
            reason = str(error) if isinstance(error, WaoCoreError) else f"{type(error).__name__}: {error}"
            self._miss(metric, set(self._store.by_node(metric)) | self._wanted(metric), reason)
            return reason
        finally:
            self._tried.add(metric)
        return ""

    async def _follow(self, metric: str) -> None:
        backoff, reported = Backoff(initial=1.0, maximum=self._period), ""
        while True:
            problem = await self.refresh(metric)
            if problem and problem != reported:
                log.warning("%s cannot be listed, the last values are used: %s", metric, problem)
            elif reported and not problem:
                log.info("%s is listed again", metric)
            reported = problem
            if not problem:
                backoff.reset()
            await asyncio.sleep(backoff.next() if problem else self._period)

    async def _take(self, metric: str, listed: Mapping[str, Listed]) -> None:
        now = self._clock()
        for number, (node, value) in enumerate(listed.items()):
            if number % BATCH == 0:
                await asyncio.sleep(0)  # let the event loop answer requests
            # fresh as long as the API lists it: it knows how often the sensor is read
            ttl = max(0.0, now - value.time) + GRACE_PERIODS * self._period
            sample = Sample(value.value, value.time, value.window, ttl, SampleState.OK, "", SOURCE)
            if self._store.get(node, metric) != sample:
                self._store.put(node, metric, sample)
        held = set(self._store.by_node(metric))
        for node in held - listed.keys() - self._state.nodes.keys():
            self._store.remove(node, metric)
        missing = (held | self._wanted(metric)) - listed.keys()
        self._miss(metric, missing & self._state.nodes.keys(), "the metrics API does not list a value")

    def _miss(self, metric: str, nodes: set[str], reason: str) -> None:
        for node in nodes:
            known = self._store.get(node, metric)
            if known is None or known.reason != reason:
                ttl = 0.0 if known is None else known.ttl
                self._store.fail(node, metric, reason, ttl=ttl)

    def _wanted(self, metric: str) -> set[str]:
        return {config.node_name for config in self._state.node_configs.values() if metric in config.metrics}
