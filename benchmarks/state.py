"""Memory and decoding time of a cluster of 5,000 nodes and 20,000 pods, as an API server lists them.

python -m benchmarks.state
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from benchmarks.processes import apart, resident_bytes
from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.kube.collection import decode_list, decode_watch_line
from wao_core.kube.resources import NODES as NODE_RESOURCE
from wao_core.kube.resources import PODS as POD_RESOURCE
from wao_core.source.decoders import collection_of

NODES, PODS, EVENTS = 5000, 20_000, 5000
PAGE = 500
MIB = 1024 * 1024


def main() -> None:
    """Measure and print."""
    apart(measure)


def measure() -> None:
    """Decode lists and events, and print time and memory."""
    state = ClusterState()
    for resource, count, make in ((NODE_RESOURCE, NODES, _node), (POD_RESOURCE, PODS, _pod)):
        kind, collection = resource.kind, collection_of(resource)
        pages = list(_pages(count, make))
        gc.collect()
        before, began = resident_bytes(), time.perf_counter()
        state.replace(kind, [record for page in pages for record in decode_list(page, collection).objects])
        seconds = time.perf_counter() - began
        gc.collect()
        grown, size = resident_bytes() - before, sum(map(len, pages))
        print(
            f"{count} {kind}s, {size / MIB:.0f} MiB of JSON        {seconds:.2f} s to decode, "
            f"{grown / MIB:.1f} MiB resident ({grown / count / 1024:.2f} KiB each)"
        )
    lines = [_line(_pod(number, version=2)) for number in range(EVENTS)]
    pods = collection_of(POD_RESOURCE)
    began = time.perf_counter()
    for line in lines:
        record = decode_watch_line(line, pods).object
        assert record is not None
        state.put(Kind.POD, record)
    print(f"events of pods                     {EVENTS / (time.perf_counter() - began):.0f} a second")
    print("   the official client's models: some 800 events a second, 112 KiB a pod")


def _pages(count: int, make: Any) -> Iterator[bytes]:
    for start in range(0, count, PAGE):
        items = [make(number) for number in range(start, min(count, start + PAGE))]
        yield msgspec.json.encode({"metadata": {"resourceVersion": "1"}, "items": items})


def _line(item: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": "MODIFIED", "object": item})


def _metadata(name: str, version: int) -> dict[str, Any]:
    """Return metadata as large as a real one; most of it is managedFields."""
    fields: dict[str, Any] = {f"f:field{number}": {"f:a": {}, "f:b": {}} for number in range(60)}
    return {
        "name": name,
        "uid": f"{name}-0000-4000-8000-000000000000",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-11-23T20:15:30Z",
        "labels": {"app": name.rpartition("-")[0], "pod-template-hash": "6f7c9d"},
        "annotations": {"example.com/large": "x" * 800},
        "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": fields}],
    }


def _node(number: int, version: int = 1) -> dict[str, Any]:
    amounts = {"cpu": "64", "memory": "263842544Ki", "pods": "250"}
    images = [
        {"names": [f"registry.example/image-{index}@sha256:{'0' * 64}"], "sizeBytes": index} for index in range(40)
    ]
    conditions = [{"type": kind, "status": "True", "reason": "r", "message": "m" * 60} for kind in ("Ready", "A", "B")]
    address = {"type": "InternalIP", "address": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": conditions, "addresses": [address]}
    return {"metadata": _metadata(f"node-{number}", version), "spec": {}, "status": {**status, "images": images}}


def _pod(number: int, version: int = 1) -> dict[str, Any]:
    environment = [{"name": f"VARIABLE_{index}", "value": "v" * 40} for index in range(20)]
    container: dict[str, Any] = {"name": "c", "image": "registry.example/image:1", "env": environment}
    container["resources"] = {"requests": {"cpu": f"{100 + number % 900}m", "memory": "1Gi"}}
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": "2026-11-23T20:15:30Z"} for kind in "abcd"]
    phase = "Running" if version == 1 else "Succeeded"
    metadata = {**_metadata(f"pod-{number}", version), "namespace": f"team-{number % 50}"}
    spec = {"nodeName": f"node-{number % NODES}", "containers": [container]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase, "conditions": conditions}}


if __name__ == "__main__":
    main()
