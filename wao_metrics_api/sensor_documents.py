"""The body of `GET /v1/sensors`: the state of each sensor, as the statuses of NodeConfigs report it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from wao_core.cluster.records import NodeConfig
from wao_core.collector.status import metric_entries, samples_of
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.crds.node_configs import first_by_node
from wao_core.serving.api import ApiDocument, Time

MOST_SENSORS = 10_000  # of one answer


class SensorDocument(ApiDocument):
    """One sensor of a node."""

    node: str
    metric: str
    state: SampleState = Field(description="result of the last reading: ok, failed, or waiting for the first one")
    reason: str = Field("", description="why there is no new value; empty for ok")
    time: Time | None = Field(None, description="time of the last value; null for none")


class SensorList(ApiDocument):
    """The sensors that NodeConfigs name, in the order of nodes and metrics."""

    total: int = Field(description="number of all sensors")
    failing: int = Field(description="number of those that are not ok")
    sensors: list[SensorDocument]


NodeSamples = Sequence[tuple[str, Mapping[str, Sample]]]
"""Names of nodes, and the last sample of each of their sensors by metric."""


def sensor_samples(configs: Iterable[NodeConfig], store: SampleStore) -> NodeSamples:
    """Return the samples of all nodes by name, without the sensors that no poller has begun to read."""
    found = ((node, samples_of(config, store)) for node, config in sorted(first_by_node(configs).items()))
    return [(node, {metric: sample for metric, sample in held.items() if sample is not None}) for node, held in found]


def sensor_list(nodes: NodeSamples, *, failing: bool, limit: int) -> SensorList:
    """Return the state of the sensors.

    Parameters
    ----------
    failing
        Return only those that are not ok.
    limit
        Most sensors to return; all are counted.
    """
    total = bad = 0
    found: list[SensorDocument] = []
    for node, samples in nodes:
        fails = {metric: sample for metric, sample in samples.items() if sample.state is not SampleState.OK}
        total, bad = total + len(samples), bad + len(fails)
        if len(found) < limit:  # the others are not encoded
            found += [_document(node, entry) for entry in metric_entries(fails if failing else samples, {})]
    return SensorList(total=total, failing=bad, sensors=found[:limit])


def _document(node: str, entry: dict[str, object]) -> SensorDocument:
    known = {name: entry[name] for name in ("state", "reason", "time") if name in entry}
    return SensorDocument.model_validate({"node": node, "metric": entry["name"], **known})
