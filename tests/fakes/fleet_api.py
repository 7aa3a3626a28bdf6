"""An API server for drains: Nodes that are patched as in Kubernetes, and Pods that are evicted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.kube.client import KubeClient


def merged(target: Any, patch: Any) -> Any:
    """Return the JSON merge patch of a document (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


class FleetApi:
    """Use with `serving_fleet`.

    Attributes
    ----------
    nodes, pods
        Objects by name, and by namespace/name.
    refusals
        Answers that evictions of a Pod get before they succeed, by namespace/name: status, message.
    evicted
        Pods that were evicted, in order.
    interruptions
        Number of changes that somebody else makes to a Node between our next reads and writes.
    lingering
        Pods that stay after their eviction.
    config_maps
        Objects by name.
    lists
        Items of other lists by path; a path that is not here is not found.
    on_eviction
        Called with namespace/name when a Pod is evicted.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        self.evicted: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.interruptions = 0
        self.lingering: set[str] = set()
        self.config_maps: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.on_eviction: Callable[[str], None] = lambda key: None

    def add_node(self, name: str, **spec: Any) -> None:
        """Add a Node."""
        metadata = {"name": name, "resourceVersion": "1", "uid": name}
        self.nodes[name] = {"kind": "Node", "metadata": metadata, "spec": spec}

    def add_pod(self, key: str, **fields: Any) -> None:
        """Add a Pod, named namespace/name; its uid is the same."""
        namespace, name = key.split("/")
        self.pods[key] = {"kind": "Pod", "metadata": {"name": name, "namespace": namespace, "uid": key}, **fields}

    def taints(self, name: str) -> list[Any]:
        """Return the taints of a Node."""
        return list(self.nodes[name]["spec"].get("taints", []))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        parts = request.path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "nodes"] and len(parts) == 4:
            return self._node(request.method, parts[3], await request.read())
        if request.path in self.lists:
            return web.json_response({"kind": "List", "metadata": {}, "items": self.lists[request.path]})
        if parts[:3] == ["api", "v1", "namespaces"] and parts[4] == "configmaps":
            return self._config_map(request.method, parts[5], await request.read())
        if parts[:3] == ["api", "v1", "namespaces"] and parts[4] == "pods":
            return self._pod(f"{parts[3]}/{parts[5]}", parts[6:] == ["eviction"], await request.read())
        return _refusal(404, "no such path")

    def _node(self, method: str, name: str, body: bytes) -> web.Response:
        node = self.nodes.get(name)
        if node is None:
            return _refusal(404, f"nodes {name} not found")
        if method == "GET":
            answer = web.json_response(node)
            if self.interruptions:
                self.interruptions -= 1
                self._write(node, {"metadata": {"labels": {"changed": str(self.interruptions)}}})
            return answer
        patch = json.loads(body)
        if patch["metadata"].pop("resourceVersion", None) not in (None, node["metadata"]["resourceVersion"]):
            return _refusal(409, "the object has been modified")
        self._write(node, patch)
        return web.json_response(node)

    def _write(self, node: dict[str, Any], patch: Mapping[str, Any]) -> None:
        version = str(int(node["metadata"]["resourceVersion"]) + 1)
        name = node["metadata"]["name"]
        self.nodes[name] = merged(merged(node, patch), {"metadata": {"resourceVersion": version}})

    def _config_map(self, method: str, name: str, body: bytes) -> web.Response:
        if method == "PATCH":
            self.config_maps[name] = json.loads(body)
        found = self.config_maps.get(name)
        return web.json_response(found) if found else _refusal(404, f"configmaps {name} not found")

    def _pod(self, key: str, eviction: bool, body: bytes) -> web.Response:
        pod = self.pods.get(key)
        if pod is None:
            return _refusal(404, f"pods {key} not found")
        if not eviction:
            return web.json_response(pod)
        self.bodies.append(json.loads(body))
        if self.bodies[-1]["deleteOptions"].get("preconditions", {}).get("uid") != pod["metadata"]["uid"]:
            return _refusal(409, "Precondition failed: UID in precondition: a, UID in object meta: b")
        if self.refusals.get(key):
            status, message = self.refusals[key].pop(0)
            return _refusal(status, message)
        self.evicted.append(key)
        if key not in self.lingering:
            del self.pods[key]
        self.on_eviction(key)
        return web.json_response({"kind": "Status", "status": "Success"}, status=201)


def _refusal(status: int, message: str) -> web.Response:
    body = {"kind": "Status", "code": status, "message": message}
    return web.json_response(body, status=status, headers={"Retry-After": "0"} if status == 429 else {})


@asynccontextmanager
async def serving_fleet(api: FleetApi) -> AsyncIterator[KubeClient]:
    """Serve the API, and yield a client for it."""
    async with client_of(api.handle) as client:
        yield client
