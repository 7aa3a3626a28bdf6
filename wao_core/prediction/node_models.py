"""The model of each node, by its NodeConfig."""

from __future__ import annotations

from collections.abc import Iterable

from wao_core.cluster.records import NodeConfig, key_of
from wao_core.crds.node_configs import first_by_node
from wao_core.prediction.model_opener import model_endpoint
from wao_predict.calibration.correction import Correction
from wao_predict.endpoint import Endpoint


class NodeModels:
    """The models of all nodes. If several NodeConfigs name a node, `first_by_node` chooses one."""

    def __init__(self, configs: Iterable[NodeConfig] = ()) -> None:
        self._configs = first_by_node(configs)
        shared: dict[Endpoint, Endpoint] = {}  # equal endpoints become one object, which compares quickly
        endpoints = ((name, model_endpoint(config)) for name, config in self._configs.items())
        self._models = {name: shared.setdefault(item, item) for name, item in endpoints if item is not None}

    def get(self, node: str) -> Endpoint | None:
        """Return the model of a node, or None."""
        return self._models.get(node)

    def correction(self, node: str) -> Correction | None:
        """Return the correction that is in use for the model of a node, or None."""
        config, model = self._configs.get(node), self._models.get(node)
        if config is None or model is None or config.calibration is None:
            return None
        return config.calibration.applied_to(model.label)

    def why_none(self, node: str) -> str:
        """Return why a node has no model."""
        config = self._configs.get(node)
        return "no NodeConfig for this node" if config is None else f"NodeConfig {key_of(config)} names no predictor"
