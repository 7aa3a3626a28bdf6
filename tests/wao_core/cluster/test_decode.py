"""API objects to records: what Go servers send, and what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wao_core.cluster.decode import decode_list, decode_object, decode_watch_line
from wao_core.cluster.records import EndpointSlice, Kind, Node, OwnerRef, Pod, Service, Workload, key_of
from wao_core.errors import ManifestError


def pod(**spec: Any) -> Pod:
    record = decode_object(Kind.POD, {"metadata": {"name": "p", "namespace": "n"}, "spec": spec})
    assert isinstance(record, Pod)
    return record


def container(request: str | None = None, limit: str | None = None, **more: Any) -> dict[str, Any]:
    resources = {
        **({"requests": {"cpu": request}} if request else {}),
        **({"limits": {"cpu": limit}} if limit else {}),
    }
    return {"name": "c", "resources": resources, **more}


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [container("500m"), container("250m")]}, 0.75),
        ({"containers": [container(limit="2")]}, 2.0),
        ({"containers": [container("1", "2")]}, 1.0),
        ({"containers": [container()]}, None),
        ({"containers": [container("1"), container()]}, 1.0),
        ({"containers": [container("100m")], "initContainers": [container("2"), container("1")]}, 2.0),
        ({"containers": [container("1")], "initContainers": [container("300m", **SIDECAR)]}, 1.3),
        (
            {"containers": [container("1")], "initContainers": [container("300m", **SIDECAR), container("2")]},
            2.3,
        ),
        ({"containers": [container("1")], "initContainers": [container("2"), container("300m", **SIDECAR)]}, 2.0),
        ({"containers": [container("1Ei")]}, 2.0**60),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1.25),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}}, 3.0),
        ({"containers": [container("1")], "resources": {"limits": {"cpu": "4"}}}, 4.0),
        ({"containers": None, "initContainers": None}, None),
    ],
)
def test_a_pods_cpu_counts_as_in_the_scheduler(spec: dict[str, Any], expected: float | None) -> None:
    assert expected == (pytest.approx(pod(**spec).cpu_request) if expected is not None else pod(**spec).cpu_request)


def test_a_limit_is_known_only_when_every_container_has_one() -> None:
    assert pod(containers=[container(limit="1"), container(limit="500m")]).cpu_limit == 1.5
    assert pod(containers=[container(limit="1"), container("1")]).cpu_limit is None


def running(started: str | None) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": started}}}


def test_a_pod_has_started_when_all_its_containers_run() -> None:
    def started(*states: dict[str, Any]) -> float | None:
        raw = {"metadata": {"name": "p"}, "status": {"phase": "Running", "containerStatuses": list(states)}}
        record = decode_object(Kind.POD, raw)
        assert isinstance(record, Pod)
        return record.started_at

    assert started(running("2026-01-01T00:00:00Z"), running("2026-01-01T00:00:10Z")) == 1767225610.0
    assert started(running("2026-01-01T00:00:00Z"), {"state": {"waiting": {"reason": "ImagePullBackOff"}}}) is None
    assert started() is None


def test_nulls_of_go_servers_are_empty() -> None:
    raw = {
        "metadata": {"name": "n", "labels": None, "annotations": None, "ownerReferences": None},
        "spec": {"taints": None, "podCIDRs": None},
        "status": {"capacity": None, "addresses": None, "conditions": None},
    }
    node = decode_object(Kind.NODE, raw)
    assert isinstance(node, Node)
    assert node.capacity_cores is None
    assert node.addresses == ()


def test_the_controlling_owner_counts() -> None:
    owners = [{"kind": "X", "name": "x"}, {"kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}]
    record = decode_object(Kind.POD, {"metadata": {"name": "p", "ownerReferences": owners}})
    assert isinstance(record, Pod)
    assert record.owner == OwnerRef("ReplicaSet", "web", "u")


def test_large_annotations_of_pods_are_not_kept() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "x" * 10_000,
        "waok8s.github.io/podspread-rate": "1",
    }
    record = decode_object(Kind.POD, {"metadata": {"name": "p", "annotations": annotations}})
    assert record.annotations == {"waok8s.github.io/podspread-rate": "1"}


@pytest.mark.parametrize(
    ("conditions", "ready", "serving"),
    [
        (None, True, True),
        ({"ready": None}, True, True),
        ({"ready": False}, False, False),
        ({"ready": False, "serving": True}, False, True),
    ],
)
def test_conditions_that_are_not_said_have_their_defaults(conditions: Any, ready: bool, serving: bool) -> None:
    raw = {
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}],
        "ports": [{"port": 80}],
    }
    record = decode_object(Kind.ENDPOINT_SLICE, raw)
    assert isinstance(record, EndpointSlice)
    assert record.service == "web"
    assert (record.endpoints[0].ready, record.endpoints[0].serving) == (ready, serving)


def test_a_service_has_what_a_proxy_needs() -> None:
    raw = {
        "metadata": {"name": "web", "namespace": "n"},
        "spec": {
            "clusterIP": "10.0.0.1",
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30080}],
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4", "ipMode": "Proxy"}, {"hostname": "x"}]}},
    }
    record = decode_object(Kind.SERVICE, raw)
    assert isinstance(record, Service)
    assert record.cluster_ips == ("10.0.0.1",)
    assert record.ports[0].node_port == 30080
    assert record.affinity_timeout == 60
    assert [(item.ip, item.ip_mode) for item in record.ingress] == [("1.2.3.4", "Proxy")]


def test_workloads_of_three_kinds_share_a_table() -> None:
    for kind in ("Deployment", "ReplicaSet", "StatefulSet"):
        record = decode_object(
            Kind.WORKLOAD, {"metadata": {"name": "w", "namespace": "n"}, "spec": {"replicas": 3}}, api_kind=kind
        )
        assert isinstance(record, Workload)
        assert key_of(record) == f"{kind}/n/w"
        assert record.replicas == 3


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        (Kind.NODE, {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": []}}}, "status.capacity[...]"),
        (Kind.NODE_METRICS, {"metadata": {"name": "n"}, "usage": {"cpu": "1"}}, "timestamp"),
        (Kind.NODE_METRICS, {"metadata": {"name": "n"}, "timestamp": "2026-01-01T00:00:00Z"}, "usage.cpu"),
        (Kind.NODE_CONFIG, {"metadata": {"name": "c"}}, "spec"),
        (
            Kind.NODE_CONFIG,
            {"metadata": {"name": "c"}, "spec": {"nodeName": "n", "predictor": {}}},
            "spec.metricsCollector",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(kind: Kind, raw: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError) as raised:
        decode_object(kind, raw)
    assert raised.value.field == field


def test_a_list_leaves_out_what_it_cannot_read() -> None:
    items = [{"metadata": {"name": "a"}}, {"metadata": {}}, {"metadata": {"name": "b"}}]
    body = {"metadata": {"resourceVersion": "7", "continue": "next"}, "items": items}
    page = decode_list(Kind.NODE, json.dumps(body).encode())
    assert [record.name for record in page.records] == ["a", "b"]
    assert (page.resource_version, page.continue_token) == ("7", "next")
    assert decode_list(Kind.NODE, b'{"metadata":{},"items":null}').records == []


def test_watch_lines_of_all_types() -> None:
    added = decode_watch_line(Kind.NODE, b'{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}')
    assert added.record is not None
    assert (added.type, added.record.name, added.resource_version) == ("ADDED", "a", "5")
    mark = decode_watch_line(Kind.NODE, b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}')
    assert (mark.record, mark.resource_version) == (None, "9")
    gone = decode_watch_line(Kind.NODE, b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}')
    assert (gone.code, gone.message) == (410, "too old")
