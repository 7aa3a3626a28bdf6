"""Facts of a cluster in which everything is fine, and what checks find when some of them change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from wao_core.cluster.names import GROUP
from wao_core.crds.yaml_files import RESOURCES, definition
from wao_doctor import wire
from wao_doctor.facts import Certificate, CertificatePlace, Facts, Listed, Probe, Server
from wao_doctor.findings import Finding, Outcome
from wao_doctor.manifests import documents, parts, rights_of
from wao_doctor.registry import checks
from wao_doctor.settings import DoctorSettings
from wao_predict.timestamps import format_rfc3339

NOW = 1_800_000_000.0
DAY = 86400.0
NODES = ("n1", "n2")
EXTENDER = "https://wao-scheduler.wao-system.svc/default"
SETTINGS = DoctorSettings()


def ago(seconds: float) -> str:
    """Return a time before `NOW`."""
    return format_rfc3339(NOW - seconds)


def condition(kind: str, status: str = "True", reason: str = "Fine", message: str = "") -> dict[str, str]:
    """Return a condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def api_service(name: str, service: str = "wao-metrics-api", namespace: str = "wao-system", **spec: Any) -> Any:
    """Return an APIService; `spec` has more fields."""
    version, _, group = name.partition(".")
    reference = {"name": service, "namespace": namespace}
    raw = {
        "metadata": {"name": name},
        "spec": {"group": group, "version": version, "service": reference, **spec},
        "status": {"conditions": [condition("Available")]},
    }
    return msgspec.convert(raw, wire.ApiService)


def crd(name: str) -> wire.Crd:
    """Return the definition of this release."""
    (resource,) = [item for item in RESOURCES if name == f"{item.plural}.{GROUP}"]
    raw = definition(resource) | {"status": {"conditions": [condition("Established")]}}
    return msgspec.convert(raw, wire.Crd)


def node(name: str, *, ready: str = "True", kernel: str = "6.1.0-18-amd64", system: str = "", **spec: Any) -> wire.Node:
    """Return a Node; `spec` has more fields."""
    info = {"osImage": system, "kernelVersion": kernel, "kubeletVersion": "v1.33.2", "operatingSystem": "linux"}
    raw = {
        "metadata": {"name": name},
        "spec": {"podCIDRs": ["10.244.0.0/24"], **spec},
        "status": {"conditions": [condition("Ready", ready)], "nodeInfo": info},
    }
    return msgspec.convert(raw, wire.Node)


def config(name: str, *conditions: dict[str, str], standby: Any = None, phase: Any = None, **spec: Any) -> Any:
    """Return a NodeConfig of a node with this name; `conditions` replace those of a fine one."""
    fine = {"Collecting": condition("Collecting"), "Predicting": condition("Predicting", reason="Predicted")}
    fine |= {item["type"]: item for item in conditions}
    term = {"type": "Redfish", "endpoint": "https://10.0.0.1"}
    raw = {
        "metadata": {"name": f"config-{name}", "namespace": "wao-bmc"},
        "spec": {
            "nodeName": name,
            "metricsCollector": {"inletTemp": term},
            "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": "edge_lenovo"}},
            "standby": standby,
            **spec,
        },
        "status": {
            "conditions": list(fine.values()),
            "metrics": [{"name": "inlet_temp", "state": "ok", "value": "21", "time": ago(12)}],
            "standby": phase,
        },
    }
    return msgspec.convert(raw, wire.NodeConfig)


