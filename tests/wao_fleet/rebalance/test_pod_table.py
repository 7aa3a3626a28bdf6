"""The table of Pods as a reflector fills it."""

from __future__ import annotations

import json
from typing import Any

from tests.waiting import until
from tests.wao_core.kube.scripted import ScriptedServer, bookmark, send, serving
from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import OwnerRef
from wao_fleet.drain.pods import FleetPod
from wao_fleet.rebalance.pod_table import PodTable, follow_pods


def raw(name: str, version: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n", "uid": name, "resourceVersion": str(version)}
    return json.loads(json.dumps({"metadata": metadata, "spec": spec}))  # type: ignore[no-any-return]


def pod(name: str, **fields: Any) -> FleetPod:
    return FleetPod(
        **{"name": name, "namespace": "n", "uid": name, "owner": OwnerRef("ReplicaSet", "w", "w"), **fields}
    )


async def test_it_follows_the_pods_of_the_cluster() -> None:
    events = [send("ADDED", raw("b", 101)), send("DELETED", raw("a", 102)), bookmark(103)]
    script = ScriptedServer(items=[raw("a", 99, nodeName="x")], watches=[events])
    table = PodTable()
    async with serving(script) as client, BackgroundTasks() as tasks:
        tasks.supervise("pods", follow_pods(client, table).run)
        await until(lambda: set(table.pods) == {"n/b"})


def test_unreadable_pods_keep_their_last_state() -> None:
    table = PodTable()
    table.replace([pod("a"), pod("b")], set())
    table.replace([pod("c")], {"n/a"})
    assert set(table.pods) == {"n/a", "n/c"}


def test_another_pod_of_the_same_name_is_not_the_pod() -> None:
    table = PodTable()
    table.put("n/a", pod("a"))
    assert table.current(pod("a")) == pod("a")
    assert table.current(pod("a", uid="before")) is None
    table.remove("n/a")
    assert table.current(pod("a")) is None


def test_pods_of_a_workload_without_a_node_are_found() -> None:
    table = PodTable()
    for each in (pod("a"), pod("b", node_name="x"), pod("c", phase="Failed"), pod("d", owner=None)):
        table.put(each.key, each)
    assert table.without_node({"w"}) == ["n/a"]


def test_the_pods_of_workloads_are_counted() -> None:
    table = PodTable()
    for each in (pod("a"), pod("b", node_name="x"), pod("c", phase="Failed"), pod("d", terminating=True)):
        table.put(each.key, each)
    assert table.count({"w", "v"}) == {"w": 2, "v": 0}
