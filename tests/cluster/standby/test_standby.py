"""A day in fast motion: real kube-scheduler and API server, and servers that are really gone when they are off."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane, pod
from tests.cluster.bed.deployment import Container, Deployment
from tests.cluster.bed.program import PATIENCE, BedError, wait_for
from tests.cluster.build import BuildError, build
from tests.cluster.conftest import kubectl
from tests.cluster.standby.machines import BOOT, LOGIN, SYSTEM, Machine, Machines
from tests.fakes.workload_manifests import MANIFESTS
from wao_core.collector.secrets import ALLOWED_ENDPOINTS
from wao_predict.timestamps import parse_rfc3339

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
CONFIGS = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-bmc/nodeconfigs"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
FAST = (
    "--period=1",
    "--empty-seconds=3",
    "--on-seconds=3",
    "--off-seconds=1",
    "--look-back-seconds=2",
    "--spare-cores=4",
    "--spare-percent=0",
    "--no-reserve-largest",
    "--stops-at-once=4",
    "--endpoint-network=127.0.0.0/8",
)
ALLOWANCE = 30.0
"""Seconds that a Pod may wait in addition to the start of a server."""


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
            "startTimeout": "40s",
            "shutdownTimeout": "60s",
        }
        return {
            "apiVersion": "node.waok8s.github.io/v1beta1",
            "kind": "NodeConfig",
            "metadata": {"name": machine.name, "namespace": "wao-bmc"},
            "spec": {"nodeName": machine.name, "metricsCollector": {}, "predictor": {}, "standby": standby},
        }

    def start(self, *more: str, act: bool = True) -> None:
        self.controller = self.deployment.start("wao-standby", *(["--act"] if act else []), *FAST, *more)

    def stop(self) -> None:
        assert self.controller is not None
        self.controller.stop()

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

    def cordoned(self) -> list[str]:
        """Return the nodes that are being drained, and cordoned."""
        phases = self.phases()
        return [name for name in self.marks() if phases[name] == "Draining"]

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A control plane without kwok, four machines, and the installed controller."""
    try:
        programs = build()
    except BuildError as error:
        pytest.fail(str(error))
    bed = ControlPlane(programs, tmp_path_factory.mktemp("standby"))
    try:
        bed.start_all(kwok=False)
        bed.start_scheduler()
        pair = bed.ca.issue("bmc", hosts=("127.0.0.1", "localhost"))
        with Machines(4, pair, bed.admin) as machines:
            made = Site(bed, machines)
            made.configure()
            made.until(lambda: not made.marks(), "all nodes are Ready")
            yield made
            made.deployment.stop()
    finally:
        bed.stop()


def test_a_day_in_fast_motion(site: Site) -> None:
    """Untested nodes stay on; tested ones go to sleep, come back for Pods in time, and survive faults of all parts."""
    # starts are tested in recommend mode, as docs/standby.md says: nothing else is switched off meanwhile
    site.start(act=False)
    names = list(site.machines)
    for some in (names[:3], names[3:]):  # one node runs all the time: missing capacity would end the tests
        for name in some:
            site.command("test", name)
        site.until(lambda some=some: site.tested() >= {*some}, "every start is tested")  # type: ignore[misc]
    assert all(machine.bmc.resets for machine in site.machines.values())
    assert "Asleep" not in site.phases().values()
    site.stop()

    # night: all but one node go to sleep, although the API server dies in the drain and in the shutdown, and a BMC too
    site.start()
    site.until(site.cordoned, "a drain begins")
    first = site.cordoned()[0]
    site.fleet.stop_bmc(first)
    site.lose_api_server()
    site.until(lambda: site.phases()[first] == "ShuttingDown", "a server cannot be shut down without its BMC")
    site.lose_api_server()
    site.fleet.start_bmc(first)
    site.until(lambda: list(site.phases().values()).count("Asleep") == 3, "the night")
    shown = kubectl(site.bed, "get", "nodeconfigs", "-n", "wao-bmc")
    assert shown.count("Off") == 3
    assert "Asleep" in site.command("status")

    # noon: an autoscaler adds Pods that fit on no running node
    site.autoscale("noon", cpu="20", replicas=4)
    site.until(lambda: len(site.replicas("noon")) == 4, "noon")
    assert max(map(site.waited, site.replicas("noon"))) <= BOOT + ALLOWANCE

    # a BMC that states Off although the server runs: nothing happens
    lying = site.machines[names[0]]
    resets, beats = len(lying.bmc.resets), lying.beats
    lying.lies, lying.bmc.power_states[SYSTEM] = True, "Off"
    site.until(lambda: lying.beats > beats + 3, "some rounds of the controller")
    assert (len(lying.bmc.resets), site.phases()[lying.name]) == (resets, "Running")
    lying.lies, lying.bmc.power_states[SYSTEM] = False, "On"

    # evening, and a crash in the middle of the sequences
    site.end_autoscaling("noon")
    site.until(lambda: "Draining" in site.phases().values(), "a drain begins")
    site.crash()
    site.start("--stop")
    site.until(lambda: not site.marks() and set(site.phases().values()) == {"Running"}, "everything is given back")
    site.crash()

    # a crash while servers are off, and one that never starts again
    site.start()
    site.until(lambda: list(site.phases().values()).count("Asleep") == 3, "the second night")
    site.crash()
    asleep = [name for name, phase in site.phases().items() if phase == "Asleep"]
    broken = site.machines[asleep[0]]
    broken.boots = False
    morning = [f"morning-{number}" for number in range(3)]
    site.arrive(*morning, cpu="30")
    site.start()
    site.until(lambda: site.placed(*morning), "the morning")
    site.until(lambda: site.conditions("WakeFailed").get(broken.name) == "True", "the broken server is marked")
    events = kubectl(site.bed, "get", "events", "-A", "--field-selector", f"involvedObject.name={broken.name}")
    assert "WakeFailed" in events

    # it is repaired, and everything is started by the kill switch
    broken.boots = True
    site.command("wake", "--all")
    site.until(lambda: not site.marks() and set(site.phases().values()) == {"Running"}, "everything runs")
    assert site.conditions("WakeFailed")[broken.name] == "False"
    assert site.conditions("WakeTested")[broken.name] == "False"
