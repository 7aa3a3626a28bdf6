"""Our manifests on a real control plane: every part runs with its own account only, and nothing interrupts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.deployment import GROUP, NAMESPACE, Container, Deployment
from tests.cluster.bed.hardware import Hardware
from tests.cluster.bed.program import wait_for
from tests.cluster.conftest import kubectl
from wao_demo.bmcs import LOGIN

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
BMC_NAMESPACE = "wao-bmc"  # where the servers may read Secrets
BASE = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{NAMESPACE}"
RAW = f"/apis/{GROUP}/v1beta2/nodes/*/inlet_temp"
BMC_BASE = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{BMC_NAMESPACE}"
FORMS = Path(__file__).with_name("reference_forms.yaml")
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"


def node_config(name: str, value: float) -> dict[str, Any]:
    collector = {
        "inletTemp": {"type": "Fake", "endpoint": "", "value": value, "fetchInterval": "1s"},
        "deltaP": {"type": "Fake", "endpoint": "", "value": 7.5},
    }
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name},
        "spec": {"nodeName": name, "metricsCollector": collector, "predictor": {}},
    }


def values(bed: ControlPlane, path: str = RAW) -> dict[str, str]:
    answer = bed.admin.request("GET", path)
    if answer.status_code != 200:
        return {}
    return {item["describedObject"]["name"]: item["value"] for item in answer.json()["items"]}


class Running:
    """The deployment and its two components."""

    def __init__(self, bed: ControlPlane) -> None:
        self.deployment = Deployment(bed)
        self.deployment.apply()
        self.controller = self.deployment.start("wao-controller")
        self.api = self.start_api()

    def start_api(self) -> Container:
        made = self.deployment.start("wao-metrics-api", "--endpoint-network", "127.0.0.0/8")
        self.deployment.route("wao-metrics-api", made)
        wait_for(self.deployment.available, "the API is available")
        return made


@pytest.fixture(scope="module")
def running(bed: ControlPlane) -> Iterator[Running]:
    for number in (1, 2):
        bed.admin.create("/api/v1/nodes", node(f"d-{number}"))
    made = Running(bed)
    for number in (1, 2):
        bed.admin.create(f"{BASE}/nodeconfigs", node_config(f"d-{number}", 20.0 + number))
    yield made
    made.deployment.stop()


class Watching:
    """Asks for the metrics all the time, on new connections, and counts what goes wrong."""

    def __init__(self, bed: ControlPlane) -> None:
        self._bed = bed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.asked = 0
        self.failures: list[str] = []

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            answer = self._bed.admin.request("GET", RAW)
            self.asked += 1
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.text[:200]}")

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_the_metrics_are_served_through_the_aggregator_with_its_verification(
    bed: ControlPlane, running: Running
) -> None:
    wait_for(lambda: {"d-1", "d-2"} <= set(values(bed)), "both values")
    assert values(bed)["d-1"] == "21"


def test_no_right_is_missing(bed: ControlPlane, running: Running) -> None:
    def reported() -> bool:
        status = bed.admin.get(f"{BASE}/nodeconfigs/d-1").get("status") or {}
        return any(item.get("name") == "inlet_temp" and item.get("value") for item in status.get("metrics", []))

    wait_for(reported, "the status was written")
    for container in running.deployment.running:
        assert "forbidden" not in container.text().lower(), container.text()


def test_a_node_config_shows_what_counts_in_its_columns(bed: ControlPlane, running: Running) -> None:
    def shown() -> bool:
        table = kubectl(bed, "get", "nodeconfigs", "-n", NAMESPACE).splitlines()
        return "NODE" in table[0] and any(line.split()[0] == "d-1" and "True" in line for line in table[1:])

    wait_for(shown, "the columns", pause=0.5)


def test_the_metrics_api_may_not_read_the_key_of_the_authority(bed: ControlPlane, running: Running) -> None:
    config = bed.config_for_account(NAMESPACE, "wao-metrics-api")
    command = ["kubectl", "--kubeconfig", str(config), "get", "secret", "wao-ca", "-n", "wao-pki"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "forbidden" in done.stderr
    assert bed.admin.get("/api/v1/namespaces/wao-pki/secrets/wao-ca")["type"] == "kubernetes.io/tls"


def test_the_serving_certificate_is_renewed_without_a_restart(bed: ControlPlane, running: Running) -> None:
    before = bed.admin.get(f"{SECRETS}/wao-metrics-api-tls")["data"]["tls.crt"]
    with Watching(bed) as watching:
        bed.admin.delete(f"{SECRETS}/wao-metrics-api-tls")

        def issued() -> bool:
            answer = bed.admin.request("GET", f"{SECRETS}/wao-metrics-api-tls")
            return answer.status_code == 200 and answer.json()["data"]["tls.crt"] != before

        wait_for(issued, "a new certificate")
        running.deployment.mount(
            {"secret": {"secretName": "wao-metrics-api-tls"}, "name": "tls"}, running.api.mounts / "tls"
        )
        wait_for(lambda: "loaded the changed serving certificate" in running.api.text(), "it was loaded")
        asked = watching.asked
        wait_for(lambda: watching.asked > asked + 50, "and used")
    assert not watching.failures
    assert watching.asked > 50


def test_a_lost_authority_is_replaced_and_nobody_notices(bed: ControlPlane, running: Running) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/wao-ca"
    with Watching(bed) as watching:
        bed.admin.delete("/api/v1/namespaces/wao-pki/secrets/wao-ca")
        wait_for(lambda: bed.admin.get(path)["data"]["ca.crt"].count("BEGIN") == 2, "both authorities")
        asked = watching.asked
        wait_for(lambda: watching.asked > asked + 50, "requests after it")
    assert not watching.failures
    bundle = bed.admin.get(f"/apis/apiregistration.k8s.io/v1/apiservices/v1beta2.{GROUP}")["spec"]["caBundle"]
    assert len(bundle) > 800  # two certificates, base64


def test_the_authority_of_the_aggregator_is_rotated_without_a_restart(bed: ControlPlane, running: Running) -> None:
    def trusted() -> int:
        path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
        return int(bed.admin.get(path)["data"]["requestheader-client-ca-file"].count("BEGIN"))

    with Watching(bed) as watching:
        fresh = bed.rotate_front_proxy_authority()
        wait_for(lambda: trusted() == 2, "the API server publishes both", pause=0.5)
        asked = watching.asked
        wait_for(lambda: watching.asked > asked + 100, "the metrics API has read both")
        bed.use_front_proxy_authority(fresh)
        asked = watching.asked
        wait_for(lambda: watching.asked > asked + 300, "requests with the new certificate")
    assert not watching.failures, watching.failures[:3]


def test_an_autoscaler_follows_the_inlet_temperature(bed: ControlPlane, running: Running) -> None:
    bed.admin.create("/apis/apps/v1/namespaces/default/deployments", deployment_of_one("fans"))
    described = {"apiVersion": "v1", "kind": "Node", "name": "d-1"}
    metric = {
        "type": "Object",
        "object": {
            "describedObject": described,
            "metric": {"name": "inlet_temp"},
            "target": {"type": "Value", "value": "21"},
        },
    }
    bed.admin.create(HPAS, autoscaler("fans", metric))

    def replicas() -> int:
        return int(bed.admin.get("/apis/apps/v1/namespaces/default/deployments/fans")["spec"]["replicas"])

    bed.admin.patch(f"{BASE}/nodeconfigs/d-1", {"spec": node_config("d-1", 63.0)["spec"]})
    wait_for(lambda: replicas() == 3, "scaled up", pause=0.5)
    bed.admin.patch(f"{BASE}/nodeconfigs/d-1", {"spec": node_config("d-1", 5.0)["spec"]})
    wait_for(lambda: replicas() == 1, "scaled down", pause=0.5)


def test_an_autoscaler_of_pod_metrics_gets_the_error_that_there_are_none(bed: ControlPlane, running: Running) -> None:
    bed.admin.create("/apis/apps/v1/namespaces/default/deployments", deployment_of_one("pods"))
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "inlet_temp"}, "target": {"type": "AverageValue", "averageValue": "20"}},
    }
    bed.admin.create(HPAS, autoscaler("pods", metric))

    def reported() -> str:
        conditions = (bed.admin.get(f"{HPAS}/pods").get("status") or {}).get("conditions") or []
        return next((item["message"] for item in conditions if item["type"] == "ScalingActive"), "")

    message = str(wait_for(reported, "the condition", pause=0.5))
    assert "could not find the metric inlet_temp for pods" in message


def test_the_metrics_api_is_killed_and_comes_back(bed: ControlPlane, running: Running) -> None:
    running.api.stop(kill=True)
    wait_for(lambda: bed.admin.request("GET", RAW).status_code == 503, "it is gone")
    running.api = running.start_api()
    wait_for(lambda: {"d-1", "d-2"} <= set(values(bed)), "the values are back")


def test_the_api_server_is_restarted_under_it(bed: ControlPlane, running: Running) -> None:
    bed.stop_apiserver()
    bed.start_apiserver()
    bed.admin.create("/api/v1/nodes", node("d-3"))
    bed.admin.create(f"{BASE}/nodeconfigs", node_config("d-3", 33.0))
    wait_for(lambda: values(bed).get("d-3") == "33", "it sees what is new", pause=0.2)


def test_a_node_that_moves_or_gets_another_name_is_followed(bed: ControlPlane, running: Running) -> None:
    made = node("d-4", labels={"moving": "yes"})
    made["status"]["addresses"] = [{"type": "InternalIP", "address": "10.9.9.1"}]
    bed.admin.create("/api/v1/nodes", made)
    create_moving_template(bed)

    def endpoint() -> str:
        answer = bed.admin.request("GET", f"{BASE}/nodeconfigs/moving-d-4")
        found = answer.json().get("spec", {}).get("metricsCollector", {}).get("inletTemp", {}).get("endpoint", "")
        return str(found)

    wait_for(endpoint, "the NodeConfig")
    address = {"type": "InternalIP", "address": "10.9.9.7"}

    def moved() -> bool:
        # kwok writes the addresses that it gave to the node, so ask for ours until it is seen
        answer = bed.admin.request(
            "PATCH",
            "/api/v1/nodes/d-4/status",
            {"status": {"addresses": [address]}},
            Content_Type="application/merge-patch+json",
        )
        assert answer.status_code == 200
        return endpoint() == "https://10.9.9.7:1"

    wait_for(moved, "the new address")
    # a node cannot be renamed: it joins again under its new name
    bed.admin.delete("/api/v1/nodes/d-4")
    bed.admin.create("/api/v1/nodes", node("d-5", labels={"moving": "yes"}))

    def configs() -> set[str]:
        items = bed.admin.get(f"{BASE}/nodeconfigs")["items"]
        return {name for item in items if (name := item["metadata"]["name"]).startswith("moving-")}

    wait_for(lambda: configs() == {"moving-d-5"}, "the NodeConfig under the new name alone")


def test_one_dead_and_one_hung_bmc_of_a_hundred_leave_the_others_fresh(bed: ControlPlane, running: Running) -> None:
    pair = bed.service_ca.issue("bmc", hosts=("127.0.0.1",))
    login = {"username": LOGIN[0], "password": LOGIN[1]}
    secret = {"metadata": {"name": "bmc-login"}, "stringData": login}
    bed.admin.create(f"/api/v1/namespaces/{BMC_NAMESPACE}/secrets", secret)
    with Hardware(100, pair) as hardware:
        bed.admin.create_all("/api/v1/nodes", [node(f"b-{number}") for number in range(100)])
        documents = []
        for number, bmc in enumerate(hardware.bmcs):
            document = node_config(f"b-{number}", 0.0)
            document["spec"]["metricsCollector"]["inletTemp"] = {
                "type": "Redfish",
                "endpoint": bmc.url,
                "basicAuthSecret": {"name": "bmc-login"},
                "fetchInterval": "2s",
                "tls": {"caBundle": bed.service_ca.file.read_text()},
            }
            documents.append(document)
        bed.admin.create_all(f"{BMC_BASE}/nodeconfigs", documents)
        names = {f"b-{number}" for number in range(100)}
        wait_for(lambda: names <= set(values(bed)), "all of them are read", pause=0.5)
        hardware.pull_the_plug(7)
        hardware.bmcs[8].faults.hang = True
        alive = names - {"b-7", "b-8"}
        # its value counts for a while longer, then it is gone from the list, alone
        wait_for(lambda: alive == names & set(values(bed)), "the two are left out", pause=0.5)
        assert ages(bed, alive) < 8.0
        wait_for(lambda: condition(bed, "b-7", "Collecting", base=BMC_BASE)["status"] == "False", "it is reported")
    assert LOGIN[1] not in running.api.text()
    for name in sorted(names):
        bed.admin.delete(f"{BMC_BASE}/nodeconfigs/{name}")


def test_documents_in_the_forms_of_the_reference_work_unchanged(bed: ControlPlane, running: Running) -> None:
    for name, label in (("r-plain", "plain"), ("r-provider", "provider"), ("reference-single", "")):
        bed.admin.create("/api/v1/nodes", node(name, labels={"reference": label} if label else {}))
    kubectl(bed, "apply", "-f", str(FORMS))
    names = {"r-plain", "r-provider", "reference-single"}
    wait_for(lambda: names <= set(values(bed)), "all three are read")
    assert {values(bed)[name] for name in names} == {"15500m"}
    for config in ("reference-plain-r-plain", "reference-provider-r-provider", "reference-single"):
        predicted = lambda config=config: condition(bed, config, "Predicting")["status"] == "True"  # noqa: E731
        wait_for(predicted, f"{config} is predicted")


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_a_standby_takes_over(bed: ControlPlane, running: Running, kill: bool) -> None:
    standby = running.deployment.start("wao-controller")
    wait_for(lambda: f"_{running.controller.process.pid}" in holder(bed), "the first leads")
    began = time.monotonic()
    running.controller.stop(kill=kill)
    wait_for(lambda: f"_{standby.process.pid}" in holder(bed), "the standby leads")
    sys.stderr.write(f"\nthe standby leads after {time.monotonic() - began:.1f} s\n")
    running.controller = standby
    create_moving_template(bed)
    name = f"standby-{os.urandom(2).hex()}"
    bed.admin.create("/api/v1/nodes", node(name, labels={"moving": "yes"}))
    path = f"{BASE}/nodeconfigs/moving-{name}"
    wait_for(lambda: bed.admin.request("GET", path).status_code == 200, "and works")


HPAS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


def create_moving_template(bed: ControlPlane) -> None:
    """Let nodes labelled moving=yes be asked at their address."""
    sensor = {"type": "Redfish", "endpoint": "https://{{ .IPv4.Address }}:1"}
    body = {
        "metricsCollector": {"inletTemp": sensor, "deltaP": {"type": "Fake", "endpoint": ""}},
        "predictor": {},
    }
    document = {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfigTemplate",
        "metadata": {"name": "moving"},
        "spec": {"nodeSelector": {"matchLabels": {"moving": "yes"}}, "template": body},
    }
    bed.admin.create(f"{BASE}/nodeconfigtemplates", document)


def condition(bed: ControlPlane, name: str, kind: str, *, base: str = BASE) -> dict[str, Any]:
    status = bed.admin.get(f"{base}/nodeconfigs/{name}").get("status") or {}
    found: dict[str, Any] = next(
        (item for item in status.get("conditions", []) if item["type"] == kind), {"status": ""}
    )
    return found


def ages(bed: ControlPlane, names: set[str]) -> float:
    """Return the age of the oldest value of these nodes, in seconds."""
    items = bed.admin.get(RAW)["items"]
    times = [item["timestamp"] for item in items if item["describedObject"]["name"] in names]
    return max((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds() for time in times)


def holder(bed: ControlPlane) -> str:
    lease = bed.admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/wao-controller")
    return str(lease["spec"].get("holderIdentity") or "")


def deployment_of_one(name: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(name, cpu="10m", node_name="d-2")["spec"]}
    template["spec"].pop("terminationGracePeriodSeconds")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def autoscaler(name: str, metric: dict[str, Any]) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5, "metrics": [metric]},
    }


def test_what_kubectl_prints_is_json(bed: ControlPlane, running: Running) -> None:
    document = json.loads(kubectl(bed, "get", "--raw", RAW))
    assert document["kind"] == "MetricValueList"
