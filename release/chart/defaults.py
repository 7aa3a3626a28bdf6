"""The default of each value: what the manifests have."""

from __future__ import annotations

from typing import Any

from release.chart.manifests import delegate_url, objects
from release.chart.parts import OPTIONAL, PARTS
from release.chart.values import (
    Agent,
    Delegate,
    Image,
    KubeSchedulerImage,
    KubeSchedulerPart,
    MetricsApiPart,
    Namespaces,
    NetworkPolicies,
    Part,
    Prometheus,
    SchedulerPart,
    Spreading,
    Values,
)

_KINDS: dict[str, type[Part] | type[Agent]] = {
    "metricsApi": MetricsApiPart,
    "scheduler": SchedulerPart,
    "kubeScheduler": KubeSchedulerPart,
    "lbAgent": Agent,
}


def default_values() -> Values:
    """Return the values with which the chart renders the manifests."""
    workloads = {
        item["metadata"]["name"]: item for item in objects(tuple(PARTS)) if item["kind"] in ("Deployment", "DaemonSet")
    }
    servers = {key: workloads[name] for part in PARTS.values() for name, key in part.workloads.items()}
    repository, tag = _container(servers["controller"])["image"].split(":")
    policy = next(item for item in objects(("controller",)) if item["kind"] == "NetworkPolicy")
    (peer,) = policy["spec"]["ingress"][0]["from"]
    (constraint,) = _pod(servers["controller"])["topologySpreadConstraints"]
    fields: dict[str, Any] = {key: _part(key, workload) for key, workload in servers.items()}
    return Values(
        image=Image(repository=repository, tag=tag, digest=""),
        namespaces=Namespaces(
            create=True, system="", credentials="wao-bmc", authority="wao-pki", node="wao-node", power="wao-power"
        ),
        spread=Spreading(nodes=constraint["whenUnsatisfiable"], zones=""),
        delegate=Delegate(enabled=False, url=delegate_url()),
        network_policies=NetworkPolicies(
            prometheus=Prometheus(
                namespace=peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
                labels=peer["podSelector"]["matchLabels"],
            )
        ),
        **fields,
    )


def _part(key: str, workload: dict[str, Any]) -> Part | Agent:
    pod, container = _pod(workload), _container(workload)
    fields: dict[str, Any] = {
        "enabled": key not in OPTIONAL,
        "resources": container["resources"],
        "nodeSelector": pod.get("nodeSelector", {}),
        "tolerations": pod.get("tolerations", []),
        "priorityClassName": pod["priorityClassName"],
    }
    if workload["kind"] == "Deployment":
        fields["replicas"] = workload["spec"]["replicas"]
    if key == "kubeScheduler":
        # the tag is the version of the cluster
        fields["image"] = KubeSchedulerImage(repository=container["image"].partition(":")[0])
    return _KINDS.get(key, Part).model_validate(fields)


def _pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def _container(workload: dict[str, Any]) -> dict[str, Any]:
    (container,) = _pod(workload)["containers"]
    return dict(container)
