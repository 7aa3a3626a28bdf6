"""What the page reads: the HTTP APIs of the applications and the API server, each through one feed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import msgspec

from wao_core.collector.metrics_feed import Listed, decode_values, values_path
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_fleet.rebalance.documents import EvictionDocument, EvictionList, PlanDocument
from wao_fleet.standby.documents import StandbyDocument
from wao_lb.documents import ServiceWeights, WeightsListing
from wao_predict.errors import RemoteError, UsageError
from wao_scheduler.documents import DecisionDocument, DecisionList, WhatIfAnswer
from wao_scheduler.node_documents import NodesDocument
from wao_ui.feeds import Api, Feed
from wao_ui.sensor_failures import SensorFailure, failing_sensors, listed_sensors

METRICS = ("inlet_temp", "delta_p", "power_watts", "cpu_usage", "predicted_watts")
DECISIONS, EVICTIONS = 200, 100  # of the lists
CANDIDATES = 200  # of one decision
MOST_SERVICES = 500  # whose weights are read
AT_ONCE = 8  # requests for weights
REPLICAS = 12
"""New connections until one leads to the replica that acts; of two replicas, all miss it once in 4,096 times."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Apis:
    """The applications that are configured, and the API server in a cluster."""

    metrics: Api | None = None
    scheduler: Api | None = None
    lb: Api | None = None
    rebalance: Api | None = None
    standby: Api | None = None
    client: KubeClient | None = None

    async def close(self) -> None:
        """Close all connections but those to the API server."""
        found = (self.metrics, self.scheduler, self.lb, self.rebalance, self.standby)
        await asyncio.gather(*(api.close() for api in found if api is not None))


@dataclass
class Sources:
    """The feeds of all applications; one that is not configured is None."""

    apis: Apis
    metrics: Feed[dict[str, dict[str, Listed]]] | None = None
    sensors: Feed[tuple[SensorFailure, ...]] | None = None
    nodes: Feed[NodesDocument] | None = None
    decisions: Feed[tuple[DecisionDocument, ...]] | None = None
    weights: Feed[dict[str, ServiceWeights]] | None = None
    plan: Feed[PlanDocument] | None = None
    evictions: Feed[tuple[EvictionDocument, ...]] | None = None
    standby: Feed[StandbyDocument] | None = None
    _weights: dict[str, ServiceWeights] = field(default_factory=dict)

    @classmethod
    def of(cls, apis: Apis) -> Sources:
        """Return the feeds of the applications that are there."""
        made = cls(apis)
        in_cluster = apis.client is not None

        def feed(name: str, api: Api, read: Callable[[Api], Awaitable[T]]) -> Feed[T]:
            return Feed(name, api.url, partial(read, api), exists=api.exists if in_cluster else None)

        get = _metrics_reader(apis)
        if get is not None:
            where = "the API server" if apis.metrics is None else apis.metrics.url
            made.metrics = Feed("metrics API", where, partial(_metrics, get))
        if apis.client is not None:
            made.sensors = Feed("NodeConfigs", "the API server", partial(failing_sensors, apis.client))
        elif apis.metrics is not None:
            made.sensors = feed("metrics API, sensors", apis.metrics, listed_sensors)
        if (scheduler := apis.scheduler) is not None:
            made.nodes = feed("scheduler, nodes", scheduler, _nodes)
            made.decisions = feed("scheduler, decisions", scheduler, _decisions)
        if apis.lb is not None:
            made.weights = feed("weight service", apis.lb, made._all_weights)
        if (rebalance := apis.rebalance) is not None:
            made.plan = feed("rebalancer, plan", rebalance, _plan)
            made.evictions = feed("rebalancer, evictions", rebalance, _evictions)
        if (standby := apis.standby) is not None:
            made.standby = feed("standby", standby, _standby)
        return made

    @property
    def feeds(self) -> tuple[Feed[object], ...]:
        """All feeds that are configured."""
        found = (
            self.metrics,
            self.sensors,
            self.nodes,
            self.decisions,
            self.weights,
            self.plan,
            self.evictions,
            self.standby,
        )
        return tuple(feed for feed in found if feed is not None)  # type: ignore[misc]

    async def refresh(self) -> None:
        """Read all of them once."""
        await asyncio.gather(*(feed.refresh() for feed in self.feeds))

    async def decision(self, pod: str) -> DecisionDocument:
        """Return the last decision on a pod with its candidates; raises `WaoError`."""
        body = await _of(self.apis.scheduler, "scheduler").get(
            f"/v1/decisions?pod={quote(pod, safe='')}&limit={CANDIDATES}"
        )
        return DecisionDocument.model_validate_json(body)

    async def what_if(self, cpu: str, count: int) -> WhatIfAnswer:
        """Return the minimum power increase for identical pods; raises `WaoError`."""
        body = await _of(self.apis.scheduler, "scheduler").post("/v1/what-if", {"cpu": cpu, "count": count})
        return WhatIfAnswer.model_validate_json(body)

    async def _all_weights(self, lb: Api) -> dict[str, ServiceWeights]:
        listing = msgspec.json.decode(await lb.get("/v1/weights"), type=WeightsListing)
        chosen = listing.services[:MOST_SERVICES]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(namespace: str, service: str, version: str) -> tuple[str, ServiceWeights | None]:
            key = f"{namespace}/{service}"
            held = self._weights.get(key)
            if held is not None and held.version == version:
                return key, held
            async with gate:
                try:
                    body = await lb.get(f"/v1/weights/{quote(namespace, safe='')}/{quote(service, safe='')}")
                except RemoteError as error:
                    if error.status_code == 404:  # deleted since
                        return key, None
                    raise
            return key, msgspec.json.decode(body, type=ServiceWeights)

        read = await asyncio.gather(*(one(item.namespace, item.service, item.version) for item in chosen))
        self._weights = {key: weights for key, weights in read if weights is not None}
        return self._weights


