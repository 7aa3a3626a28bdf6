"""API objects to records: what Go servers send, and what is wrong."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.decode import DECODERS
from wao_core.cluster.records import EndpointSlice, Node, OwnerRef, Pod, Record, Service, Workload, key_of
from wao_core.errors import ManifestError


def decode_object(kind: str, raw: dict[str, Any]) -> Record:
    """Decode from YAML and from JSON: both give the same."""
    record = DECODERS[kind].decode_object(raw)
    assert DECODERS[kind].decode_json(json.dumps(raw).encode()) == record
    return record


def pod(**spec: Any) -> Pod:
    record = decode_object("Pod", {"metadata": {"name": "p", "namespace": "n"}, "spec": spec})
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


NEW_YEAR = 1767225600.0


def at(second: int | None) -> dict[str, Any]:
    return {"startedAt": None if second is None else f"2026-01-01T00:00:{second:02d}Z"}


def running(second: int | None, **more: Any) -> dict[str, Any]:
    return {"state": {"running": at(second)}, **more}


def finished(second: int, **more: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": 0, **at(second)}}, **more}


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}, **more}


def ran(second: int) -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": 1, **at(second)}}, "restartCount": 3}


@pytest.mark.parametrize(
    ("statuses", "second"),
    [
        ([running(0), running(10)], 10),
        ([running(0), waiting("ImagePullBackOff")], None),
        ([running(0), waiting("ContainerCreating")], None),
        ([running(None)], None),
        ([], None),
        # a container that has finished uses no more CPU (https://github.com/kubernetes/kubernetes/issues/95079)
        ([running(5), finished(20)], 5),
        ([finished(20), running(5), running(7)], 7),
        ([finished(20), waiting("ContainerCreating")], None),
        ([finished(20), finished(30)], 30),
        # the samples contain what a container used before it was restarted
        ([running(50, **ran(5))], 5),
        ([running(10), waiting("CrashLoopBackOff", **ran(20))], 20),
        ([waiting("CrashLoopBackOff", **ran(20))], 20),
        ([finished(50, **ran(20)), running(10)], 10),
    ],
)
def test_a_pod_has_started_when_each_container_that_has_not_finished_has(
    statuses: list[dict[str, Any]], second: int | None
) -> None:
    raw = {"metadata": {"name": "p"}, "status": {"phase": "Running", "containerStatuses": statuses}}
    record = decode_object("Pod", raw)
    assert isinstance(record, Pod)
    assert (None if second is None else NEW_YEAR + second) == record.started_at


def test_nulls_of_go_servers_are_empty() -> None:
    raw = {
        "metadata": {"name": "n", "labels": None, "annotations": None, "ownerReferences": None},
        "spec": {"taints": None, "podCIDRs": None},
        "status": {"capacity": None, "addresses": None, "conditions": None},
    }
    node = decode_object("Node", raw)
    assert isinstance(node, Node)
    assert node.capacity_cores is None
    assert node.addresses == ()


def test_the_controlling_owner_counts() -> None:
    owners = [{"kind": "X", "name": "x"}, {"kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}]
    record = decode_object("Pod", {"metadata": {"name": "p", "ownerReferences": owners}})
    assert isinstance(record, Pod)
    assert record.owner == OwnerRef("ReplicaSet", "web", "u")


def test_large_annotations_of_pods_are_not_kept() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "x" * 10_000,
        "waok8s.github.io/podspread-rate": "1",
    }
    record = decode_object("Pod", {"metadata": {"name": "p", "annotations": annotations}})
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
    record = decode_object("EndpointSlice", raw)
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
    record = decode_object("Service", raw)
    assert isinstance(record, Service)
    assert record.cluster_ips == ("10.0.0.1",)
    assert record.ports[0].node_port == 30080
    assert record.affinity_timeout == 60
    assert [(item.ip, item.ip_mode) for item in record.ingress] == [("1.2.3.4", "Proxy")]


def test_workloads_of_three_kinds_share_a_table() -> None:
    for kind in ("Deployment", "ReplicaSet", "StatefulSet"):
        record = decode_object(kind, {"metadata": {"name": "w", "namespace": "n"}, "spec": {"replicas": 3}})
        assert isinstance(record, Workload)
        assert key_of(record) == f"{kind}/n/w"
        assert record.replicas == 3


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        ("Node", {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": []}}}, "status.capacity.cpu"),
        ("NodeMetrics", {"metadata": {"name": "n"}, "usage": {"cpu": "1"}}, "timestamp"),
        ("NodeMetrics", {"metadata": {"name": "n"}, "timestamp": "2026-01-01T00:00:00Z"}, "usage.cpu"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(kind: str, raw: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError) as raised:
        decode_object(kind, raw)
    assert raised.value.field == field


@pytest.mark.parametrize("kind", sorted(DECODERS))
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b"{}", b"<html>", b"\xff", b'{"metadata":{"name":5}}', b"[" * 10_000]
)
def test_what_is_no_object_of_the_kind_is_refused_with_our_error(kind: str, body: bytes) -> None:
    with pytest.raises(ManifestError):
        DECODERS[kind].decode_json(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
GOOD: dict[str, dict[str, Any]] = {
    "Node": {"status": {"capacity": {"cpu": "8"}, "addresses": [{"type": "t", "address": "a"}]}},
    "Pod": {
        "spec": {"containers": [container("1", "2")]},
        "status": {"containerStatuses": [{"state": {"running": {"startedAt": "x"}}}]},
    },
    "Service": {"spec": {"ports": [{"port": 80}], "clusterIPs": ["10.0.0.1"]}, "status": {"loadBalancer": {}}},
    "EndpointSlice": {"endpoints": [{"addresses": ["a"], "conditions": {}, "targetRef": {}}], "ports": [{"port": 1}]},
    "NodeMetrics": {"timestamp": "2026-01-01T00:00:00Z", "window": "15s", "usage": {"cpu": "1"}},
    "PodMetrics": {"timestamp": "2026-01-01T00:00:00Z", "containers": [{"usage": {"cpu": "1"}}]},
    "Deployment": {"spec": {"replicas": 1}},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *places(item, (*path, key)))]


@given(st.data())
def test_any_value_in_any_field_is_read_or_refused_with_our_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(GOOD)))
    raw = copy.deepcopy({"metadata": {"name": "x", "labels": {"a": "b"}, "ownerReferences": []}, **GOOD[kind]})
    *path, last = data.draw(st.sampled_from(places(raw)))
    inner: Any = raw
    for step in path:
        inner = inner[step]
    inner[last] = data.draw(json_values)
    with contextlib.suppress(ManifestError):
        DECODERS[kind].decode_object(raw)
    with contextlib.suppress(ManifestError):
        DECODERS[kind].decode_json(json.dumps(raw).encode())
