"""Facts without a cluster: a folder of manifests, and one reading of each sensor and model that it names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Node, NodeConfig, key_of
from wao_core.collector.collecting import collecting
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import connecting
from wao_core.collector.status import (
    collecting_condition,
    metric_entries,
    predicting_condition,
    ready_condition,
    samples_of,
)
from wao_core.collector.store import SampleStore
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.source.manifests import ManifestSource
from wao_doctor import wire
from wao_doctor.facts import Facts, Listed, Missing
from wao_doctor.gathering.cluster import SAMPLED
from wao_metrics_api.prediction import PredictedWatts
from wao_predict.endpoint import Endpoint
from wao_predict.timestamps import format_rfc3339

PAUSE = 0.05
"""Seconds between two looks whether all sensors were tried."""


class FolderFacts:
    """Reads a folder, its sensors and its models.

    Parameters
    ----------
    timeout
        Time for the sensors and models [s].
    """

    def __init__(self, folder: Path, timeout: float, endpoints: EndpointOptions | None = None) -> None:
        self._folder, self._timeout = folder, timeout
        self._endpoints = endpoints or EndpointOptions()

    async def gather(self, names: Iterable[str]) -> Facts:
        """Return the facts that a folder has; other ones are missing."""
        source, store = ManifestSource(self._folder), SampleStore()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(source.stop)
            await source.start()
            if not await source.wait_synced(self._timeout):
                unread = Missing(f"{self._folder} was not read within {self._timeout:g} s", "Raise --timeout.")
                return Facts(now=time.time(), problems=unread)
            access = self._endpoints.access(standalone=True)
            connections = await stack.enter_async_context(connecting(source.secret, access))
            collector = await stack.enter_async_context(collecting(source, store, connections))
            predicted = PredictedWatts(source, store, connections, inputs_read=lambda: collector.tried_all)
            stack.push_async_callback(predicted.close)
            tasks = await stack.enter_async_context(BackgroundTasks())
            tasks.spawn("predictions", predicted.run())
            await self._wait(collector, predicted)
            configs = [_described(item, collector, predicted) for item in source.state.node_configs.values()]
            return Facts(
                now=time.time(),
                problems=tuple(source.problems()),
                nodes=Listed(tuple(_node(item) for item in source.state.nodes.values())),
                node_configs=Listed(tuple(configs)),
                templates=Listed(),
                samples={
                    metric: {node: sample.time for node, sample in store.by_node(metric).items() if sample.measured}
                    for metric in SAMPLED
                },
            )

    async def _wait(self, collector: Collector, predicted: PredictedWatts) -> None:
        """Wait until every sensor and model was tried, or the time is up."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if collector.tried_all and predicted.first_made:
                return
            await asyncio.sleep(PAUSE)


def _node(node: Node) -> wire.Node:
    ready = wire.Condition(type="Ready", status="True" if node.ready else "False")
    return wire.Node(metadata=wire.Meta(name=node.name), status=wire.NodeStatus(conditions=[ready]))


def _described(config: NodeConfig, collector: Collector, predicted: PredictedWatts) -> wire.NodeConfig:
    """Return a NodeConfig with the status that the metrics API would give it."""
    now = time.time()
    samples = samples_of(config, collector.store)
    winner = collector.plan.losers.get(key_of(config), "")
    read = collecting_condition(config, samples, winner=winner, now=now)
    predicting = predicting_condition(config, predicted.status(config.node_name))
    conditions = [
        wire.Condition(type=item.type, status=item.status, reason=item.reason, message=item.message)
        for item in (ready_condition(config, read, predicting), read, predicting)
    ]
    return wire.NodeConfig(
        metadata=wire.Meta(
            name=config.name,
            namespace=config.namespace,
            creation_timestamp=None if config.created is None else format_rfc3339(config.created),
        ),
        spec=wire.NodeConfigSpec(
            node_name=config.node_name,
            metrics_collector={name: _term(term.endpoint) for name, term in config.metrics.items()},
            predictor=wire.Predictor(
                power_consumption=_term(config.power_consumption),
                power_consumption_endpoint_provider=_term(config.endpoint_provider),
            ),
            standby=None if config.standby is None else wire.StandbySpec(method=config.standby.method),
        ),
        status=wire.NodeConfigStatus(
            conditions=conditions, metrics=msgspec.convert(metric_entries(samples, {}), list[wire.MetricStatus])
        ),
    )


def _term(endpoint: Endpoint | None) -> wire.Term | None:
    return None if endpoint is None else wire.Term(type=endpoint.type, endpoint=endpoint.url)
