"""The example fleet: nodes of the four real server types, as manifests.

`python -m wao_demo.fleet examples/fleet` writes the committed example, with fixed sensor values; the demo writes the
same fleet with the addresses of its mock BMCs.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wao_core.cluster.names import API_VERSION, ZONE

TYPES = ("edge_lenovo", "edge_supermicro", "cloud_dell", "cloud_lenovo")
CORES = 32
PER_TYPE = 12
BMC_ANNOTATION = "demo.wao/bmc"
RACK = "example.com/rack"
_CLIMATE = {
    "edge_lenovo": (27.0, 3.0),
    "edge_supermicro": (27.5, 3.0),
    "cloud_dell": (21.0, 11.0),
    "cloud_lenovo": (20.5, 11.0),
}
"""Typical inlet temperature [degC] and pressure difference [Pa] of each type: near the models' training means."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the fleet."""

    name: str
    type: str
    address: str
    rack: str
    inlet_temp: float
    delta_p: float
    usage_cores: float


def servers(per_type: int = PER_TYPE, *, seed: int = 7) -> list[Server]:
    """Return the fleet with a light base load and slightly different conditions per server."""
    draw = random.Random(seed)
    return [_server(number, kind, index, draw) for number, kind in enumerate(TYPES) for index in range(1, per_type + 1)]


def _server(number: int, kind: str, index: int, draw: random.Random) -> Server:
    temperature, pressure = _CLIMATE[kind]
    return Server(
        name=f"{kind.replace('_', '-')}-{index:02d}",
        type=kind,
        address=f"10.0.{number}.{index}",
        rack=f"rack-{number * 2 + (index - 1) // 6 + 1}",
        inlet_temp=round(temperature + draw.uniform(-1.5, 1.5), 1),
        delta_p=round(pressure + draw.uniform(-1.0, 1.0), 1),
        usage_cores=round(CORES * draw.uniform(0.01, 0.12), 2),
    )


def node(server: Server, *, bmc: str | None = None) -> dict[str, Any]:
    """Return the Node manifest of a server."""
    metadata: dict[str, Any] = {
        "name": server.name,
        "labels": {
            "kubernetes.io/hostname": server.name,
            "node.kubernetes.io/instance-type": server.type,
            ZONE: "edge" if server.type.startswith("edge") else "cloud",
            RACK: server.rack,
        },
    }
    if bmc is not None:
        metadata["annotations"] = {BMC_ANNOTATION: bmc}
    amounts = {"cpu": str(CORES), "memory": "128Gi", "pods": "110"}
    status = {
        "capacity": amounts,
        "allocatable": amounts,
        "addresses": [{"type": "InternalIP", "address": server.address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}


def node_metrics(server: Server) -> dict[str, Any]:
    """Return the NodeMetrics manifest of a server; without a timestamp it does not expire."""
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": server.name},
        "window": "15s",
        "usage": {"cpu": f"{round(server.usage_cores * 1000)}m"},
    }


def template(kind: str, *, bmc: bool, pressure_url: str | None) -> dict[str, Any]:
    """Return the NodeConfigTemplate of a server type with sensors of its BMC or with fixed values."""
    temperature, pressure = _CLIMATE[kind]
    inlet: dict[str, Any] = {"type": "Fake", "endpoint": "", "value": temperature}
    power: dict[str, Any] | None = None
    if bmc:
        endpoint = f'{{{{ index .Annotations "{BMC_ANNOTATION}" }}}}'
        secret = {"name": "bmc-login"}
        tls = {"insecureSkipVerify": True}  # self-signed, as on real BMCs
        common = {"type": "Redfish", "endpoint": endpoint, "basicAuthSecret": secret, "tls": tls}
        inlet = {**common, "fetchInterval": "2s"}
        power = {**common, "fetchInterval": "5s"}
    delta: dict[str, Any] = {"type": "Fake", "endpoint": "", "value": pressure}
    if pressure_url is not None:
        url = f"{pressure_url}/api/sensor/by_nodename/{{{{ .Name }}}}"
        delta = {"type": "DifferentialPressureAPI", "endpoint": url, "fetchInterval": "2s"}
    collector = {"inletTemp": inlet, "deltaP": delta}
    if power is not None:
        collector["powerWatts"] = power
    body = {
        "metricsCollector": collector,
        "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": kind}},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "NodeConfigTemplate",
        "metadata": {"name": kind.replace("_", "-"), "namespace": "wao-system"},
        "spec": {
            "nodeSelector": {"matchLabels": {"node.kubernetes.io/instance-type": kind}},
            "template": body,
        },
    }


