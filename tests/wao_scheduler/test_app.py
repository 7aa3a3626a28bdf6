"""The extender over HTTP, as kube-scheduler and a person use it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.extender import Extender, args
from wao_predict.simulate.fleet_documents import fleet_of_document


async def test_the_measured_nodes_are_a_fleet_for_simulations(extender: Extender) -> None:
    document = (await extender.client.get("/v1/fleet")).json()
    fleet = fleet_of_document(document)
    assert set(fleet.names) == {node["name"] for node in document["nodes"]}
    assert (fleet.watts() > 0).all()


async def test_a_decision_can_be_explained(extender: Extender) -> None:
    await extender.post("/prioritize", args("a", "b"))
    document = (await extender.client.get("/v1/decisions", params={"pod": "default/p"})).json()
    assert document["chosen"] == "b"
    best = document["nodes"][0]
    assert (best["node"], best["score"], best["wattsBefore"], best["wattsAfter"]) == ("b", 10, 100.0, 110.0)
    assert best["usageAge"] is not None
    assert (await extender.client.get("/v1/decisions")).json()["decisions"][0]["pod"] == "default/p"


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
