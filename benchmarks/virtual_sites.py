"""Nodes of two server types with virtual CPU, a pod on each, and the Service before them, as manifests."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from wao_predict.arrays import FloatArray

TYPES = ("edge_lenovo",) * 4 + ("edge_supermicro",) * 4
CORES = 4
SERVICE = 0.12
"""Mean core seconds of a request; gamma-distributed, with a standard deviation of half of it."""
BACKGROUND = 0.05
"""Part of each node's CPU that others use."""
TEMPERATURE, PRESSURE = 28.0, 2.7
WINDOW = 4
"""Seconds over which CPU use is averaged, as metrics-server does over longer ones."""


@dataclass
class Site:
    """The nodes of one policy and what is sent to them."""

    policy: str
    number: int
    port: int
    weights: FloatArray = field(default_factory=lambda: np.ones(len(TYPES)))
    version: str = ""
    spent: deque[tuple[float, FloatArray]] = field(default_factory=lambda: deque(maxlen=WINDOW + 1))
    shares: list[FloatArray] = field(default_factory=list)  # of each second since they were cleared, summing to 1
    latencies: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.{self.number + 1}.{row + 1}" for row in range(len(TYPES))]

    def cores(self) -> FloatArray:
        """Return the CPU that requests took on each node over the window [cores]."""
        (begin, before), (end, after) = self.spent[0], self.spent[-1]
        used: FloatArray = np.maximum(after - before, 0.0) / max(end - begin, 1e-9)
        return used


def write(path: Path, documents: list[dict[str, Any]]) -> None:
    """Replace a file of manifests by one rename."""
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.dump_all(documents, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    fresh.replace(path)


def metrics(sites: list[Site]) -> list[dict[str, Any]]:
    """Return the CPU that is used, as metrics-server reports it."""
    found: list[dict[str, Any]] = []
    for site in sites:
        cores = site.cores() if len(site.spent) > 1 else np.zeros(len(TYPES))
        for row, used in enumerate(cores.tolist()):
            name = f"{site.policy}-{row}"
            node, pod = {"name": name}, {"name": name, "namespace": "default"}
            whole = {"cpu": f"{used + BACKGROUND * CORES:.4f}"}
            found += [
                {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": node, "usage": whole},
                {
                    "apiVersion": "metrics.k8s.io/v1beta1",
                    "kind": "PodMetrics",
                    "metadata": pod,
                    "containers": [{"name": "c", "usage": {"cpu": f"{used:.4f}"}}],
                },
            ]
    return found


def manifests(site: Site) -> list[dict[str, Any]]:
    """Return the nodes and pods of a site, and its Service; equal weights need no Service."""
    found: list[dict[str, Any]] = []
    endpoints = []
    for row, (model, address) in enumerate(zip(TYPES, site.addresses, strict=True)):
        name = f"{site.policy}-{row}"
        amounts, limits = {"cpu": str(CORES)}, {"limits": {"cpu": str(CORES)}}
        sensors = {
            "inletTemp": {"type": "Fake", "endpoint": "", "value": TEMPERATURE},
            "deltaP": {"type": "Fake", "endpoint": "", "value": PRESSURE},
        }
        predictor = {"powerConsumption": {"type": "Onnx", "endpoint": model}}
        found += [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name},
                "status": {"capacity": amounts, "allocatable": amounts},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"nodeName": name, "containers": [{"name": "c", "resources": limits}]},
                "status": {"phase": "Running"},
            },
            {
                "apiVersion": "node.waok8s.github.io/v1beta1",
                "kind": "NodeConfig",
                "metadata": {"name": name, "namespace": "wao-system"},
                "spec": {"nodeName": name, "metricsCollector": sensors, "predictor": predictor},
            },
        ]
        target = {"kind": "Pod", "name": name}
        endpoints.append({"addresses": [address], "nodeName": name, "conditions": {"ready": True}, "targetRef": target})
    if site.policy == "equal":
        return found
    annotations = {"waok8s.github.io/lb-rule": site.policy, "waok8s.github.io/cpu-per-request": f"{SERVICE * 1e3:g}m"}
    metadata = {"name": site.policy, "namespace": "default"}
    spec = {"clusterIP": f"10.0.0.{site.number + 1}", "ports": [{"name": "http", "port": 80}]}
    return [
        *found,
        {"apiVersion": "v1", "kind": "Service", "metadata": {**metadata, "annotations": annotations}, "spec": spec},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": site.policy}},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "http", "port": site.port, "protocol": "TCP"}],
        },
    ]
