"""The component manifests/monitoring: what it scrapes, how it verifies servers, and that kustomize builds it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
COMPONENT = MANIFESTS / "monitoring"
STOCK = {"wao-kube-scheduler"}
"""Runs an image of Kubernetes; its operators scrape it as any kube-scheduler."""


def documents(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml")
    return [document for path in paths for document in yaml.safe_load_all(path.read_text()) if document]


ALL = documents(MANIFESTS)
MONITORS = [item for item in ALL if item["kind"] == "PodMonitor"]
WORKLOADS = {item["metadata"]["name"]: item for item in ALL if item["kind"] in {"Deployment", "DaemonSet"}}


def endpoint_of(monitor: dict[str, Any]) -> dict[str, Any]:
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    return dict(endpoint)


def test_each_server_has_a_monitor_in_its_namespace() -> None:
    places = {name: item["metadata"]["namespace"] for name, item in WORKLOADS.items() if name not in STOCK}
    assert {item["metadata"]["name"]: item["metadata"]["namespace"] for item in MONITORS} == places


def test_the_alert_on_servers_that_cannot_be_scraped_covers_each_monitor() -> None:
    (rules,) = [item for item in documents(COMPONENT) if item["kind"] == "PrometheusRule"]
    (alert,) = [
        rule for group in rules["spec"]["groups"] for rule in group["rules"] if rule.get("alert") == "WaoServerDown"
    ]
    jobs = re.search(r'job=~"([^"]+)"', alert["expr"])
    assert jobs is not None
    names = [item["metadata"]["name"] for item in MONITORS]
    assert [name for name in names if not re.fullmatch(jobs.group(1), name)] == []


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda item: item["metadata"]["name"])
class TestMonitor:
    def test_it_selects_the_pods_of_its_server_and_a_port_that_they_have(self, monitor: dict[str, Any]) -> None:
        template = WORKLOADS[monitor["metadata"]["name"]]["spec"]["template"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert monitor["spec"]["jobLabel"] in template["metadata"]["labels"]
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert endpoint_of(monitor)["port"] in ports

    def test_labels_of_the_metrics_are_kept(self, monitor: dict[str, Any]) -> None:
        assert endpoint_of(monitor)["honorLabels"] is True

    def test_a_server_with_a_certificate_of_the_authority_is_verified(self, monitor: dict[str, Any]) -> None:
        name = monitor["metadata"]["name"]
        (controller,) = WORKLOADS["wao-controller"]["spec"]["template"]["spec"]["containers"]
        tls = endpoint_of(monitor)["tlsConfig"]
        if f"--serving-certificate={name}" in controller["args"]:
            assert tls == {
                "ca": {"configMap": {"name": "wao-ca", "key": "ca.crt"}},
                "serverName": f"{name}.wao-system.svc",
            }
        else:
            assert tls == {"insecureSkipVerify": True}

    def test_a_token_is_sent_to_a_verified_server_only(self, monitor: dict[str, Any]) -> None:
        endpoint = endpoint_of(monitor)
        assert "authorization" not in endpoint or "serverName" in endpoint["tlsConfig"]


def test_the_token_is_that_of_an_account_that_may_read_metrics_and_nothing_else() -> None:
    found = {item["kind"]: item for item in documents(COMPONENT) if item["metadata"]["name"] == "wao-metrics-scraper"}
    sent = {
        item["metadata"]["name"]: endpoint_of(item)["authorization"]["credentials"]["name"]
        for item in MONITORS
        if "authorization" in endpoint_of(item)
    }
    secret = found["Secret"]["metadata"]["name"]
    assert sent == {"wao-metrics-api": secret, "wao-ui": secret}
    account = found["Secret"]["metadata"]["annotations"]["kubernetes.io/service-account.name"]
    assert account == found["ServiceAccount"]["metadata"]["name"]
    assert found["ClusterRole"]["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    bound = [
        item
        for item in ALL
        if item["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        if account in {subject["name"] for subject in item["subjects"]}
    ]
    assert [item["roleRef"]["name"] for item in bound] == ["wao-metrics-scraper"]


def test_one_policy_admits_prometheus_to_all_servers() -> None:
    (policy,) = [item["spec"] for item in documents(COMPONENT) if item["kind"] == "NetworkPolicy"]
    for workload in WORKLOADS.values():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [["https"]]


@pytest.mark.parametrize("parts", [["."], [".", "rebalance", "standby", "ui"]], ids=["default", "all"])
def test_kustomize_builds_the_component_with_the_dashboards(parts: list[str], tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not there: install it to build the component")
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    overlay = {"resources": [f"../manifests/{part}" for part in parts], "components": ["../manifests/monitoring"]}
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    command = [kubectl, "kustomize", str(tmp_path / "overlay")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    found = list(yaml.safe_load_all(built.stdout))
    (dashboards,) = [item for item in found if item["metadata"]["name"] == "wao-dashboards"]
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert set(dashboards["data"]) == {path.name for path in (COMPONENT / "dashboards").glob("*.json")}
    assert {item["metadata"]["name"] for item in MONITORS} <= {item["metadata"]["name"] for item in found}
