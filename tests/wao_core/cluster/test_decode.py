"""API objects to records: what Go servers send, and what is wrong."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.api_objects import container, decode_object
from wao_core.cluster.decode import DECODERS
from wao_core.cluster.records import Node, Pod, Workload, key_of
from wao_core.errors import ManifestError

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
