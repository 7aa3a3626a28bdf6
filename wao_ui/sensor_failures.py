"""Failing sensors, as the statuses of NodeConfigs or, without a cluster, the metrics API report them."""

from __future__ import annotations

import msgspec

from wao_core.cluster.names import API_VERSION
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import api_path
from wao_metrics_api.sensor_documents import MOST_SENSORS, SensorList
from wao_predict.timestamps import parse_rfc3339
from wao_ui.feeds import Api

PAGE = 500  # NodeConfigs of one request


class SensorFailure(msgspec.Struct, frozen=True):
    """A sensor without a fresh value: of which node and metric, why, and when its last value was sampled."""

    node: str
    metric: str
    reason: str
    last: float | None = None


class _Entry(msgspec.Struct):
    name: str = ""
    state: str = ""
    reason: str = ""
    time: str | None = None


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class _Status(msgspec.Struct):
    metrics: list[_Entry] | None = None


class ReportedConfig(msgspec.Struct):
    """The parts of a NodeConfig that report sensors."""

    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status | None = None


class _Metadata(msgspec.Struct):
    more: str = msgspec.field(name="continue", default="")


class _Configs(msgspec.Struct):
    items: list[ReportedConfig] | None = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


async def failing_sensors(client: KubeClient) -> tuple[SensorFailure, ...]:
    """Return the failing sensors of all NodeConfigs, read page by page."""
    found: list[SensorFailure] = []
    more = ""
    while True:
        query = [("limit", str(PAGE)), *([("continue", more)] if more else [])]
        page = msgspec.json.decode(await client.get(api_path(API_VERSION, "nodeconfigs"), query=query), type=_Configs)
        found += [failure for config in page.items or () for failure in failures_of(config)]
        more = page.metadata.more
        if not more:
            return tuple(found)


async def listed_sensors(api: Api) -> tuple[SensorFailure, ...]:
    """Return the failing sensors that the metrics API lists."""
    body = await api.get(f"/v1/sensors?failing=true&limit={MOST_SENSORS}")
    return tuple(
        SensorFailure(sensor.node, sensor.metric, sensor.reason or sensor.state.value, sensor.time)
        for sensor in SensorList.model_validate_json(body).sensors
    )


def failures_of(config: ReportedConfig) -> list[SensorFailure]:
    """Return the failing sensors in the status of one NodeConfig."""
    entries = (config.status.metrics if config.status is not None else None) or []
    return [
        SensorFailure(config.spec.node_name, entry.name, entry.reason or entry.state, parse_rfc3339(entry.time))
        for entry in entries
        if entry.state and entry.state != "ok"
    ]
