"""Which nodes of a cluster are recorded, with which columns."""

import pytest

from wao_core.cluster.records import NodeConfig, SensorTerm
from wao_core.recording.nodes import nodes_to_record
from wao_predict.endpoint import Endpoint
from wao_predict.errors import UsageError


def config(node: str, *metrics: str, created: float = 0.0) -> NodeConfig:
    terms = {metric: SensorTerm(Endpoint("Fake", "")) for metric in metrics}
    return NodeConfig(name=f"{node}-{created}", namespace="d", node_name=node, metrics=terms, created=created)


def test_nodes_with_a_power_meter_are_recorded_with_what_all_of_them_have() -> None:
    recorded = nodes_to_record(
        [
            config("b", "inlet_temp", "delta_p", "power_watts"),
            config("a", "inlet_temp", "power_watts"),
            config("a", "power_watts", created=1.0),  # the older NodeConfig counts
            config("c", "inlet_temp"),
        ]
    )
    assert recorded.names == ("a", "b")
    assert recorded.columns == ["cpu_usage", "inlet_temp", "watts"]
    assert recorded.notes == (
        "not recorded, without metricsCollector.powerWatts: c",
        "delta_p is not recorded, as some nodes have no sensor (choose nodes: --node): a",
    )


def test_nodes_are_chosen_by_name() -> None:
    configs = [config(f"rack{number}-1", "power_watts") for number in range(3)]
    assert nodes_to_record(configs, ["rack0*", "rack2-?"]).names == ("rack0-1", "rack2-1")


def test_long_lists_of_nodes_are_cut() -> None:
    configs = [config("a", "power_watts"), *(config(f"n{number}") for number in range(9))]
    assert nodes_to_record(configs).notes[0].endswith("n0, n1, n2, n3, n4 and 4 more")


@pytest.mark.parametrize(
    ("configs", "patterns", "message"),
    [
        ([], [], "no node has a NodeConfig"),
        ([config("a", "power_watts")], ["x*"], r"no node matches x\*"),
        ([config("a", "inlet_temp")], [], "none of the 1 nodes has a power meter"),
    ],
)
def test_a_cluster_without_a_node_to_record_is_refused(
    configs: list[NodeConfig], patterns: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        nodes_to_record(configs, patterns)
