"""Next to another adapter of custom.metrics.k8s.io: one APIService for both, and our own group without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cluster.bed.command import Wao
from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import wait_for
from tests.cluster.conftest import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
CUSTOM, OWN = "custom.metrics.k8s.io", "metrics.waok8s.github.io"
CONFIGS = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system/nodeconfigs"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
HPAS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
ACCOUNT = "wao-metrics-delegate"


def account_token(bed: ControlPlane, folder: Path) -> Path:
    """Return a file with the token of an account that may read custom metrics and nothing else."""
    bed.admin.create("/api/v1/namespaces", {"metadata": {"name": "wao-system"}})
    bed.admin.create("/api/v1/namespaces/wao-system/serviceaccounts", {"metadata": {"name": ACCOUNT}})
    rule = {"apiGroups": [CUSTOM], "resources": ["*"], "verbs": ["get", "list"]}
    discovery = {"nonResourceURLs": ["/apis/*"], "verbs": ["get"]}
    bed.admin.create(f"{RBAC}/clusterroles", {"metadata": {"name": ACCOUNT}, "rules": [rule, discovery]})
    bound = {
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "wao-system"}],
    }
    bed.admin.create(f"{RBAC}/clusterrolebindings", bound)
    path = f"/api/v1/namespaces/wao-system/serviceaccounts/{ACCOUNT}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    file = folder / "token"
    file.write_text(bed.admin.create(path, body)["status"]["token"])
    return file


@pytest.fixture(scope="module")
def api(bed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wao]:
    """One node with a sensor, a Deployment with a metric of the other adapter, and our API in front of both."""
    bed.admin.create("/api/v1/nodes", node("c-1"))
    sensor = {"type": "Fake", "endpoint": "", "value": 21.0}
    spec = {"nodeName": "c-1", "metricsCollector": {"inletTemp": sensor, "deltaP": sensor}, "predictor": {}}
    kind = {"apiVersion": "node.waok8s.github.io/v1beta1", "kind": "NodeConfig"}
    token = account_token(bed, tmp_path_factory.mktemp("delegate"))
    bed.admin.create(CONFIGS, {**kind, "metadata": {"name": "c-1"}, "spec": spec})
    bed.admin.create("/apis/apps/v1/namespaces/default/deployments", deployment())
    other = bed.start_custom_metrics_adapter()
    written = httpx2.post(f"{other.posts}/namespaces/default/deployments.apps/web/requests-per-second", json="12")
    assert written.status_code == 200, written.text
    pair = bed.service_ca.issue("wao-metrics-api", hosts=("wao-metrics-api.wao-system.svc", "localhost", "127.0.0.1"))
    serving = ("--tls-cert-file", str(pair.certificate), "--tls-private-key-file", str(pair.key))
    delegate = (
        "--delegate",
        other.url,
        "--delegate-ca-file",
        str(bed.service_ca.file),
        "--delegate-token-file",
        str(token),
    )
    made = Wao(bed, "metrics-api", *serving, *delegate)
    port = int(made.url.rpartition(":")[2])
    registered = [(OWN, "v1beta2"), (CUSTOM, "v1beta2"), (CUSTOM, "v1beta1")]
    for group, version in registered:
        bed.register_api(group, version, service="wao-metrics-api", namespace="wao-system", port=port)
    yield made
    for group, version in registered:
        bed.admin.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{group}")
    made.stop()


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "web", "image": "web", "resources": {"requests": {"cpu": "100m"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


def listed(bed: ControlPlane, path: str) -> dict[str, str]:
    document = json.loads(kubectl(bed, "get", "--raw", path))
    return {item["describedObject"]["name"]: item["value"] for item in document["items"]}


@pytest.mark.parametrize("version", ["v1beta2", "v1beta1"])
def test_one_api_service_serves_the_metrics_of_both_adapters(bed: ControlPlane, api: Wao, version: str) -> None:
    base = f"/apis/{CUSTOM}/{version}"
    wait_for(lambda: listed(bed, f"{base}/nodes/*/inlet_temp") == {"c-1": "21"}, "our value")
    path = f"{base}/namespaces/default/deployments.apps/web/requests-per-second"
    assert listed(bed, path) == {"web": "12"}
    resources = json.loads(kubectl(bed, "get", "--raw", base))["resources"]
    names = {item["name"] for item in resources}
    assert {"nodes/inlet_temp", "deployments.apps/requests-per-second"} <= names


def test_our_own_group_has_our_metrics_alone(bed: ControlPlane, api: Wao) -> None:
    assert f"{OWN}/v1beta2" in kubectl(bed, "api-versions")
    wait_for(lambda: listed(bed, f"/apis/{OWN}/v1beta2/nodes/*/inlet_temp") == {"c-1": "21"}, "our value")
    names = {item["name"] for item in json.loads(kubectl(bed, "get", "--raw", f"/apis/{OWN}/v1beta2"))["resources"]}
    assert all(name.startswith("nodes/") for name in names)


def test_an_autoscaler_reads_metrics_of_both(bed: ControlPlane, api: Wao) -> None:
    def metric(kind: str, name: str, api_version: str, metric: str) -> dict[str, Any]:
        described = {"kind": kind, "name": name, "apiVersion": api_version}
        target = {"type": "Value", "value": "100"}
        return {
            "type": "Object",
            "object": {"describedObject": described, "metric": {"name": metric}, "target": target},
        }

    metrics = [metric("Node", "c-1", "v1", "inlet_temp"), metric("Deployment", "web", "apps/v1", "requests-per-second")]
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 3, "metrics": metrics}
    bed.admin.create(HPAS, {"apiVersion": "autoscaling/v2", "metadata": {"name": "web"}, "spec": spec})

    def values() -> dict[str, str]:
        current = (bed.admin.get(f"{HPAS}/web").get("status") or {}).get("currentMetrics") or []
        found = [item["object"] for item in current if item["type"] == "Object"]
        return {item["metric"]["name"]: item["current"]["value"] for item in found if "value" in item["current"]}

    wait_for(lambda: values() == {"inlet_temp": "21", "requests-per-second": "12"}, "both values")
