"""Which model belongs to which node."""

from __future__ import annotations

from wao_core.cluster.records import NodeConfig
from wao_core.prediction.node_models import NodeModels
from wao_predict.endpoint import Endpoint


def config(name: str, node: str, endpoint: str = "", *, created: float = 1.0) -> NodeConfig:
    term = Endpoint("Onnx", endpoint) if endpoint else None
    return NodeConfig(name=name, namespace="w", node_name=node, created=created, power_consumption=term)


def test_the_oldest_node_config_of_a_node_counts() -> None:
    models = NodeModels([config("new", "a", "m"), config("old", "a", "other", created=0.5)])
    model = models.get("a")
    assert model is not None
    assert model.label == "Onnx other"


def test_equal_models_are_one_object_which_compares_quickly() -> None:
    models = NodeModels([config("a", "a", "m"), config("b", "b", "m")])
    assert models.get("a") is models.get("b")


def test_a_node_without_a_model_states_why() -> None:
    models = NodeModels([config("c", "a")])
    assert models.get("a") is None
    assert models.why_none("a") == "NodeConfig w/c names no predictor"
    assert models.why_none("b") == "no NodeConfig for this node"
