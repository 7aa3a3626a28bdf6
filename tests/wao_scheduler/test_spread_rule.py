"""PodSpread: where the annotation may stand, what it counts, and that it never leaves a pod without a node."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.names import ZONE
from wao_core.cluster.records import Kind, Node, OwnerRef, Pod, Workload
from wao_core.cluster.state import ClusterState
from wao_scheduler import spread_rule
from wao_scheduler.spread_rule import ANNOTATION, BadRate, SpreadRate


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


def rate_of(asked: Pod, cluster: ClusterState) -> SpreadRate | BadRate | None:
    return spread_rule.spread_rate(asked, spread_rule.controllers(asked, cluster))


@pytest.mark.parametrize("on", ["Deployment", "ReplicaSet"])
def test_the_annotation_may_be_on_the_workload_alone(on: str) -> None:
    found = rate_of(pod(), state(on=on))
    assert isinstance(found, SpreadRate)
    assert found.rate == 0.6
    assert found.source.startswith(on)


def test_the_pods_own_annotation_wins() -> None:
    found = rate_of(pod(annotations={ANNOTATION: "1"}), state())
    assert found == SpreadRate(1.0, "Pod default/p")


@pytest.mark.parametrize("text", ["1.5", "-0.1", "half", "", "nan", "60%"])
def test_a_bad_rate_is_refused_with_the_remedy(text: str) -> None:
    found = rate_of(pod(), state(rate=text))
    assert isinstance(found, BadRate)
    assert "write a number from 0 to 1" in found.reason


def test_a_pod_without_owner_is_not_spread() -> None:
    assert rate_of(pod(owner=None), state()) is None


def with_copy(cluster: ClusterState, rate: str) -> ClusterState:
    """Give the ReplicaSet what its controller once copied from the Deployment."""
    known = cluster.workloads["ReplicaSet/default/web-1"]
    cluster.put(Kind.WORKLOAD, msgspec.structs.replace(known, annotations={ANNOTATION: rate}))
    return cluster


def test_the_deployment_comes_before_the_copy_on_its_replicaset() -> None:
    assert rate_of(pod(), with_copy(state(rate="0.4"), "0.9")) == SpreadRate(0.4, "Deployment default/web")


def test_a_bad_rate_is_reported_for_the_deployment_that_a_person_wrote() -> None:
    found = rate_of(pod(), with_copy(state(rate="often"), "often"))
    assert isinstance(found, BadRate)
    assert found.source == "Deployment default/web"


def test_a_replicaset_that_is_not_known_yet_does_not_hide_its_deployment() -> None:
    cluster, new = state(), OwnerRef("ReplicaSet", "web-7c9", "new-uid")
    asked = pod(owner=new, labels={"pod-template-hash": "7c9"})
    assert rate_of(asked, cluster) == SpreadRate(0.6, "Deployment default/web")
    assert spread_rule.wanted_replicas(spread_rule.controllers(asked, cluster)) == 5
    assert rate_of(pod(owner=new), cluster) is None  # a ReplicaSet without a Deployment


def test_a_replicaset_of_the_same_name_that_was_there_before_is_another_one() -> None:
    cluster = state(on="ReplicaSet")
    assert spread_rule.controllers(pod(owner=OwnerRef("ReplicaSet", "web-1", "later")), cluster).owner is None


def test_while_the_number_of_replicas_is_not_known_a_pod_that_asks_is_spread() -> None:
    assert spread_rule.redundancy(None, 0.1) == math.inf
    assert spread_rule.redundancy(None, 0.0) == 0


@pytest.mark.parametrize(
    ("replicas", "rate", "expected"),
    [(3, 0.6, 2), (100, 0.29, 29), (5, 0.0, 0), (5, 1.0, 5), (1, 0.1, 1), (10, 0.1, 1)],
)
def test_redundancy_is_the_ceiling(replicas: int, rate: float, expected: int) -> None:
    assert expected == spread_rule.redundancy(replicas, rate)


def test_the_deployments_live_replicas_count_not_the_new_replicasets() -> None:
    cluster = state(replicas=40)
    assert spread_rule.wanted_replicas(spread_rule.controllers(pod(), cluster)) == 40


def nodes(*names: str, zones: dict[str, str] | None = None, regions: dict[str, str] | None = None) -> dict[str, Node]:
    result = {}
    for name in names:
        labels = {}
        if zones and name in zones:
            labels[ZONE] = zones[name]
        if regions and name in regions:
            labels[spread_rule.REGION] = regions[name]
        result[name] = Node(name=name, labels=labels)
    return result


def test_only_the_emptiest_of_the_nodes_sent_pass() -> None:
    decision = spread_rule.spread(["a", "b", "c"], {"a": 1, "b": 0}, nodes("a", "b", "c"))
    assert decision is not None
    assert decision.keep == ("b", "c")
    assert decision.failed["a"] == "PodSpread: node a has 1 of these pods, others 0"


def test_zones_are_used_when_there_are_two() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z1", "c": "z2"})
    decision = spread_rule.spread(["a", "b", "c"], {"a": 1}, cluster)
    assert decision is not None
    assert decision.keep == ("c",)


def test_regions_come_before_zones() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z2", "c": "z3"}, regions={"a": "r1", "b": "r1", "c": "r2"})
    decision = spread_rule.spread(["a", "b", "c"], {"a": 1}, cluster)
    assert decision is not None
    assert decision.keep == ("c",)


def test_a_domain_that_the_scheduler_left_out_does_not_count() -> None:
    """The cordoned node has the fewest pods; the reference leaves the pod pending for good."""
    assert spread_rule.spread(["a", "b"], {"a": 1, "b": 1}, nodes("a", "b", "c")) is None


def test_a_node_without_the_zone_label_is_a_domain_of_its_own() -> None:
    cluster = nodes("a", "b", "c", zones={"a": "z1", "b": "z2"})
    decision = spread_rule.spread(["a", "b", "c"], {"a": 1, "b": 1}, cluster)
    assert decision is not None
    assert decision.keep == ("c",)


names = st.sampled_from(["a", "b", "c", "d", "e"])


@given(
    st.lists(names, min_size=1, max_size=5, unique=True),
    st.dictionaries(names, st.integers(0, 4)),
    st.dictionaries(names, st.sampled_from(["z1", "z2", "z3"])),
)
def test_the_list_is_never_emptied(sent: list[str], placed: dict[str, int], zones: dict[str, str]) -> None:
    decision = spread_rule.spread(sent, placed, nodes("a", "b", "c", "d", "e", zones=zones))
    if decision is not None:
        assert decision.keep
        assert set(decision.keep) | set(decision.failed) == set(sent)
        assert not set(decision.keep) & set(decision.failed)
