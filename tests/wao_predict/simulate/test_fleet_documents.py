"""Fleets as JSON documents."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.fakes.fleets import small_fleet
from wao_predict import UsageError
from wao_predict.simulate.fleet_documents import document_of, fleet_of_document

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
    ],
)
def test_a_document_of_another_kind_is_refused(document: Any) -> None:
    with pytest.raises(UsageError):
        fleet_of_document(document)
