"""The nodes of a cluster with their models and conditions, from the documents of its extender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wao_predict.cooling.cluster_documents import columns_of_documents
from wao_predict.errors import UsageError

FEATURES = ["cpu_usage", "inlet_temp", "delta_p"]
MODELS = {
    "Onnx edge_lenovo": FEATURES,
    "Onnx own.onnx": FEATURES,
    "PowerCurve": ["cpu_usage"],
    "Redfish https://b": FEATURES,
}


def documents(**nodes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both documents for nodes of which fields differ from the defaults."""
    measured = {"group": "a", "capacityCores": 8.0, "usageCores": 4.0, "floorCores": 1.0, "watts": [100.0, 200.0]}
    described = {"model": "Onnx edge_lenovo", "inletTemp": 25.0, "deltaP": 3.0}
    return (
        {"knots": [0.0, 100.0], "nodes": [{"name": name, **measured} for name in nodes]},
        {
            "models": [{"label": label, "features": features} for label, features in MODELS.items()],
            "nodes": [{"name": name, **described, **given} for name, given in nodes.items()],
        },
    )


def test_nodes_have_their_present_load_and_conditions() -> None:
    columns, notes = columns_of_documents(*documents(a={}, b={"inletTemp": 31.0}))
    assert (columns.names, columns.groups, columns.models) == (("a", "b"), ("a", "a"), ("edge_lenovo",) * 2)
    assert (columns.usage_cores.tolist(), columns.inlet_temp.tolist()) == ([4.0, 4.0], [25.0, 31.0])
    assert notes == ()


def test_a_model_file_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    columns, _ = columns_of_documents(*documents(a={"model": "Onnx own.onnx"}), model_folder=tmp_path)
    assert columns.models == (str(tmp_path / "own.onnx"),)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inletTemp": None}, "inlet_temp is not measured: the power of a does not change"),
        ({"model": "Redfish https://b"}, "'Redfish https://b' cannot be opened from here"),
        ({"model": "Onnx gone"}, "'Onnx gone' is not open in the cluster"),
        ({"model": ""}, "it has no model"),
    ],
)
def test_a_node_that_cannot_follow_its_conditions_keeps_its_present_curve(given: dict[str, Any], words: str) -> None:
    columns, notes = columns_of_documents(*documents(a=given))
    assert columns.at(10.0, 2.0).fleet().watts().tolist() == [150.0]
    assert len(notes) == 1
    assert words in notes[0]


def test_a_model_of_load_only_needs_no_conditions() -> None:
    columns, notes = columns_of_documents(*documents(a={"model": "PowerCurve", "inletTemp": None, "deltaP": None}))
    assert columns.fleet().watts().tolist() == [150.0]
    assert np.isnan(columns.inlet_temp).all()
    assert notes == ()


def test_many_nodes_are_named_shortly() -> None:
    _, notes = columns_of_documents(*documents(**{f"n{row}": {"deltaP": None} for row in range(7)}))
    assert notes == (
        "delta_p is not measured: the power of n0, n1, n2, n3, n4 and 2 more does not change with the set points",
    )


def test_a_node_that_joined_between_the_requests_is_not_lost() -> None:
    fleet, nodes = documents(a={}, b={})
    nodes["nodes"].pop()
    columns, notes = columns_of_documents(fleet, nodes)
    assert columns.names == ("a", "b")
    assert "it is not in GET /v1/nodes: the power of b" in notes[0]


@pytest.mark.parametrize("nodes", [None, [], {}, {"nodes": [{"name": "a"}], "models": []}])
def test_another_document_is_refused(nodes: object) -> None:
    with pytest.raises(UsageError, match="no answer of GET /v1/nodes"):
        columns_of_documents(documents(a={})[0], nodes)
