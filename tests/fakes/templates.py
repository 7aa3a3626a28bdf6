"""NodeConfigTemplates and nodes for them."""

from __future__ import annotations

from typing import Any

from wao_core.cluster.records import Node, NodeConfigTemplate

FAKE = {"type": "Fake", "endpoint": ""}


def template(
    name: str, *, created: float = 1.0, selector: Any = None, endpoint: str = "{{ .Hostname }}", namespace: str = "w"
) -> NodeConfigTemplate:
    body = {
        "metricsCollector": {"inletTemp": {"type": "Redfish", "endpoint": endpoint}, "deltaP": FAKE},
        "predictor": {"powerConsumption": FAKE},
    }
    return NodeConfigTemplate(
        name=name, namespace=namespace, created=created, node_selector=selector or {}, template=body
    )


def node(name: str, **labels: str) -> Node:
    return Node(name=name, labels={"kubernetes.io/hostname": name, **labels})
