"""Everything that schedules, deployed from our manifests with its own accounts, and what tests do with it."""

from __future__ import annotations

import base64
import os
import signal
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import yaml

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.deployment import NAMESPACE, Container, Deployment
from tests.cluster.bed.program import Program, free_port, wait_for
from tests.cluster.scheduler.fleets import CORES, NODE_CONFIGS, Group
from wao_predict import watt_increase

PODS = "/api/v1/namespaces/default/pods"
LOOPBACK = "--endpoint-network=127.0.0.0/8"  # the model servers of the tests are on this machine
SETTINGS = {"metricsCacheTTL": "2s", "predictorCacheTTL": "8s"}
"""Short, so that tests see changes soon; the rest as shipped."""
PATIENCE = 300.0
"""Seconds that a test waits for what comes by itself; much more than a slow machine needs."""


class Site:
    """Controller, metrics API, extender, our kube-scheduler (`wao-scheduler`) and a stock one (`stock-scheduler`).

    Parameters
    ----------
    settings
        Settings of the extender that differ from the shipped ones.
    rules
        Rules that have a profile and a kube-scheduler of their own, such as `floor-scheduler`.
    """

    def __init__(
        self,
        bed: ControlPlane,
        metrics_server: Program,
        settings: Mapping[str, object] | None = None,
        *,
        rules: Sequence[str] = (),
    ) -> None:
        self.bed, self.metrics_server = bed, metrics_server
        self._changed = SETTINGS if settings is None else settings
        self._rules = rules
        self.deployment = Deployment(bed)
        self.port = free_port()
        self._settings = bed.folder / "extender.yaml"
        self._http = httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", verify=False, trust_env=False)

    def start(self, *, schedulers: bool = True) -> Site:
        """Apply the manifests and start everything."""
        self.deployment.apply()
        self.deployment.start("wao-controller")
        shipped = yaml.safe_load(self._map("wao-scheduler"))
        shipped["profiles"] |= {rule: {"rule": rule} for rule in self._rules}
        self._settings.write_text(yaml.safe_dump(shipped | self._changed))
        self.metrics_api = self.start_metrics_api()
        self.extender = self.start_extender()
        if schedulers:
            account = self.scheduler_account()
            self.bed.start_scheduler(self.scheduler_config(), name="wao-kube-scheduler", account=account)
            for rule in self._rules:
                config = self.scheduler_config(f"{rule}-scheduler", rule)
                self.bed.start_scheduler(config, name=f"{rule}-kube-scheduler", account=account)
            self.bed.start_scheduler({"profiles": [{"schedulerName": "stock-scheduler"}]}, name="stock-scheduler")
        return self

    def start_metrics_api(self) -> Container:
        """Start the metrics API and lead the aggregator to it."""
        made = self.deployment.start("wao-metrics-api", LOOPBACK)
        self.deployment.route("wao-metrics-api", made)
        wait_for(self.deployment.available, "the metrics API is available", seconds=PATIENCE)
        return made

    def start_extender(self) -> Container:
        """Start the extender, always on the same port."""
        flags = (f"--port={self.port}", f"--config={self._settings}", LOOPBACK)
        return self.deployment.start("wao-scheduler", *flags, without=("--config",))

    def close(self) -> None:
        """End everything."""
        self._http.close()
        self.deployment.stop()

    def create(self, *groups: Group) -> None:
        """Create nodes."""
        for path, bodies in (
            ("/api/v1/nodes", [item for group in groups for item in group.nodes()]),
            (NODE_CONFIGS, [item for group in groups for item in group.node_configs()]),
            (PODS, [item for group in groups for item in group.base_pods()]),
        ):
            self.bed.admin.create_all(path, bodies)

    def add(self, *groups: Group) -> None:
        """Create nodes, and wait until their CPU is measured."""
        self.create(*groups)
        wanted = {name for group in groups for name in group.names}
        wait_for(lambda: wanted <= self.untainted(), "nodes ready", seconds=PATIENCE, pause=2.0)
        seen = set[str]()  # metrics-server leaves some out now and then; the extender keeps their last sample

        def each_measured_once() -> bool:
            seen.update(self.measured())
            return wanted <= seen

        wait_for(each_measured_once, f"CPU of {len(wanted)} nodes", seconds=PATIENCE, pause=2.0)
        wait_for(lambda: self.known() >= len(wanted), "their curves", seconds=PATIENCE, pause=0.5)

    def measured(self) -> set[str]:
        """Return the nodes that metrics-server has CPU of."""
        items = self.bed.admin.get("/apis/metrics.k8s.io/v1beta1/nodes")["items"]
        return {item["metadata"]["name"] for item in items}

    def untainted(self) -> set[str]:
        """Return the nodes that take pods."""
        items = self.bed.admin.get("/api/v1/nodes")["items"]
        return {item["metadata"]["name"] for item in items if not item["spec"].get("taints")}

    def place(self, group: Group, prefix: str, count: int, cpu: float, *, by: str = "wao-scheduler") -> dict[str, str]:
        """Create pods at once, wait until all are bound, and return the node of each."""
        bodies = [group.pod(f"{prefix}-{number}", cpu, by) for number in range(count)]
        self.bed.admin.create_all(PODS, bodies)
        waiting = f"{PODS}?labelSelector=run%3D{prefix}&fieldSelector=spec.nodeName%3D&limit=1"
        bound = lambda: not self.bed.admin.get(waiting)["items"] and len(self.placed(prefix)) == count  # noqa: E731
        wait_for(bound, f"{count} pods bound", seconds=PATIENCE, pause=0.2)
        return self.placed(prefix)

    def place_one(self, group: Group, name: str, cpu: float, *, seconds: float = PATIENCE) -> str:
        """Create a pod, wait until it is bound, and return its node."""
        self.bed.admin.create(PODS, group.pod(name, cpu, "wao-scheduler"))
        path = f"{PODS}/{name}"
        found = lambda: self.bed.admin.get(path)["spec"].get("nodeName", "")  # noqa: E731
        return str(wait_for(found, f"{name} bound", seconds=seconds, pause=0.004))

    def placed(self, prefix: str, path: str = PODS) -> dict[str, str]:
        """Return the node of each bound pod of a run."""
        items = self.bed.admin.get(f"{path}?labelSelector=run%3D{prefix}")["items"]
        return {item["metadata"]["name"]: item["spec"]["nodeName"] for item in items if item["spec"].get("nodeName")}

    def clear(self, prefix: str = "") -> None:
        """Delete the pods of a run, or of all runs."""
        selector = f"labelSelector=run%3D{prefix}" if prefix else "labelSelector=run"
        path = f"{PODS}?{selector}"
        self.bed.admin.request("DELETE", path, {"gracePeriodSeconds": 0})
        gone = lambda: not self.bed.admin.get(f"{path}&limit=1")["items"]  # noqa: E731
        wait_for(gone, f"pods {prefix} gone", seconds=PATIENCE, pause=0.2)

    def score(self, name: str, nodes: list[str]) -> Any:
        """Ask the extender to score a pod of 1 core as kube-scheduler does, and return what it tells of it."""
        resources = {"requests": {"cpu": "1"}}
        metadata = {"name": name, "namespace": "default", "uid": name}
        body = {"Pod": {"metadata": metadata, "spec": {"containers": [{"resources": resources}]}}, "NodeNames": nodes}
        with self._as_kube_scheduler() as http:
            http.post("/default/prioritize", json=body).raise_for_status()
        return wait_for(lambda: self.decision(name), f"decision on {name}")

    def decision(self, name: str) -> Any:
        """Return what the extender tells of a pod, None when it knows nothing."""
        answer = self._http.get("/v1/decisions", params={"pod": f"default/{name}", "limit": "10000"})
        return answer.json() if answer.status_code == 200 else None

    def cheapest(self, group: Group, name: str) -> tuple[str, float]:
        """Return a pod's node, and how much more it costs than the library's best on the same inputs [W]."""
        decision = self.decision(name)
        rows = {row["node"]: row for row in decision["nodes"]}
        fleet = group.fleet()
        usage = np.array([rows.get(node, {}).get("usageCores") for node in fleet.names], dtype=float)
        load, step = 100.0 * usage / CORES, 100.0 * decision["cpuCores"] / CORES
        increase = watt_increase(fleet.curves, load, step)
        return decision["chosen"], float(increase[fleet.names.index(decision["chosen"])] - np.nanmin(increase))

    def metric(self, name: str) -> float:
        """Return a figure of the extender's metrics, its series written as there."""
        lines = self._http.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def nodes_by_state(self) -> Mapping[str, int]:
        """Return how many nodes the extender has measured, on a fallback, or unknown."""
        return {
            state: int(self.metric(f'wao_extender_nodes{{state="{state}"}}'))
            for state in ("measured", "fallback", "unknown")
        }

    def known(self) -> int:
        """Return how many nodes the extender can score."""
        states = self.nodes_by_state()
        return states["measured"] + states["fallback"]

    @contextmanager
    def stopped(self, pid: int) -> Iterator[None]:
        """Hold a process: it keeps its connections and answers nothing."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def scheduler_account(self) -> Path:
        """Return the kubeconfig of our kube-scheduler's ServiceAccount."""
        return self.bed.config_for_account(NAMESPACE, "wao-kube-scheduler")

    def scheduler_config(self, name: str = "", profile: str = "default") -> dict[str, Any]:
        """Return the shipped configuration of our kube-scheduler, led to a profile of the extender on loopback."""
        config: dict[str, Any] = yaml.safe_load(self._map("wao-kube-scheduler"))
        authority = self.bed.folder / "wao-ca.crt"
        authority.write_text(self._map("wao-ca", "ca.crt"))
        (asked,) = config["extenders"]
        asked["urlPrefix"] = f"https://127.0.0.1:{self.port}/{profile}"
        asked["tlsConfig"] |= {"caFile": str(authority)} | self._client_certificate()
        if name:
            config["leaderElection"] = {"leaderElect": False}  # the shipped one has the Lease
            (named,) = config["profiles"]
            named["schedulerName"] = name
        return config

    def _as_kube_scheduler(self) -> httpx2.Client:
        """Return a client with the certificate of kube-scheduler, without which the extender answers 401."""
        files = self._client_certificate()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # loopback, as for reading
        context.load_cert_chain(files["certFile"], files["keyFile"])
        return httpx2.Client(base_url=self._http.base_url, verify=context, trust_env=False)

    def _client_certificate(self) -> dict[str, str]:
        """Write kube-scheduler's client certificate, and return the fields of tlsConfig that name its files."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/wao-kube-scheduler-tls"
        wait_for(lambda: self.bed.admin.request("GET", path).status_code == 200, "the client certificate")
        data = self.bed.admin.get(path)["data"]
        files = {"certFile": "tls.crt", "keyFile": "tls.key"}
        for key in files.values():
            (self.bed.folder / f"client-{key}").write_bytes(base64.b64decode(data[key]))
        return {field: str(self.bed.folder / f"client-{key}") for field, key in files.items()}

    def _map(self, name: str, key: str = "config.yaml") -> str:
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}"
        found: dict[str, Any] = {}

        def there() -> bool:
            answer = self.bed.admin.request("GET", path)
            found.update(answer.json().get("data") or {} if answer.status_code == 200 else {})
            return key in found

        wait_for(there, f"ConfigMap {name}")
        return str(found[key])
