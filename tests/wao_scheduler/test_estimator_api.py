"""The API of wao-estimator, with the requests and answers of its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.extender import Extender
from tests.fakes.snapshots import snapshot

PATH = "/namespaces/default/estimators/default/values/powerconsumption"


@pytest.fixture
def extender() -> Extender:
    made = Extender()
    made.engine.update(snapshot(["a", "b"], slopes=[2.0, 1.0]))
    return made


async def test_the_increases_are_those_of_what_if(extender: Extender) -> None:
    answer = await extender.post(PATH, {"cpu_milli": 500, "num_workloads": 3})
    what_if = (await extender.post("/v1/what-if", {"cpu": "500m", "count": 3})).json()
    assert answer.status_code == 200
    assert answer.json() == {"cpu_milli": 500, "num_workloads": 3, "watt_increases": what_if["wattIncreases"]}
    assert what_if["wattIncreases"] == pytest.approx([5.0, 10.0, 15.0])


@pytest.mark.parametrize("path", ["/namespaces/x/estimators/y/values/powerconsumption", PATH])
async def test_any_namespace_and_name_are_answered(extender: Extender, path: str) -> None:
    """There are no Estimator resources. The client of the reference sends null for the increases."""
    body = {"cpu_milli": 500, "num_workloads": 1, "watt_increases": None}
    assert (await extender.post(path, body)).json()["watt_increases"] == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("body", "increases"),
    [({"cpu_milli": 0, "num_workloads": 2}, [0.0, 0.0]), ({"cpu_milli": 500, "num_workloads": 0}, [])],
)
async def test_nothing_costs_nothing(extender: Extender, body: dict[str, Any], increases: list[float]) -> None:
    assert (await extender.post(PATH, body)).json()["watt_increases"] == increases


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"cpu_milli": -1, "num_workloads": 1}, "cpu_milli"),
        ({"cpu_milli": "500m", "num_workloads": 1}, "cpu_milli"),
        ({"cpu_milli": 0.5, "num_workloads": 1}, "cpu_milli"),
        ({"cpu_milli": 500}, "num_workloads"),
        ({"cpu_milli": 500, "num_workloads": 10**6}, "num_workloads"),
        ({"cpu_milli": 500, "num_workloads": 1000}, "fit"),
        ([], "body"),
        (b"nonsense", "JSON"),
    ],
)
async def test_a_bad_request_has_the_code_of_the_reference(extender: Extender, body: Any, words: str) -> None:
    answer = await extender.post(PATH, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "ErrEstimatorInvalidRequest"
    assert words in answer.json()["message"]


async def test_without_nodes_the_code_is_that_of_the_reference() -> None:
    answer = await Extender().post(PATH, {"cpu_milli": 500, "num_workloads": 1})
    assert (answer.status_code, answer.json()["code"]) == (500, "ErrEstimatorNoNodesAvailable")


async def test_a_body_is_bounded(extender: Extender) -> None:
    answer = await extender.post(PATH, json.dumps({"watt_increases": [0] * 100_000}).encode())
    assert answer.status_code == 413
