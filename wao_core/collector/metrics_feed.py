"""Sensors' values from the custom metrics API: one list of all nodes per metric and period.

What the scheduler uses inside a cluster, where the metrics API alone reads the sensors. A value keeps the time at
which it was sampled. One that the API no longer lists, or that cannot be read because the API is away, stays with its
time and ages; the reason is kept beside it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import msgspec

from wao_core.cluster.decode import timestamp
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.errors import WaoCoreError
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.reflector import Backoff
from wao_core.kube.resources import api_path
from wao_predict.errors import QuantityError
from wao_predict.quantity import parse_quantity

log = logging.getLogger(__name__)

API = "custom.metrics.k8s.io/v1beta2"
METRICS = ("inlet_temp", "delta_p")
GRACE_PERIODS = 4
"""Periods that a value may be used after the API last listed it."""
BATCH = 500
"""Values that are taken over in one step; some milliseconds."""
SOURCE = "custom.metrics.k8s.io"


class MetricsListError(WaoCoreError, ValueError):
    """An answer is no MetricValueList."""


class _Described(msgspec.Struct, gc=False):
    name: str = ""


class _Item(msgspec.Struct, gc=False):
    described: _Described = msgspec.field(name="describedObject", default_factory=_Described)
    value: str | int | float | None = None
    timestamp: str | None = None
    window: float | None = msgspec.field(name="windowSeconds", default=None)


class _List(msgspec.Struct):
    items: list[_Item] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One value of the list: the number, when it was sampled [s since the epoch], and its window [s]."""

    value: float
    time: float
    window: float | None


_decode = msgspec.json.Decoder(_List).decode


def decode_values(body: bytes) -> dict[str, Listed]:
    """Return the values in a MetricValueList by node name; an item without usable value or time is left out.

    Raises
    ------
    MetricsListError
        The body is no such list.
    """
    try:
        items = _decode(body).items or ()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MetricsListError(f"the answer is no MetricValueList: {error}") from None
    return {item.described.name: listed for item in items if (listed := _listed(item)) is not None}


def _listed(item: _Item) -> Listed | None:
    taken = timestamp(item.timestamp)
    if item.value is None or taken is None or not item.described.name:
        return None
    try:
        return Listed(float(parse_quantity(item.value)), taken, item.window)
    except QuantityError:
        return None


class MetricsFeed:
    """Keeps the store equal to what the API lists. Use as `async with`.

    Parameters
    ----------
    state
        Tells which nodes should have a value.
    period
        Seconds between two lists of a metric; failures are tried again sooner at first, then as often.
    """

    def __init__(
        self,
        client: KubeClient,
        state: ClusterState,
        store: SampleStore,
        *,
        period: float = 15.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._state, self._store = client, state, store
        self._period, self._clock = period, clock
        self._tasks: list[asyncio.Task[None]] = []
        self._tried: set[str] = set()

    async def __aenter__(self) -> MetricsFeed:
        self._tasks = [asyncio.create_task(self._follow(metric), name=f"list {metric}") for metric in METRICS]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def health(self) -> str | None:
        """Return None while the lists are followed, else what is wrong."""
        return "the lists of metrics are not followed" if any(task.done() for task in self._tasks) else None

    @property
    def tried_all(self) -> bool:
        """Whether every list was asked for at least once."""
        return len(self._tried) == len(METRICS)

    async def refresh(self, metric: str) -> str:
        """Read one list now; return "" or why it could not be read."""
        try:
            path = api_path(API, "nodes", name="*", subresource=metric)
            body = await self._client.get(path, timeout=max(10.0, self._period))
            await self._take(metric, await asyncio.to_thread(decode_values, body))
        except (KubeError, MetricsListError) as error:
            self._miss(metric, set(self._store.by_node(metric)) | self._wanted(metric), str(error))
            return str(error)
        finally:
            self._tried.add(metric)
        return ""

    async def _follow(self, metric: str) -> None:
        backoff, told = Backoff(first=1.0, most=self._period), ""
        while True:
            problem = await self.refresh(metric)
            if problem and problem != told:
                log.warning("%s cannot be listed, last values are used: %s", metric, problem)
            elif told and not problem:
                log.info("%s is listed again", metric)
            told = problem
            if not problem:
                backoff.reset()
            await asyncio.sleep(backoff.next() if problem else self._period)

    async def _take(self, metric: str, listed: Mapping[str, Listed]) -> None:
        now = self._clock()
        for number, (node, value) in enumerate(listed.items()):
            if number % BATCH == 0:
                await asyncio.sleep(0)  # the event loop answers requests meanwhile
            # fresh as long as the API says so: it knows how often the sensor is read
            ttl = max(0.0, now - value.time) + GRACE_PERIODS * self._period
            sample = Sample(value.value, value.time, value.window, ttl, SampleState.OK, "", SOURCE)
            if self._store.get(node, metric) != sample:
                self._store.put(node, metric, sample)
        held = set(self._store.by_node(metric))
        for node in held - listed.keys() - self._state.nodes.keys():
            self._store.remove(node, metric)
        missing = (held | self._wanted(metric)) - listed.keys()
        self._miss(metric, missing & self._state.nodes.keys(), "the metrics API has no value of it")

    def _miss(self, metric: str, nodes: set[str], reason: str) -> None:
        for node in nodes:
            known = self._store.get(node, metric)
            if known is None or known.reason != reason:
                ttl = 0.0 if known is None else known.ttl
                self._store.fail(node, metric, reason, ttl=ttl)

    def _wanted(self, metric: str) -> set[str]:
        return {config.node_name for config in self._state.node_configs.values() if metric in config.metrics}
