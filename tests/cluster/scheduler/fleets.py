"""Groups of kwok nodes with a measured base load, and the same fleets in the library, which knows the optimum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tests.cluster.bed.controlplane import node, pod
from tests.fakes.fleets import CONDITIONS
from wao_predict import curves_of_models
from wao_predict.fleet import Fleet

CORES = 32
IDLE = 0.032
"""Base load of an idle node [cores]: metrics-server leaves out a node that uses nothing."""
LABEL = "bed.wao/group"
NODE_CONFIGS = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system/nodeconfigs"


@dataclass(frozen=True)
class Group:
    """Nodes that only the pods of one test may use.

    Parameters
    ----------
    counts
        Number of nodes by type, one of the included models.
    load
        Least and largest base load [% of capacity], drawn evenly; None for idle nodes.
    endpoints
        URL of the model server by type; without, the included model is used.
    labels
        Further labels by node number.
    """

    name: str
    counts: Mapping[str, int]
    load: tuple[float, float] | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def types(self) -> list[str]:
        """The type of each node."""
        return [kind for kind, count in self.counts.items() for _ in range(count)]

    @cached_property
    def names(self) -> list[str]:
        """The name of each node."""
        return [f"{self.name}-{kind.replace('_', '-')}-{row}" for row, kind in enumerate(self.types)]

    @cached_property
    def base(self) -> np.ndarray:
        """CPU in use on each node before any test's pod [cores], in whole millicores."""
        if self.load is None:
            return np.full(len(self.types), IDLE)
        draw = np.random.default_rng(len(self.types))
        return np.round(CORES * draw.uniform(*self.load, len(self.types)) / 100.0, 3)

    def fleet(self) -> Fleet:
        """Return the nodes as the library sees them, with their base load."""
        temperature, pressure = np.array([CONDITIONS[kind] for kind in self.types]).T
        curves = curves_of_models(self.types, temperature, pressure)
        return Fleet(tuple(self.names), curves, np.full(len(self.types), float(CORES)), self.base)

    def watts(self, placed: Mapping[str, str], cpu: float) -> float:
        """Return the power of all nodes with pods of `cpu` cores placed so [W]."""
        counts = Counter(placed.values())
        fleet = self.fleet()
        used = fleet.usage_cores + cpu * np.array([counts.get(name, 0) for name in self.names])
        return float(fleet.with_usage(used).watts().sum())

    def optimum(self, cpu: float, count: int) -> float:
        """Return the least power that all nodes can have with `count` such pods [W]."""
        fleet = self.fleet()
        return float(fleet.watts().sum() + fleet.what_if(cpu, count).total_increase)

    def nodes(self) -> list[dict[str, Any]]:
        """Return the Node objects."""
        return [
            node(name, cores=CORES, labels={LABEL: self.name, **self.labels.get(row, {})})
            for row, name in enumerate(self.names)
        ]

    def node_configs(self) -> list[dict[str, Any]]:
        """Return the NodeConfig objects: sensors with fixed values, and the type's model."""
        return [self._config(name, kind) for name, kind in zip(self.names, self.types, strict=True)]

    def base_pods(self) -> list[dict[str, Any]]:
        """Return the pods that make the base load."""
        return [
            pod(f"base-{name}", cpu=f"{cores:.3f}", node_name=name, usage=f"{cores:.3f}")
            for name, cores in zip(self.names, self.base, strict=True)
        ]

    def pod(self, name: str, cpu: float, scheduler: str) -> dict[str, Any]:
        """Return a pod that uses what it requests, and may only run on these nodes."""
        body = pod(name, cpu=f"{cpu:g}", usage=f"{cpu:g}", scheduler=scheduler)
        body["spec"]["nodeSelector"] = {LABEL: self.name}
        body["metadata"]["labels"] = {"run": name.rpartition("-")[0]}
        return body

    def _config(self, name: str, kind: str) -> dict[str, Any]:
        temperature, pressure = CONDITIONS[kind]
        sensors = {
            "inletTemp": {"type": "Fake", "endpoint": "", "value": temperature},
            "deltaP": {"type": "Fake", "endpoint": "", "value": pressure},
        }
        url = self.endpoints.get(kind)
        model = {"type": "V2InferenceProtocol", "endpoint": url} if url else {"type": "Onnx", "endpoint": kind}
        return {
            "apiVersion": "node.waok8s.github.io/v1beta1",
            "kind": "NodeConfig",
            "metadata": {"name": name},
            "spec": {"nodeName": name, "metricsCollector": sensors, "predictor": {"powerConsumption": model}},
        }