def service(fleet: list[Server]) -> list[dict[str, Any]]:
    """Return a Service with eight endpoints on servers of all types: Service, EndpointSlice, Pods and their metrics."""
    chosen = [server for index, server in enumerate(fleet) if index % 6 == 0]
    labels = {"app": "shop"}
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "shop",
                "namespace": "default",
                "labels": {"service.kubernetes.io/service-proxy-name": "wao-loadbalancer"},
                "annotations": {"waok8s.github.io/cpu-per-request": "100m"},
            },
            "spec": {
                "clusterIP": "10.96.0.10",
                "clusterIPs": ["10.96.0.10"],
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
            },
        }
    ]
    endpoints = []
    for number, server in enumerate(chosen, start=1):
        name, address = f"shop-{number}", f"10.244.{number}.10"
        endpoints.append(
            {
                "addresses": [address],
                "nodeName": server.name,
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "namespace": "default", "name": name},
            }
        )
        documents.append(_shop_pod(name, address, server, labels))
        documents.append(
            {
                "apiVersion": "metrics.k8s.io/v1beta1",
                "kind": "PodMetrics",
                "metadata": {"name": name, "namespace": "default"},
                "window": "15s",
                "containers": [{"name": "shop", "usage": {"cpu": "900m"}}],
            }
        )
    documents.append(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "shop-1",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "shop"},
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
    )
    return documents


def _shop_pod(name: str, address: str, server: Server, labels: Mapping[str, str]) -> dict[str, Any]:
    resources = {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}}
    started = "2026-01-01T00:00:00Z"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": dict(labels),
            # one on each of these servers: nobody chose the server by its power
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "shop", "uid": "uid-shop", "controller": True}
            ],
        },
        "spec": {
            "nodeName": server.name,
            "containers": [{"name": "shop", "image": "registry.example/shop:1", "resources": resources}],
        },
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": address}],
            "containerStatuses": [{"name": "shop", "state": {"running": {"startedAt": started}}}],
        },
    }


def write(
    folder: Path,
    fleet: list[Server],
    *,
    bmc_of: Callable[[Server], str] | None = None,
    pressure_url: str | None = None,
    login: tuple[str, str] | None = None,
) -> None:
    """Write the fleet's manifests into a folder.

    Parameters
    ----------
    bmc_of
        Returns the URL of a server's BMC; without it the sensors have fixed values.
    pressure_url
        URL of the differential pressure API; without it the pressure is fixed.
    login
        User and password of the BMCs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [node(server, bmc=bmc_of(server) if bmc_of else None) for server in fleet]
    templates: list[dict[str, Any]] = [
        template(kind, bmc=bmc_of is not None, pressure_url=pressure_url) for kind in TYPES
    ]
    if login is not None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "bmc-login", "namespace": "wao-system"},
            "stringData": {"username": login[0], "password": login[1]},
        }
        templates.append(secret)
    files = {
        "nodes.yaml": nodes,
        "templates.yaml": templates,
        "node-metrics.yaml": [node_metrics(server) for server in fleet],
        "service.yaml": service(fleet),
    }
    for name, documents in files.items():
        text = yaml.safe_dump_all(documents, sort_keys=False, default_flow_style=False)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), servers())
