"""PodSpread: where the annotation may stand, what it counts, and that it never leaves a pod without a node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.records import Kind, Node, OwnerRef, Pod, Workload
from wao_core.state import ClusterState
from wao_scheduler import podspread
from wao_scheduler.podspread import ANNOTATION, BadRate, SpreadRate


def pod(name: str = "p", *, node: str | None = None, annotations: dict[str, str] | None = None, **more: object) -> Pod:
    fields: dict[str, object] = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "node_name": node,
        "annotations": annotations or {},
        "owner": OwnerRef("ReplicaSet", "web-1", "rs-uid"),
    }
    return Pod(**(fields | more))  # type: ignore[arg-type]


def state(*, replicas: int = 5, on: str = "Deployment", rate: str = "0.6") -> ClusterState:
    result = ClusterState()
    annotated = {ANNOTATION: rate}
    result.put(
        Kind.WORKLOAD,
        Workload(
            kind="Deployment",
            namespace="default",
            name="web",
            uid="d-uid",
            replicas=replicas,
            annotations=annotated if on == "Deployment" else {},
        ),
    )
    result.put(
        Kind.WORKLOAD,
        Workload(
            kind="ReplicaSet",
            namespace="default",
            name="web-1",
            uid="rs-uid",
            replicas=1,
            owner=OwnerRef("Deployment", "web", "d-uid"),
            annotations=annotated if on == "ReplicaSet" else {},
        ),
    )
    return result


@pytest.mark.parametrize("on", ["Deployment", "ReplicaSet"])
def test_the_annotation_may_stand_on_the_workload_alone(on: str) -> None:
    found = podspread.spread_rate(pod(), state(on=on))
    assert isinstance(found, SpreadRate)
    assert found.rate == 0.6
    assert found.source.startswith(on)


def test_the_pods_own_annotation_wins() -> None:
    found = podspread.spread_rate(pod(annotations={ANNOTATION: "1"}), state())
    assert found == SpreadRate(1.0, "Pod default/p")


@pytest.mark.parametrize("text", ["1.5", "-0.1", "half", "", "nan", "60%"])
def test_a_bad_rate_is_refused_with_the_remedy(text: str) -> None:
    found = podspread.spread_rate(pod(), state(rate=text))
    assert isinstance(found, BadRate)
    assert "write a number from 0 to 1" in found.reason


def test_a_pod_without_owner_is_not_spread() -> None:
    assert podspread.spread_rate(pod(owner=None), state()) is None


@pytest.mark.parametrize(
    ("replicas", "rate", "expected"),
    [(3, 0.6, 2), (100, 0.29, 29), (5, 0.0, 0), (5, 1.0, 5), (1, 0.1, 1), (10, 0.1, 1)],
)
def test_redundancy_is_the_ceiling(replicas: int, rate: float, expected: int) -> None:
    assert expected == podspread.redundancy(replicas, rate)


def test_the_deployments_live_replicas_count_not_the_new_replicasets() -> None:
    cluster = state(replicas=40)
    assert podspread.wanted_replicas(cluster.workloads["ReplicaSet/default/web-1"], cluster) == 40


def nodes(*names: str, zones: dict[str, str] | None = None, regions: dict[str, str] | None = None) -> dict[str, Node]:
    result = {}
    for name in names:
        labels = {}
        if zones and name in zones:
            labels[podspread.ZONE] = zones[name]
        if regions and name in regions:
            labels[podspread.REGION] = regions[name]
        result[name] = Node(name=name, labels=labels)
    return result


def test_only_the_emptiest_of_the_nodes_sent_pass() -> None:
    decision = podspread.spread(["a", "b", "c"], {"a": 1, "b": 0}, nodes("a", "b", "c"), wanted=3)
    assert decision is not None
    assert decision.keep == ("b", "c")
    assert decision.failed["a"] == "PodSpread: node a has 1 of these pods, others 0"


def test_zones_are_used_when_there_are_two() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z1", "c": "z2"})
    decision = podspread.spread(["a", "b", "c"], {"a": 1}, cluster, wanted=3)
    assert decision is not None
    assert decision.keep == ("c",)


def test_regions_come_before_zones() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z2", "c": "z3"}, regions={"a": "r1", "b": "r1", "c": "r2"})
    decision = podspread.spread(["a", "b", "c"], {"a": 1}, cluster, wanted=3)
    assert decision is not None
    assert decision.keep == ("c",)


def test_a_domain_that_the_scheduler_left_out_does_not_count() -> None:
    """The cordoned node has the fewest pods; the reference leaves the pod pending for good."""
    assert podspread.spread(["a", "b"], {"a": 1, "b": 1}, nodes("a", "b", "c"), wanted=3) is None


def test_nothing_is_restricted_once_enough_are_placed() -> None:
    assert podspread.spread(["a", "b"], {"a": 2}, nodes("a", "b"), wanted=2) is None


def test_a_node_without_the_zone_label_is_a_domain_of_its_own() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z2"})
    decision = podspread.spread(["a", "b", "c"], {"a": 1, "b": 1}, cluster, wanted=5)
    assert decision is not None
    assert decision.keep == ("c",)


names = st.sampled_from(["a", "b", "c", "d", "e"])


@given(
    st.lists(names, min_size=1, max_size=5, unique=True),
    st.dictionaries(names, st.integers(0, 4)),
    st.dictionaries(names, st.sampled_from(["z1", "z2", "z3"])),
    st.integers(0, 10),
)
def test_the_list_is_never_emptied(sent: list[str], placed: dict[str, int], zones: dict[str, str], wanted: int) -> None:
    decision = podspread.spread(sent, placed, nodes("a", "b", "c", "d", "e", zones=zones), wanted=wanted)
    if decision is not None:
        assert decision.keep
        assert set(decision.keep) | set(decision.failed) == set(sent)
        assert not set(decision.keep) & set(decision.failed)
