"""The extender over HTTP, as kube-scheduler and a person use it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.extender import Extender, args
from tests.fakes.rooms import ROOM, rooms
from tests.fakes.snapshots import snapshot
from tests.waiting import MANY_TURNS, turns_during
from wao_core.cluster.records import Kind, OwnerRef, Pod
from wao_predict.simulate.fleet_documents import cluster_of_document, fleet_of_document


async def test_the_measured_nodes_are_a_fleet_for_simulations(extender: Extender) -> None:
    document = (await extender.client.get("/v1/fleet")).json()
    fleet = fleet_of_document(document)
    assert set(fleet.names) == {node["name"] for node in document["nodes"]}
    assert (fleet.watts() > 0).all()


async def test_the_pods_on_measured_nodes_are_part_of_the_fleet_if_asked_for() -> None:
    extender = Extender(rooms(a="warm", b="cold"))
    owner = OwnerRef("ReplicaSet", "r", "uid-r")
    given: dict[str, dict[str, Any]] = {
        "moves": {"owner": owner, "cpu_request": 2.0},
        "bare": {"cpu_request": 1.0},
        "agent": {"owner": OwnerRef("DaemonSet", "d"), "cpu_request": 1.0},
        "ended": {"owner": owner, "cpu_request": 1.0, "phase": "Succeeded"},
    }
    for name, fields in given.items():
        extender.source.state.put(Kind.POD, Pod(name=name, namespace="d", node_name="b", **fields))
    extender.engine.update(snapshot(["a", "b"], slopes=[2.0, 1.0], usage=[0.5, 2.0]))
    assert (await extender.client.get("/v1/fleet")).json()["pods"] is None
    asked = {"pods": "true", "groupLabel": ROOM}
    document = (await extender.client.get("/v1/fleet", params=asked)).json()
    assert [node["group"] for node in document["nodes"]] == ["warm", "cold"]
    pods = document["pods"]
    assert (pods["node"], pods["cpuRequest"], pods["movable"]) == ([1, 1], [2.0, 1.0], [True, False])
    assert pods["cpuUse"] == pytest.approx([1.0, 0.5])
    assert cluster_of_document(document)[0].usage_cores.tolist() == pytest.approx([0.5, 0.5])


async def test_a_decision_can_be_explained(extender: Extender) -> None:
    await extender.post("/prioritize", args("a", "b"))
    document = (await extender.client.get("/v1/decisions", params={"pod": "default/p"})).json()
    assert document["chosen"] == "b"
    best = document["nodes"][0]
    assert (best["node"], best["score"], best["wattsBefore"], best["wattsAfter"]) == ("b", 10, 100.0, 110.0)
    assert best["usageAge"] is not None
    assert (await extender.client.get("/v1/decisions")).json()["decisions"][0]["pod"] == "default/p"


async def test_kube_scheduler_is_answered_while_a_large_document_is_made(extender: Extender) -> None:
    names = [f"n{number}" for number in range(3000)]
    extender.engine.update(snapshot(names))
    await extender.post("/prioritize", args(*names))
    assert await turns_during(extender.client.get("/v1/decisions?pod=default/p&limit=10000")) > MANY_TURNS


async def test_an_unknown_pod_is_reported(extender: Extender) -> None:
    answer = await extender.client.get("/v1/decisions", params={"pod": "default/none"})
    assert answer.status_code == 404
    assert "no decision on pod" in answer.json()["error"]


async def test_what_if_answers_the_least_increase(extender: Extender) -> None:
    answer = await extender.post("/v1/what-if", {"cpu": "500m", "count": 3})
    document = answer.json()
    assert document["totalIncrease"] == pytest.approx(15.0)
    assert document["perNode"] == {"b": 3}
    assert document["method"] == "exact"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cpu": "lots"}, 422),
        ({"cpu": "1", "count": 0}, 422),
        ({"cpu": "1", "count": 1000}, 422),
        ({"cpu": "1", "nodes": ["ghost"]}, 422),
        ({"cpu": "1", "colour": "red"}, 422),
    ],
)
async def test_a_bad_question_is_refused(extender: Extender, body: Any, status: int) -> None:
    assert (await extender.post("/v1/what-if", body)).status_code == status
