"""The chart renders what kustomize builds, for the default values and for each component."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.kustomize import Overlay, build, objects
from tests.cluster.install.helm import CHART, helm, run
from tests.fakes.workload_manifests import workload

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SYSTEM = ("v1", "Namespace", None, "wao-system")
SERVERS = ("controller", "metricsApi", "scheduler", "kubeScheduler", "lb")
HA = {**{name: {"replicas": 3} for name in SERVERS}, "spread": {"nodes": "DoNotSchedule", "zones": "ScheduleAnyway"}}
COMPONENTS: dict[str, dict[str, Any]] = {
    "cert-manager": {"certManager": {"enabled": True}},
    "cilium": {"cilium": {"enabled": True}},
    "delegate": {"delegate": {"enabled": True}},
    "ha": HA,
    "lb-only": {"scheduler": {"enabled": False}},
    "monitoring": {"monitoring": {"enabled": True}},
    "network-policies": {"networkPolicies": {"strict": True}},
    "own-group": {"metricsApi": {"registerCustomMetrics": False}},
    "rebalance": {"rebalance": {"enabled": True}},
    "scheduler-only": {"lb": {"enabled": False}},
    "standby": {"standby": {"enabled": True}},
    "ui": {"ui": {"enabled": True}},
}

Key = tuple[str, str, str | None, str]


def by_name(documents: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Return objects by their identity, without the annotation that is for helm."""
    found = {}
    for document in copy.deepcopy(documents):
        metadata = document["metadata"]
        annotations = metadata.get("annotations", {})
        annotations.pop("helm.sh/resource-policy", None)
        if not annotations:
            metadata.pop("annotations", None)
        key = (document["apiVersion"], document["kind"], metadata.get("namespace"), metadata["name"])
        assert key not in found
        found[key] = document
    return found


@pytest.fixture(scope="module")
def version() -> str:
    """The version of Kubernetes for which the manifests have an image of kube-scheduler."""
    (container,) = workload("wao-kube-scheduler")["spec"]["template"]["spec"]["containers"]
    return str(container["image"].rpartition(":")[2])


def rendered(folder: Path, version: str, values: dict[str, Any], namespace: str = "wao-system") -> list[dict[str, Any]]:
    """Return the objects of a release."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    arguments = ["--namespace", namespace, "--kube-version", version, "--values", str(file)]
    return objects(helm(folder, "template", "wao", str(CHART), *arguments))


@pytest.mark.parametrize(
    "components", [(), *((name,) for name in COMPONENTS)], ids=lambda names: names[0] if names else "default"
)
def test_the_chart_renders_the_objects_that_kustomize_builds(
    tmp_path: Path, version: str, components: tuple[str, ...]
) -> None:
    """Except the namespace of the release, which helm creates itself."""
    values = {key: value for name in components for key, value in COMPONENTS[name].items()}
    chart = by_name(rendered(tmp_path, version, values))
    manifests = by_name(objects(build(Overlay(components=components))))
    assert set(manifests) - set(chart) == {SYSTEM}
    assert set(chart) <= set(manifests)
    for key, document in chart.items():
        assert manifests[key] == document, key


def test_each_component_is_compared(tmp_path: Path) -> None:
    folders = {
        path.parent.name for path in (CHART.parents[1] / "manifests" / "components").glob("*/kustomization.yaml")
    }
    assert folders == set(COMPONENTS)


def test_all_names_of_namespaces_follow_the_values(tmp_path: Path, version: str) -> None:
    names = {"system": "a", "credentials": "b", "authority": "c", "node": "d", "power": "e"}
    switches = {"rebalance", "standby", "ui", "monitoring", "certManager"}
    values = {"namespaces": names, **{name: {"enabled": True} for name in switches}, **COMPONENTS["network-policies"]}
    found = rendered(tmp_path, version, values, namespace="kube-public")
    # descriptions in the schemas name the usual namespaces
    text = yaml.safe_dump_all(item for item in found if item["kind"] != "CustomResourceDefinition")
    assert not re.search(r"(?<![\w-])wao-(system|bmc|pki|node|power)(?![\w-])", text)
    created = {item["metadata"]["name"] for item in found if item["kind"] == "Namespace"}
    assert created == set(names.values())


def test_the_values_of_a_server_are_used(tmp_path: Path, version: str) -> None:
    server = {
        "replicas": 1,
        "resources": {"limits": {"memory": "2Gi"}},
        "extraArgs": ["--mode=auto"],
        "nodeSelector": {"role": "infra"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"example.com/a": "b"},
    }
    image = {"repository": "registry.example.com/wao", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"}
    values = {
        "rebalance": {"enabled": True, **server},
        "image": image,
        "imagePullSecrets": [{"name": "pull"}],
        "commonLabels": {"team": "power"},
        "networkPolicies": {"prometheus": {"namespace": "observability", "labels": {"app": "prometheus"}}},
    }
    found = rendered(tmp_path, version, values)
    (deployment,) = [
        item for item in found if item["kind"] == "Deployment" and item["metadata"]["name"] == "wao-rebalance"
    ]
    template = deployment["spec"]["template"]
    pod, container = template["spec"], template["spec"]["containers"][0]
    assert deployment["spec"]["replicas"] == 1
    assert template["metadata"]["annotations"] == server["podAnnotations"]
    assert {name: pod[name] for name in ("nodeSelector", "tolerations", "affinity")} == {
        name: server[name] for name in ("nodeSelector", "tolerations", "affinity")
    }
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert container["resources"]["limits"] == {"memory": "2Gi"}
    assert container["resources"]["requests"]  # helm merges values with the defaults
    assert container["args"][-1] == "--mode=auto"
    assert container["image"] == f"registry.example.com/wao@sha256:{'0' * 64}"
    assert container["imagePullPolicy"] == "Always"
    assert all(
        item["metadata"]["labels"]["team"] == "power"
        for item in found
        if "node.waok8s" not in str(item["metadata"]["name"])
    )
    budgets = {item["metadata"]["name"] for item in found if item["kind"] == "PodDisruptionBudget"}
    assert "wao-rebalance" not in budgets  # one replica: it would block the drain of its node
    policies = [item for item in found if item["kind"] == "NetworkPolicy"]
    assert "observability" in str(policies)
    assert "'monitoring'" not in str(policies)


def test_the_version_of_kube_scheduler_is_that_of_the_cluster(tmp_path: Path) -> None:
    found = rendered(tmp_path, "v1.33.4+k3s1", {})
    images = {
        item["spec"]["template"]["spec"]["containers"][0]["image"] for item in found if item["kind"] == "Deployment"
    }
    assert "registry.k8s.io/kube-scheduler:v1.33.4" in images


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"scheduler": {"replica": 3}}, "replica"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"namespaces": {"node": "Wao_Node"}}, "/namespaces/node"),
        ({"spread": {"nodes": "Never"}}, "/spread/nodes"),
    ],
)
def test_wrong_values_are_refused_by_name(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    done = run(tmp_path, "template", "wao", str(CHART), "--values", str(tmp_path / "values.yaml"))
    assert done.returncode != 0
    assert problem in done.stderr


def test_a_cluster_that_is_too_old_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "template", "wao", str(CHART), "--kube-version", "v1.28.9")
    assert done.returncode != 0
    assert "1.29" in done.stderr


def test_helm_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    output = helm(tmp_path, "lint", "--strict", str(CHART), "--namespace", "wao-system")
    assert "0 chart(s) failed" in output
    assert "WARNING" not in output
