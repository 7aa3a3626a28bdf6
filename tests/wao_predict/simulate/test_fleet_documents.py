"""Fleets as JSON documents."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fakes.fleets import small_fleet
from wao_predict import UsageError
from wao_predict.simulate.fleet_documents import PresentPods, cluster_of_document, document_of, fleet_of_document

NODE = {"name": "a", "capacityCores": 8.0, "usageCores": 4.0, "floorCores": 1.0, "watts": [100.0, 200.0]}


def test_a_fleet_survives_the_way_as_json_with_the_load_that_stays() -> None:
    fleet = small_fleet(3, 4)
    floors: list[float | None] = [0.5, None, 0.0, 0.25]
    read = fleet_of_document(json.loads(json.dumps(document_of(fleet, floors))))
    assert read.names == fleet.names
    assert read.usage_cores.tolist() == [0.5, fleet.usage_cores[1], 0.0, 0.25]
    np.testing.assert_array_equal(read.curves.watts, fleet.curves.watts)
    np.testing.assert_array_equal(read.capacity_cores, fleet.capacity_cores)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"knots": [0, 100], "nodes": []},
        {"knots": [0, 50, 100], "nodes": [NODE]},
        {"knots": [0, 100], "nodes": [NODE | {"capacityCores": "many"}]},
        {"knots": [0, 100], "nodes": [{"name": "a"}]},
        {"knots": [0, 100], "nodes": [NODE | {"watts": [None, 1.0]}]},
        {"knots": [0, 100], "nodes": [NODE | {"capacityCores": 10**400}]},
        {"knots": [0, 10**400], "nodes": [NODE]},
        {"knots": [0, 100], "nodes": [NODE | {"usageCores": float("nan"), "floorCores": None}]},
        {"knots": [0, 100], "nodes": [NODE | {"watts": [100.0, float("inf")]}]},
    ],
)
def test_a_document_of_another_kind_is_refused(document: Any) -> None:
    with pytest.raises(UsageError):
        fleet_of_document(document)


PODS = {"node": [0], "cpuRequest": [4.0], "cpuUse": [3.0], "age": [60.0], "movable": [True]}


def test_pods_survive_the_way_as_json_and_the_rest_of_the_use_is_base_load() -> None:
    fleet = replace(small_fleet(3, 4), groups=("a", "a", "", "b"))
    pods = PresentPods(
        node=np.array([1, 1, 3]),
        request=np.array([1.0, 2.0, 0.5]),
        use=fleet.usage_cores[[1, 1, 3]] / np.array([2.0, 4.0, 1.0]),
        age=np.array([10.0, 7200.0, 90.0]),
        movable=np.array([True, False, True]),
    )
    document = json.loads(json.dumps(document_of(fleet, [0.0] * 4, pods)))
    found, present = cluster_of_document(document)
    assert found.groups == fleet.groups
    expected = fleet.usage_cores * np.array([1.0, 0.25, 1.0, 0.0])
    assert found.usage_cores.tolist() == pytest.approx(expected.tolist())
    trace = present.trace()
    assert trace.duration.tolist() == [60.0, 7200.0, 90.0]
    assert trace.node is not None
    assert trace.node.tolist() == [1, 1, 3]
    assert trace.movable.tolist() == [True, False, True]
    assert present.trace(remaining=600.0).duration.tolist() == [600.0] * 3


@pytest.mark.parametrize(
    "pods",
    [
        None,
        {},
        PODS | {"node": [1]},
        PODS | {"node": [-1]},
        PODS | {"node": [[0]]},
        PODS | {"cpuUse": [3.0, 1.0]},
        PODS | {"cpuRequest": [0.0]},
        PODS | {"age": ["old"]},
        PODS | {"cpuUse": [float("nan")]},
    ],
)
def test_a_document_whose_pods_cannot_be_used_is_refused(pods: Any) -> None:
    with pytest.raises(UsageError):
        cluster_of_document({"knots": [0, 100], "nodes": [NODE], "pods": pods})