def lease(name: str, age: float = 3.0, holder: str = "a", namespace: str = "kube-node-lease") -> wire.Lease:
    """Return a Lease that was renewed some seconds ago."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 40, "renewTime": ago(age)}
    return msgspec.convert({"metadata": {"name": name, "namespace": namespace}, "spec": spec}, wire.Lease)


def workload(name: str, **spec: Any) -> wire.Workload:
    """Return a workload of our manifests with all Pods ready; `spec` has more fields."""
    raw = _of(name, "Deployment", "DaemonSet")
    number = raw["spec"].get("replicas", 2)
    status = {"readyReplicas": number, "desiredNumberScheduled": number, "numberReady": number}
    return msgspec.convert(raw | {"spec": raw["spec"] | spec, "status": status}, wire.Workload)


def config_map(name: str, namespace: str = "wao-system", **data: str) -> wire.ConfigMap:
    """Return a ConfigMap."""
    return wire.ConfigMap(metadata=wire.Meta(name=name, namespace=namespace), data=data)


def shipped(name: str) -> wire.ConfigMap:
    """Return a ConfigMap of our manifests."""
    return msgspec.convert(_of(name, "ConfigMap"), wire.ConfigMap)


def certificate(subject: str = "CN=wao", left: float = 60 * DAY, begin: float = NOW - DAY) -> Certificate:
    """Return a certificate with a time left [s]."""
    return Certificate(subject, begin, NOW + left)


def service(name: str, proxy: str = "wao-loadbalancer") -> wire.ProxiedService:
    """Return a Service with the label of a proxy."""
    labels = {"service.kubernetes.io/service-proxy-name": proxy}
    return wire.ProxiedService(metadata=wire.Meta(name=name, namespace="default", labels=labels))


def healthy(**changes: Any) -> Facts:
    """Return facts in which everything is fine but the changes."""
    workloads = [workload(name) for name in parts() if name not in ("wao-rebalance", "wao-standby", "wao-ui")]
    accounts = {f"{item.metadata.namespace}/{item.spec.template.spec.service_account_name}" for item in workloads}
    maps: Mapping[str, wire.ConfigMap | None] = {
        **dict.fromkeys(SETTINGS.config_maps),
        SETTINGS.scheduler_config: shipped("wao-kube-scheduler"),
        SETTINGS.extender_settings: shipped("wao-scheduler"),
    }
    facts = Facts(
        now=NOW,
        server=Server("https://10.0.0.1:6443", "v1.37.2", 0.2, 0.5),
        crds={f"{item.plural}.{GROUP}": crd(f"{item.plural}.{GROUP}") for item in RESOURCES},
        api_services=Listed(
            (
                api_service("v1beta1.custom.metrics.k8s.io"),
                api_service("v1beta2.custom.metrics.k8s.io"),
                api_service("v1beta2.metrics.waok8s.github.io"),
                api_service("v1beta1.metrics.k8s.io", "metrics-server", "kube-system"),
            )
        ),
        config_maps=maps,
        certificates=(CertificatePlace("ConfigMap wao-system/wao-ca", "authority", (certificate(),)),),
        rights=tuple(rights_of(accounts)),
        refused=(),
        probes={EXTENDER: Probe(EXTENDER, 200, "")},
        workloads=Listed(tuple(workloads)),
        daemon_sets=Listed((workload("wao-lb-agent"),)),
        pods=Listed(),
        leases={"wao-system/wao-controller": lease("wao-controller", namespace="wao-system")},
        node_leases=Listed(tuple(lease(name) for name in NODES)),
        nodes=Listed(tuple(node(name) for name in NODES)),
        node_configs=Listed(tuple(config(name) for name in NODES)),
        templates=Listed(),
        services=Listed((service("web"),)),
        node_metrics=Listed(
            tuple(wire.NodeMetrics(metadata=wire.Meta(name=name), timestamp=ago(20)) for name in NODES)
        ),
        samples={"inlet_temp": dict.fromkeys(NODES, NOW - 12)},
        problems=(),
    )
    return replace(facts, **changes)


def outcome_of(check: str, facts: Facts) -> Outcome:
    """Return the outcome of the check of this name."""
    (found,) = [item for item in checks(SETTINGS) if item.name == check]
    return found.evaluate(facts)


def found_by(check: str, **changes: Any) -> list[Finding]:
    """Return what a check finds in a healthy cluster with some changes."""
    return list(outcome_of(check, healthy(**changes)).findings)


def kinds_of(check: str, **changes: Any) -> list[str]:
    """Return the names of the kinds of these findings."""
    return [finding.kind for finding in found_by(check, **changes)]


def _of(name: str, *kinds: str) -> dict[str, Any]:
    """Return the document of a name and one of these kinds in our manifests."""
    (found,) = [item for _, item in documents() if item["kind"] in kinds and item["metadata"]["name"] == name]
    return dict(found)
