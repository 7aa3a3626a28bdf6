"""The extender with the stock kube-scheduler: pods land on the cheapest nodes by the models."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.program import Program, wait_for
from tests.cluster.conftest import Wao
from wao_predict import load_predictor, power_curves
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves
from wao_predict.fleet import Fleet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
BASE = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system"
TYPES = {"edge_lenovo": (28.0, 3.0), "cloud_lenovo": (21.0, 11.0)}
PER_TYPE = 6
USAGE = 1.5


def config(name: str, kind: str) -> dict[str, Any]:
    temperature, pressure = TYPES[kind]
    collector = {
        "inletTemp": {"type": "Fake", "endpoint": "", "value": temperature},
        "deltaP": {"type": "Fake", "endpoint": "", "value": pressure},
    }
    spec = {
        "nodeName": name,
        "metricsCollector": collector,
        "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": kind}},
    }
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name},
        "spec": spec,
    }


def names() -> list[str]:
    return [f"s-{kind.replace('_', '-')}-{number}" for kind in TYPES for number in range(PER_TYPE)]


def kind_of(name: str) -> str:
    return next(kind for kind in TYPES if kind.replace("_", "-") in name)


@pytest.fixture(scope="module")
def extender(bed: ControlPlane, metrics_server: Program) -> Iterator[Wao]:
    """Nodes with measured load, the extender, and a kube-scheduler that asks it."""
    for name in names():
        bed.admin.create("/api/v1/nodes", node(name, labels={"bench": "scheduler"}))
        bed.admin.create(f"{BASE}/nodeconfigs", config(name, kind_of(name)))
        bed.admin.create(
            "/api/v1/namespaces/default/pods", pod(f"base-{name}", cpu="100m", node_name=name, usage=f"{USAGE}")
        )

    def measured() -> bool:
        items = bed.admin.get("/apis/metrics.k8s.io/v1beta1/nodes")["items"]
        return set(names()) <= {item["metadata"]["name"] for item in items}

    wait_for(measured, "metrics of all nodes", seconds=120)
    pair = bed.service_ca.issue("wao-extender", hosts=("localhost", "127.0.0.1"))
    flags = ("--tls-cert-file", str(pair.certificate), "--tls-private-key-file", str(pair.key))
    made = Wao(bed, "scheduler", *flags)
    profile = {"schedulerName": "wao-scheduler", "percentageOfNodesToScore": 100}
    asked = {
        "urlPrefix": made.url,
        "filterVerb": "filter",
        "prioritizeVerb": "prioritize",
        "weight": 150,
        "enableHTTPS": True,
        "tlsConfig": {"caFile": str(bed.service_ca.file)},
        "httpTimeout": "1s",
        "nodeCacheCapable": True,
        "ignorable": True,
    }
    bed.start_scheduler({"profiles": [{"schedulerName": "default-scheduler"}, profile], "extenders": [asked]})
    yield made
    made.stop()


def placed(bed: ControlPlane, prefix: str) -> dict[str, str]:
    items = bed.admin.get("/api/v1/namespaces/default/pods")["items"]
    return {
        item["metadata"]["name"]: item["spec"]["nodeName"]
        for item in items
        if item["metadata"]["name"].startswith(prefix) and item["spec"].get("nodeName")
    }


def create(bed: ControlPlane, prefix: str, count: int, cpu: str) -> None:
    bodies = []
    for number in range(count):
        body = pod(f"{prefix}{number}", cpu=cpu, scheduler="wao-scheduler")
        body["spec"]["nodeSelector"] = {"bench": "scheduler"}
        bodies.append(body)
    bed.admin.create_all("/api/v1/namespaces/default/pods", bodies)


def fleet() -> Fleet:
    watts = []
    for name in names():
        temperature, pressure = TYPES[kind_of(name)]
        predictor = load_predictor(kind_of(name))
        watts.append(power_curves(predictor, [temperature], [pressure], knots=DEFAULT_KNOTS).watts[0])
    count = len(names())
    return Fleet(
        tuple(names()), PowerCurves(DEFAULT_KNOTS, np.array(watts)), np.full(count, 32.0), np.full(count, USAGE)
    )


def test_a_burst_ends_within_one_percent_of_the_optimum(bed: ControlPlane, extender: Wao) -> None:
    create(bed, "burst-", 60, "2")
    wait_for(lambda: len(placed(bed, "burst-")) == 60, "all pods bound", seconds=120)
    counts = Counter(placed(bed, "burst-").values())
    cluster = fleet()
    used = cluster.usage_cores + 2.0 * np.array([counts.get(name, 0) for name in cluster.names])
    total = cluster.with_usage(used).watts().sum()
    best = cluster.watts().sum() + cluster.what_if(2.0, 60).total_increase
    spread = cluster.with_usage(cluster.usage_cores + 2.0 * 60 / len(cluster.names)).watts().sum()
    figures = f"{total:.0f} W, optimum {best:.0f} W, spread {spread:.0f} W"
    sys.stderr.write(f"\n60 pods on {len(cluster.names)} nodes: {figures}\n")
    assert total <= 1.01 * best
    assert total < 0.8 * spread


def test_the_decision_can_be_explained(bed: ControlPlane, extender: Wao) -> None:
    import httpx2

    document = httpx2.get(f"{extender.url}/v1/decisions?pod=default/burst-0", verify=False).json()
    assert document["chosen"] == placed(bed, "burst-0")["burst-0"]
    events = bed.admin.get("/api/v1/namespaces/default/events")["items"]
    assert any(item["reason"] == "MinimizePower" for item in events)


def test_without_the_extender_pods_still_schedule(bed: ControlPlane, extender: Wao) -> None:
    extender.stop(kill=True)
    create(bed, "alone-", 3, "100m")
    wait_for(lambda: len(placed(bed, "alone-")) == 3, "pods bound without the extender", seconds=60)
