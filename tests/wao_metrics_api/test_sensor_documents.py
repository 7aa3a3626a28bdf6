"""The list of sensors: whose samples it has, which it counts, and what it leaves out."""

from __future__ import annotations

import pytest

from tests.wao_metrics_api.conftest import node_config
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_metrics_api.sensor_documents import SensorList, sensor_list, sensor_samples


def named(found: SensorList) -> list[str]:
    return [f"{sensor.node} {sensor.metric}" for sensor in found.sensors]


@pytest.mark.parametrize(
    ("failing", "limit", "names"),
    [
        (False, 9, ["n1 delta_p", "n1 inlet_temp", "n2 inlet_temp", "n3 inlet_temp"]),
        (False, 1, ["n1 delta_p"]),
        (True, 9, ["n3 inlet_temp"]),
    ],
)
def test_all_sensors_are_counted_whatever_is_listed(
    state: ClusterState, store: SampleStore, failing: bool, limit: int, names: list[str]
) -> None:
    found = sensor_list(sensor_samples(state.node_configs.values(), store), failing=failing, limit=limit)
    assert (found.total, found.failing, named(found)) == (4, 1, names)


def test_a_sensor_that_failed_later_has_the_time_of_its_last_value(store: SampleStore, now: float) -> None:
    store.fail("n1", "inlet_temp", "no\x1b route", ttl=60)
    (sensor,) = sensor_list(sensor_samples([node_config("n1", "inlet_temp")], store), failing=True, limit=9).sensors
    assert (sensor.state, sensor.time) == ("failed", now - 10)
    assert sensor.reason.isprintable()


def test_the_sensors_of_a_node_are_those_of_the_node_config_that_counts(store: SampleStore) -> None:
    configs = [node_config("n1", "delta_p", name="b", created=2.0), node_config("n1", "inlet_temp", created=1.0)]
    assert named(sensor_list(sensor_samples(configs, store), failing=False, limit=9)) == ["n1 inlet_temp"]


def test_values_that_no_sensor_measures_and_sensors_without_a_poller_are_left_out(store: SampleStore) -> None:
    store.put("n1", "predicted_watts", Sample(200.0, 0.0))
    configs = [node_config("n1", "inlet_temp", "power_watts")]
    assert named(sensor_list(sensor_samples(configs, store), failing=False, limit=9)) == ["n1 inlet_temp"]