def _of(api: Api | None, name: str) -> Api:
    if api is None:
        raise UsageError(f"the {name} is not configured: start wao ui with --{name}-url")
    return api


def _metrics_reader(apis: Apis) -> Callable[[str], Awaitable[bytes]] | None:
    if apis.metrics is not None:
        return apis.metrics.get
    return None if apis.client is None else apis.client.get


async def _metrics(get: Callable[[str], Awaitable[bytes]]) -> dict[str, dict[str, Listed]]:
    bodies = await asyncio.gather(*(_listed(get, metric) for metric in METRICS))
    return dict(zip(METRICS, bodies, strict=True))


async def _listed(get: Callable[[str], Awaitable[bytes]], metric: str) -> dict[str, Listed]:
    try:
        return decode_values(await get(values_path(metric)))
    except (RemoteError, SourceError) as error:
        if error.status_code == 404:  # no node has this metric
            return {}
        raise


async def _nodes(api: Api) -> NodesDocument:
    return msgspec.json.decode(await api.get("/v1/nodes"), type=NodesDocument)


async def _decisions(api: Api) -> tuple[DecisionDocument, ...]:
    return tuple(DecisionList.model_validate_json(await api.get(f"/v1/decisions?limit={DECISIONS}")).decisions)


async def _from_leader(api: Api, path: str, decode: Callable[[bytes], T], leads: Callable[[T], bool]) -> T:
    """Return the answer of the replica that acts, else the last answer of another one; raises `RemoteError`."""
    answer: T | None = None
    for left in reversed(range(REPLICAS)):
        try:
            answer = decode(await api.get(path, new_connection=True))
        except RemoteError as error:
            if error.status_code != 503 or (left == 0 and answer is None):  # 503: a replica without a decision
                raise
            continue
        if leads(answer):
            break
    assert answer is not None
    return answer


async def _plan(api: Api) -> PlanDocument:
    return await _from_leader(api, "/v1/plan", PlanDocument.model_validate_json, lambda plan: plan.leading)


async def _evictions(api: Api) -> tuple[EvictionDocument, ...]:
    path = f"/v1/evictions?limit={EVICTIONS}"
    found = await _from_leader(api, path, EvictionList.model_validate_json, lambda listed: listed.leading)
    return tuple(found.evictions)


async def _standby(api: Api) -> StandbyDocument:
    return await _from_leader(api, "/v1/standby", StandbyDocument.model_validate_json, lambda _: True)
