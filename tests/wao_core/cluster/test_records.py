"""What records derive from their fields."""

from __future__ import annotations

import pytest

from wao_core.cluster.records import Node, OwnerRef, Pod, Record, Service, Workload, key_of

OWNER = OwnerRef("ReplicaSet", "web")


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (Node(name="a"), "a"),
        (Pod(name="a", namespace="n"), "n/a"),
        (Service(name="a", namespace="n"), "n/a"),
        (Workload(name="a", namespace="n", kind="Deployment"), "Deployment/n/a"),
    ],
)
def test_a_record_has_a_key_in_its_table(record: Record, key: str) -> None:
    assert key == key_of(record)


def test_the_first_address_of_a_type_counts() -> None:
    node = Node(name="a", addresses=(("Hostname", "a"), ("InternalIP", "192.0.2.1"), ("InternalIP", "192.0.2.2")))
    assert "192.0.2.1" == node.address("InternalIP")
    assert node.address("ExternalIP") is None


@pytest.mark.parametrize(
    ("pod", "identity", "owner"),
    [
        (Pod(name="a", namespace="n", uid="u", owner=OwnerRef("ReplicaSet", "web", "o")), "u", "o"),
        (Pod(name="a", namespace="n", owner=OWNER), "n/a", "ReplicaSet/n/web"),
        (Pod(name="a", namespace="m", owner=OWNER), "m/a", "ReplicaSet/m/web"),
        (Pod(name="a", namespace="n"), "n/a", ""),
    ],
)
def test_pods_and_owners_without_a_uid_are_identified_by_name(pod: Pod, identity: str, owner: str) -> None:
    assert (identity, owner) == (pod.identity, pod.owner_identity)


@pytest.mark.parametrize(
    ("phase", "finished"), [("Running", False), ("Pending", False), ("Succeeded", True), ("Failed", True)]
)
def test_a_pod_has_finished_when_its_phase_says_so(phase: str, finished: bool) -> None:
    assert Pod(name="a", namespace="n", phase=phase).finished is finished


@pytest.mark.parametrize(
    ("addresses", "families"),
    [
        (("10.96.0.1",), ("IPv4",)),
        (("fd00::1", "10.96.0.1"), ("IPv6", "IPv4")),
        (("::ffff:10.96.0.1",), ("IPv4",)),
        ((), ()),
    ],
)
def test_the_first_cluster_ip_gives_the_primary_family(addresses: tuple[str, ...], families: tuple[str, ...]) -> None:
    assert families == Service(name="a", namespace="n", cluster_ips=addresses).families
