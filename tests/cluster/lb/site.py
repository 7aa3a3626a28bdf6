"""Everything that balances, deployed from our manifests with its own accounts, and what tests do with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from tests.cluster.bed.controlplane import ControlPlane, pod
from tests.cluster.bed.deployment import Container, Deployment
from tests.cluster.bed.program import Program, free_port, wait_for
from tests.cluster.scheduler.fleets import NODE_CONFIGS, Group

PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
LABEL = {"service.kubernetes.io/service-proxy-name": "wao-loadbalancer"}
NODES = Group("lb", {"edge_lenovo": 4, "edge_supermicro": 4}, load=(3.0, 15.0))
POD_CORES = 2.0
"""CPU that each pod of the Service `web` uses."""
STALE = 3.0
"""Seconds after which the agent does without the weight service; 60 as shipped."""


class Site:
    """Controller, metrics API and weight service; one node agent in a network namespace of its own."""

    def __init__(self, bed: ControlPlane, metrics_server: Program) -> None:
        self.bed, self.metrics_server = bed, metrics_server
        self.deployment = Deployment(bed)
        self.node = NodeNamespace(bed, free_port())
        self._http = httpx2.Client(base_url=f"https://127.0.0.1:{self.node.lb_port}", verify=False, trust_env=False)

    def start(self) -> None:
        """Apply the manifests, start everything, and wait until the pods of `web` are measured."""
        self.deployment.apply()
        self.deployment.start("wao-controller")
        metrics_api = self.deployment.start("wao-metrics-api")
        self.deployment.route("wao-metrics-api", metrics_api)
        wait_for(self.deployment.available, "the metrics API is available")
        admin = self.bed.admin
        admin.create_all("/api/v1/nodes", NODES.nodes())
        admin.create_all(NODE_CONFIGS, NODES.node_configs())
        admin.create_all(PODS, [*NODES.base_pods(), *(web_pod(row) for row in range(len(NODES.names)))])
        admin.create(SERVICES, service("web", selector={"app": "web"}))
        wait_for(lambda: self.measured() >= set(NODES.names), "CPU of the pods", pause=1.0)
        self.weights = self.start_weights()
        self.node.start()
        self.agent = self.start_agent()

    def start_weights(self) -> Container:
        """Start the weight service, always on the same port; weights go to their target at once."""
        flags = (f"--port={self.node.lb_port}", "--settle-time=0", "--agent-check-port=0")
        return self.deployment.start("wao-lb", *flags, without=("--agent-check-port",))

    def start_agent(self, name: str = NODES.names[0]) -> Container:
        """Start the node agent as the DaemonSet does on a node."""
        variables = {"NODE_NAME": name, "NODE_IP": "127.0.0.1"}
        flags = (f"--weights-stale={STALE}", "--weights-period=0.2", "--cluster-cidr=10.244.0.0/16")
        return self.deployment.start("wao-lb-agent", *flags, within=self.node.within, variables=variables)

    def close(self) -> None:
        """End everything."""
        self._http.close()
        self.deployment.stop()
        self.node.stop()

    def measured(self) -> set[str]:
        """Return the nodes whose pod of `web` metrics-server has CPU of."""
        items = self.bed.admin.get("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods")["items"]
        names = {item["metadata"]["name"] for item in items}
        return {name for row, name in enumerate(NODES.names) if f"web-{row}" in names}

    def document(self, name: str) -> Any:
        """Return the weights of a Service, None when it is not weighed."""
        answer = self._http.get(f"/v1/weights/default/{name}")
        assert answer.status_code in (200, 404), answer.text
        return answer.json() if answer.status_code == 200 else None

    def listed(self, prefix: str) -> list[Any]:
        """Return what the list of all Services says of those whose name begins so."""
        return [item for item in self._http.get("/v1/weights").json()["services"] if item["service"].startswith(prefix)]

    def shares(self, name: str) -> dict[str, float]:
        """Return the share that is served for each address [%]; nothing for a Service that is not weighed."""
        return {
            item["address"]: item["weight"]
            for port in (self.document(name) or {"ports": []})["ports"]
            for item in port["endpoints"]
        }

    def watts(self, by_node: dict[str, float]) -> float:
        """Return the power of all nodes when the load of `web` is split so [W]."""
        fleet = NODES.fleet()
        parts = np.array([by_node.get(name, 0.0) for name in fleet.names]) / sum(by_node.values())
        return float(fleet.with_usage(fleet.usage_cores + POD_CORES * len(parts) * parts).watts().sum())


class NodeNamespace:
    """The network namespace of a node; loopback leads to the API server and, at port 443, to the weight service."""

    def __init__(self, bed: ControlPlane, lb_port: int) -> None:
        self.name, self.lb_port = f"wao-lb-{os.getpid()}", lb_port
        self.within = ("ip", "netns", "exec", self.name)
        self._folder, self._api_port = bed.folder, bed.url.rpartition(":")[2]
        self._hosts = Path("/etc/netns") / self.name
        self._relays: list[Program] = []

    def start(self) -> None:
        """Make it and its ways out."""
        self._hosts.mkdir(parents=True)
        (self._hosts / "hosts").write_text("127.0.0.1 localhost wao-lb.wao-system.svc\n")
        subprocess.run(["ip", "netns", "add", self.name], check=True, timeout=30)
        subprocess.run([*self.within, "ip", "link", "set", "lo", "up"], check=True, timeout=30)
        ends = {f"tcp:{self._api_port}": f"tcp:{self._api_port}", "tcp:443": f"tcp:{self.lb_port}"}
        sockets = [f"unix:{self._folder}/relay-{number}" for number in range(len(ends))]
        outside = [f"{path}={end}" for path, end in zip(sockets, ends.values(), strict=True)]
        inside = [f"{end}={path}" for path, end in zip(sockets, ends, strict=True)]
        for name, within, pairs in (("relay-out", (), outside), ("relay-in", self.within, inside)):
            relay = Program(name, [*within, sys.executable, "-m", "tests.cluster.lb.relay", *pairs], self._folder)
            self._relays.append(relay)
            relay.start(lambda relay=relay: "ready" in relay.tail())  # type: ignore[misc]

    def stop(self) -> None:
        """Take it away."""
        for relay in reversed(self._relays):
            relay.stop()
        subprocess.run(["ip", "netns", "del", self.name], check=False, timeout=30, capture_output=True)
        (self._hosts / "hosts").unlink(missing_ok=True)
        if self._hosts.exists():
            self._hosts.rmdir()

    def table(self) -> str:
        """Return the agent's table, as nft lists it."""
        command = [*self.within, "nft", "list", "table", "ip", "wao-loadbalancer"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout

    def maps(self, prefix: str) -> int:
        """Return the number of weight maps of Services whose name begins so."""
        return len(re.findall(rf"\n\tmap split-[A-Z0-9]{{8}}-default/{prefix}", self.table()))

    def shares(self, name: str) -> dict[str, float]:
        """Return the share of each address that is in the kernel for a Service [%]; nothing when it is not there."""
        found = re.search(rf"\n\tmap split-[A-Z0-9]{{8}}-default/{name}/\S* {{(.*?)\n\t}}", self.table(), re.DOTALL)
        ranges = re.findall(r"(\d+)(?:-(\d+))? : ([0-9.]+) \. \d+", found.group(1) if found else "")
        return {ip: 100.0 * (int(last or first) - int(first) + 1) / 2**24 for first, last, ip in ranges}


def web_pod(row: int) -> dict[str, Any]:
    """Return the pod of `web` on a node."""
    return usage_pod(f"web-{row}", "web", NODES.names[row], POD_CORES, limit=20.0)


def crowd_pod(row: int) -> dict[str, Any]:
    """Return a pod that many Services share, spread over the nodes."""
    return usage_pod(f"crowd-{row}", "crowd", NODES.names[row % len(NODES.names)], 0.05, limit=1.0)


def named_pod(name: str, app: str, node: str) -> dict[str, Any]:
    """Return an idle pod of an app on a node."""
    return usage_pod(name, app, node, 0.05, limit=1.0)


def usage_pod(name: str, app: str, node: str, usage: float, limit: float | None) -> dict[str, Any]:
    """Return a pod of an app on a node, with the CPU that it uses and its limit [cores], or with neither limit."""
    body = pod(name, cpu=f"{limit or 0:g}", node_name=node, usage=f"{usage:g}")
    body["metadata"]["labels"] = {"app": app}
    stated = {} if limit is None else {"cpu": f"{limit:g}"}
    body["spec"]["containers"][0]["resources"] = {"requests": stated, "limits": stated}
    return body


def service(name: str, *, labels: dict[str, str] | None = None, selector: dict[str, str] | None = None) -> Any:
    """Return a Service; ours by its label by default."""
    spec: dict[str, Any] = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    if selector:
        spec["selector"] = selector
    return {"metadata": {"name": name, "labels": LABEL if labels is None else labels}, "spec": spec}


def slice_of(name: str, pods: Iterable[Any]) -> dict[str, Any]:
    """Return an EndpointSlice made by hand, without the label that the controller copies from the Service."""
    endpoints = [
        {
            "addresses": [item["status"]["podIP"]],
            "nodeName": item["spec"]["nodeName"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "namespace": "default", "name": item["metadata"]["name"]},
        }
        for item in pods
    ]
    return {
        "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
