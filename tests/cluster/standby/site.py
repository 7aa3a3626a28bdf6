"""Standby on a control plane: the deployed controller, and servers that are really gone when they are off."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from tests.cluster.bed.controlplane import ControlPlane, pod
from tests.cluster.bed.deployment import Container, Deployment
from tests.cluster.bed.program import PATIENCE, BedError, wait_for
from tests.cluster.standby.day import FLAGS, OFF_WATTS, curve_of
from tests.cluster.standby.machines import LOGIN, Machine, Machines
from tests.fakes.workload_manifests import MANIFESTS
from wao_core.collector.secrets import ALLOWED_ENDPOINTS
from wao_predict.timestamps import parse_rfc3339

CONFIGS = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-bmc/nodeconfigs"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
LOCAL = "--endpoint-network=127.0.0.0/8"


class Site:
    """Machines, and the deployed controller."""

    def __init__(self, bed: ControlPlane, machines: Machines) -> None:
        self.bed, self.fleet, self.machines = bed, machines, machines.machines
        self.deployment = Deployment(bed)
        self.controller: Container | None = None

    def configure(self) -> None:
        """Install the manifests, the account that switches power, and a NodeConfig for each machine."""
        self.deployment.apply(MANIFESTS / "namespace")
        self.deployment.apply(MANIFESTS / "standby")
        self.deployment.issue("wao-standby")
        # the Pods of the Deployment would be scheduled: the process that the test starts is in their place
        self.bed.admin.patch("/apis/apps/v1/namespaces/wao-system/deployments/wao-standby", {"spec": {"replicas": 0}})
        data = {
            key: base64.b64encode(text.encode()).decode()
            for key, text in zip(("username", "password"), LOGIN, strict=True)
        }
        metadata = {"name": "power", "annotations": {ALLOWED_ENDPOINTS: "127.0.0.0/8"}}
        self.bed.admin.create("/api/v1/namespaces/wao-power/secrets", {"metadata": metadata, "data": data})
        for machine in self.machines.values():
            self.bed.admin.create(CONFIGS, self.config(machine))
        wait_for(
            lambda: not self.bed.admin.get("/api/v1/namespaces/wao-system/pods")["items"], "no Pod of ours is left"
        )

    def config(self, machine: Machine) -> dict[str, Any]:
        standby = {
            "method": "Redfish",
            "endpoint": machine.bmc.url,
            "basicAuthSecret": {"name": "power"},
            "tls": {"caBundle": self.bed.ca.file.read_text()},
            "offWatts": OFF_WATTS,
            "startTimeout": "40s",
            "shutdownTimeout": "600s",
        }
        idle, busy = curve_of(machine.cores)
        points = [{"cpuUsage": 0, "watts": idle}, {"cpuUsage": 100, "watts": busy}]
        model = {"type": "PowerCurve", "endpoint": "", "points": points}
        return {
            "apiVersion": "node.waok8s.github.io/v1beta1",
            "kind": "NodeConfig",
            "metadata": {"name": machine.name, "namespace": "wao-bmc"},
            "spec": {
                "nodeName": machine.name,
                "metricsCollector": {},
                "predictor": {"powerConsumption": model},
                "standby": standby,
            },
        }

    def start(self, *more: str, act: bool = True) -> None:
        self.controller = self.deployment.start("wao-standby", *(["--act"] if act else []), *FLAGS, LOCAL, *more)

    def stop(self) -> None:
        assert self.controller is not None
        self.controller.stop()

    def plan(self) -> Mapping[str, Any]:
        """Return the last decision of the controller; empty before the first."""
        assert self.controller is not None
        answer = httpx2.get(f"{self.controller.url}/v1/standby", verify=False, timeout=10.0)
        return answer.json() if answer.status_code == 200 else {}

    def decides(self) -> None:
        """Wait until the controller decides on what it sees now, without a doubt."""
        since = time.time()
        self.until(
            lambda: (plan := self.plan()) and (parse_rfc3339(plan["at"]) or 0.0) > since and plan["mayStop"],
            "a decision without a doubt",
        )

    def has_tested(self, name: str) -> None:
        """Let a node have the record of an earlier controller that its start has been tested."""
        condition = {"type": "WakeTested", "status": "True", "reason": "Started", "message": "a start succeeded"}
        status = {"conditions": [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
        self.bed.admin.patch(f"{CONFIGS}/{name}/status", {"status": status})

    def start_seconds(self) -> list[float]:
        """Return how long the last start of each node took."""
        statuses = [item["status"]["standby"] for item in self.bed.admin.get(CONFIGS)["items"]]
        return [status["startSeconds"] for status in statuses if "startSeconds" in status]

    def hold(self, name: str) -> None:
        """Put a Pod on a node that its PodDisruptionBudget keeps there."""
        labels = {"app": f"held-{name}"}
        template = pod("held", cpu="1")["spec"]
        template["nodeSelector"] = {"kubernetes.io/hostname": name}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}}
        spec["template"] = {"metadata": {"labels": labels}, "spec": template}
        self.bed.admin.create(DEPLOYMENTS, {"metadata": {"name": f"held-{name}"}, "spec": spec})
        budget = {"maxUnavailable": 0, "selector": {"matchLabels": labels}}
        self.bed.admin.create(BUDGETS, {"metadata": {"name": f"held-{name}"}, "spec": budget})
        self.until(lambda: self.replicas(f"held-{name}"), "the held Pod runs")

    def let_go(self, name: str) -> None:
        """Delete this Pod."""
        self.bed.admin.request("DELETE", f"{DEPLOYMENTS}/held-{name}", {"propagationPolicy": "Background"})

    def crash(self) -> None:
        assert self.controller is not None
        self.controller.stop(kill=True)

    def lose_api_server(self) -> None:
        """Kill the API server, and start it again on the same data."""
        assert self.bed.apiserver is not None
        self.bed.apiserver.kill()
        self.bed.start_apiserver()

    def command(self, *arguments: str) -> str:
        """Run `wao standby` as a person does."""
        command = [sys.executable, "-m", "wao_predict.cli", "standby", *arguments]
        done = subprocess.run(
            [*command, "--kubeconfig", str(self.bed.kubeconfig)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def phases(self) -> dict[str, str]:
        items = self.bed.admin.get(CONFIGS)["items"]
        return {item["metadata"]["name"]: item.get("status", {}).get("standby", {}).get("phase", "") for item in items}

    def powers(self) -> list[str]:
        """Return the power state of each node that its NodeConfig shows."""
        return [item["status"]["standby"]["powerState"] for item in self.bed.admin.get(CONFIGS)["items"]]

    def conditions(self, kind: str) -> dict[str, str]:
        found = {}
        for item in self.bed.admin.get(CONFIGS)["items"]:
            for condition in item.get("status", {}).get("conditions", []):
                if condition["type"] == kind:
                    found[item["metadata"]["name"]] = condition["status"]
        return found

    def tested(self) -> set[str]:
        return {name for name, status in self.conditions("WakeTested").items() if status == "True"}

    def marks(self) -> list[str]:
        """Return the nodes that are cordoned, tainted by us or not Ready."""
        found = []
        for item in self.bed.admin.get("/api/v1/nodes")["items"]:
            ready = {each["type"]: each["status"] for each in item["status"].get("conditions", [])}.get("Ready")
            ours = [taint for taint in item["spec"].get("taints", []) if "waok8s" in taint["key"]]
            if item["spec"].get("unschedulable") or ours or ready != "True":
                found.append(item["metadata"]["name"])
        return found

    def autoscale(self, name: str, *, cpu: str, replicas: int) -> None:
        """Create a Deployment of one Pod, and a HorizontalPodAutoscaler that wants more of them."""
        template = pod(name, cpu=cpu)
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": template["spec"]}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        self.bed.admin.create(DEPLOYMENTS, {"metadata": {"name": name}, "spec": spec})
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        limits = {"scaleTargetRef": target, "minReplicas": replicas, "maxReplicas": replicas}
        self.bed.admin.create(AUTOSCALERS, {"metadata": {"name": name}, "spec": limits})

    def end_autoscaling(self, name: str) -> None:
        for path in (f"{AUTOSCALERS}/{name}", f"{DEPLOYMENTS}/{name}"):
            self.bed.admin.request("DELETE", path, {"propagationPolicy": "Background"})

    def replicas(self, name: str) -> list[str]:
        """Return the names of the Pods of a Deployment that have a node."""
        found = self.bed.admin.get(f"{PODS}?labelSelector=app%3D{name}")["items"]
        return [item["metadata"]["name"] for item in found if item["spec"].get("nodeName")]

    def arrive(self, *names: str, cpu: str) -> None:
        for name in names:
            self.bed.admin.create(PODS, pod(name, cpu=cpu))

    def placed(self, *names: str) -> bool:
        return all(self.bed.admin.get(f"{PODS}/{name}")["spec"].get("nodeName") for name in names)

    def waited(self, name: str) -> float:
        """Return the seconds from the creation of a Pod to its binding."""
        found = self.bed.admin.get(f"{PODS}/{name}")
        created = parse_rfc3339(found["metadata"]["creationTimestamp"])
        (bound,) = [item for item in found["status"]["conditions"] if item["type"] == "PodScheduled"]
        since = parse_rfc3339(bound["lastTransitionTime"])
        assert created is not None
        assert since is not None
        return since - created

    def leave(self, *names: str) -> None:
        for name in names:
            self.bed.admin.request("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})

    def until(self, condition: Callable[[], object], what: str) -> None:
        try:
            wait_for(condition, what, pause=0.3)
        except BedError as error:
            log = self.controller.text()[-6000:] if self.controller is not None else "no controller"
            raise BedError(f"{error}: {self.phases()}\n{log}") from None
