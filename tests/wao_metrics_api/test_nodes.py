"""Metric values of nodes: which are served, which are missing with a reason, and what is encoded again."""

from __future__ import annotations

import json

import pytest

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.status import StatusError
from wao_metrics_api.names import GROUP_VERSIONS, GroupVersion
from wao_metrics_api.nodes import NodeMetrics, labels_of, not_found
from wao_metrics_api.selectors import Selector, parse_selector

REDFISH, OTHER = parse_selector("source=Redfish"), parse_selector("source=Other")
ALL = Selector()
API = GROUP_VERSIONS[0]


@pytest.fixture
def nodes(state: ClusterState, store: SampleStore, now: float) -> NodeMetrics:
    return NodeMetrics(state, store, clock=lambda: now)


def served(body: bytes) -> list[str]:
    return [item["describedObject"]["name"] for item in json.loads(body)["items"]]


@pytest.mark.parametrize("api", GROUP_VERSIONS)
def test_a_fresh_value_is_served_alone_and_in_the_list(nodes: NodeMetrics, api: GroupVersion) -> None:
    for body in (nodes.one(api, "n1", "inlet_temp"), nodes.many(api, "inlet_temp")):
        assert served(body) == ["n1"]
        assert json.loads(body)["apiVersion"] == str(api)


@pytest.mark.parametrize(
    ("node", "metric", "message"),
    [
        ("n2", "inlet_temp", "metric inlet_temp for nodes n2 is expired"),
        ("n3", "inlet_temp", "the server could not find the metric inlet_temp for nodes n3: no answer in 8 s"),
        ("n2", "delta_p", "the server could not find the metric delta_p for nodes n2"),
        ("n9", "inlet_temp", "the server could not find the metric inlet_temp for nodes n9"),
    ],
)
def test_a_missing_value_is_not_found_with_its_reason(nodes: NodeMetrics, node: str, metric: str, message: str) -> None:
    with pytest.raises(StatusError) as raised:
        nodes.one(API, node, metric)
    assert (raised.value.code, raised.value.message) == (404, message)


def test_a_sample_of_a_node_that_does_not_exist_is_not_served(
    nodes: NodeMetrics, store: SampleStore, now: float
) -> None:
    store.put("ghost", "inlet_temp", Sample(20.0, now))
    assert "ghost" not in served(nodes.many(API, "inlet_temp"))
    with pytest.raises(StatusError):
        nodes.one(API, "ghost", "inlet_temp")


@pytest.mark.parametrize(
    ("labels", "selector", "names"),
    [
        (ALL, ALL, ["n1", "n3"]),
        (parse_selector("zone=a"), ALL, ["n1", "n3"]),
        (parse_selector("zone=b"), ALL, []),
        (ALL, REDFISH, ["n1"]),
        (ALL, OTHER, ["n3"]),
        (parse_selector("zone=a"), OTHER, ["n3"]),
    ],
)
def test_lists_are_selected_by_labels_of_nodes_and_of_values(
    nodes: NodeMetrics, store: SampleStore, now: float, labels: Selector, selector: Selector, names: list[str]
) -> None:
    store.put("n3", "inlet_temp", Sample(20.0, now, source="Other"))
    assert served(nodes.many(API, "inlet_temp", labels=labels, selector=selector)) == names


def test_a_selector_that_does_not_match_one_node_is_not_found(nodes: NodeMetrics) -> None:
    with pytest.raises(StatusError, match="with selector source=Other"):
        nodes.one(API, "n1", "inlet_temp", selector=OTHER)


def test_a_standard_metric_without_values_is_an_empty_list_and_an_unknown_one_is_not_found(
    state: ClusterState,
) -> None:
    nodes = NodeMetrics(state, SampleStore())
    assert served(nodes.many(API, "delta_p")) == []
    with pytest.raises(StatusError, match="could not find the metric unknown"):
        nodes.many(API, "unknown")


def test_a_new_sample_replaces_the_encoded_one(nodes: NodeMetrics, store: SampleStore, now: float) -> None:
    first = nodes.one(API, "n1", "inlet_temp")
    assert nodes.one(API, "n1", "inlet_temp") == first
    store.put("n1", "inlet_temp", Sample(30.25, now, source="Redfish"))
    for body in (nodes.one(API, "n1", "inlet_temp"), nodes.many(API, "inlet_temp")):
        assert json.loads(body)["items"][0]["value"] == "30250m"


def test_a_value_that_expires_leaves_the_list(state: ClusterState, store: SampleStore, now: float) -> None:
    times = [now]
    nodes = NodeMetrics(state, store, clock=lambda: times[0])
    assert served(nodes.many(API, "inlet_temp")) == ["n1"]
    times[0] = now + 51.0  # it was 10 s old, and lives 60 s
    assert served(nodes.many(API, "inlet_temp")) == []


def test_values_that_no_quantity_can_express_are_counted_once(
    nodes: NodeMetrics, store: SampleStore, now: float
) -> None:
    store.put("n1", "inlet_temp", Sample(1e16, now))
    for _ in range(2):
        assert served(nodes.many(API, "inlet_temp")) == []
    assert nodes.unrepresentable == 1


def test_a_deleted_node_is_gone_and_may_come_back(nodes: NodeMetrics, state: ClusterState) -> None:
    assert served(nodes.many(API, "inlet_temp")) == ["n1"]
    node = state.nodes["n1"]
    state.remove(Kind.NODE, "n1")
    nodes.forget("n1")
    assert served(nodes.many(API, "inlet_temp")) == []
    state.put(Kind.NODE, node)
    assert served(nodes.many(API, "inlet_temp")) == ["n1"]


def test_discovery_lists_standard_metrics_and_those_that_have_samples(
    nodes: NodeMetrics, store: SampleStore, now: float
) -> None:
    store.put("n1", "power_watts", Sample(200.0, now))
    assert nodes.names() == ["delta_p", "inlet_temp", "power_watts"]


@pytest.mark.parametrize(("source", "labels"), [("Redfish", {"source": "Redfish"}), ("", {})])
def test_the_label_of_a_value_is_its_source(source: str, labels: dict[str, str]) -> None:
    assert labels_of(Sample(1.0, 0.0, source=source)) == labels


@pytest.mark.parametrize(
    ("name", "selector", "reason", "message"),
    [
        ("", "", "", "the server could not find the metric m for pods"),
        ("p", "", "", "the server could not find the metric m for pods p"),
        ("p", "a=b", "why", "the server could not find the metric m for pods p with selector a=b: why"),
    ],
)
def test_what_was_not_found_is_in_the_message(name: str, selector: str, reason: str, message: str) -> None:
    assert not_found("m", "pods", name, selector, reason=reason).message == message
