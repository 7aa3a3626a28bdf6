"""`wao doctor` on a real control plane: each test breaks one thing, and the check of that thing finds it."""

from __future__ import annotations

import asyncio
import base64
import copy
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import wait_for
from tests.cluster.doctor.conftest import NODES
from tests.cluster.scheduler.site import Site
from tests.fakes.planted import IN_URL, PASSWORD, TOKEN, USER, assert_clean
from wao_core.certificates.authority import issue, new_authority
from wao_core.kube.client import KubeClient
from wao_doctor.bundle import write_bundle
from wao_doctor.diagnosis import Diagnosis, diagnose_cluster
from wao_doctor.settings import DoctorSettings
from wao_predict.timestamps import format_rfc3339

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SYSTEM = "/api/v1/namespaces/wao-system"
DEPLOYMENTS = "/apis/apps/v1/namespaces/wao-system/deployments"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
TEMPLATES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/nodeconfigtemplates.node.waok8s.github.io"
CONFIGS = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system/nodeconfigs"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
FIRST = NODES.names[0]
FAKE = {"type": "Fake", "endpoint": "", "value": 20}


class Doctor:
    """Examines the site as an account that has the ClusterRole of the manifests only, or as an administrator."""

    def __init__(self, site: Site) -> None:
        self.site, self.bed = site, site.bed
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        self.bed.admin.create(accounts, {"metadata": {"name": "doctor"}})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "wao-doctor"}
        subject = {"kind": "ServiceAccount", "name": "doctor", "namespace": "default"}
        binding = {"metadata": {"name": "doctor"}, "roleRef": role, "subjects": [subject]}
        self.bed.admin.create(f"{RBAC}/clusterrolebindings", binding)
        self._account = self.bed.config_for_account("default", "doctor")

    def examine(self, *checks: str, admin: bool = False, timeout: float = 20.0) -> Diagnosis:
        """Return what some checks find, or all checks."""

        async def run() -> Diagnosis:
            client = await KubeClient.connect(self.bed.kubeconfig if admin else self._account)
            try:
                return await diagnose_cluster(client, DoctorSettings(timeout=timeout), checks)
            finally:
                await client.close()

        return asyncio.run(run())

    def finds(self, check: str, *, admin: bool = False) -> dict[str, str]:
        """Return subject and evidence of what a check finds, by kind."""
        findings = self.examine(check, admin=admin).report.findings
        return {finding.kind: f"{finding.subject}: {finding.evidence}" for _, finding in findings}

    def expect(self, check: str, kind: str, *, admin: bool = False) -> str:
        """Wait until a check finds this kind, and return subject and evidence."""
        found: dict[str, str] = {}

        def there() -> bool:
            found.clear()
            found.update(self.finds(check, admin=admin))
            return kind in found

        wait_for(there, f"{check} finds {kind}", pause=0.2)
        return found[kind]

    @contextmanager
    def broken(self, check: str, *, admin: bool = False) -> Iterator[None]:
        """Wait afterwards until the check finds what it found before, and nothing else."""
        before = self.finds(check, admin=admin).keys()
        yield
        wait_for(lambda: self.finds(check, admin=admin).keys() == before, f"{check} is as before", pause=0.2)


@pytest.fixture(scope="module")
def doctor(site: Site) -> Iterator[Doctor]:
    """The doctor of a site whose configuration of kube-scheduler names the extender on loopback."""
    config = yaml.safe_dump(site.scheduler_config())
    with changed(site.bed, f"{SYSTEM}/configmaps/wao-kube-scheduler", {"data": {"config.yaml": config}}):
        yield Doctor(site)


@contextmanager
def changed(bed: ControlPlane, path: str, patch: dict[str, Any], *, sub: str = "") -> Iterator[None]:
    """Merge a patch into an object, or into its subresource, and undo that afterwards."""
    before = bed.admin.get(path)
    bed.admin.patch(path + sub, patch)
    try:
        yield
    finally:
        bed.admin.patch(path + sub, _undoing(patch, before))


def _undoing(patch: dict[str, Any], before: Any) -> dict[str, Any]:
    """Return the patch that gives each changed field its old value, null if it had none."""
    found: dict[str, Any] = {}
    for key, value in patch.items():
        old = before.get(key) if isinstance(before, dict) else None
        found[key] = _undoing(value, old) if isinstance(value, dict) and isinstance(old, dict) else old
    return found


@contextmanager
def created(bed: ControlPlane, folder: str, body: dict[str, Any]) -> Iterator[None]:
    """Create an object, and delete it afterwards."""
    bed.admin.create(folder, body)
    try:
        yield
    finally:
        bed.admin.delete(f"{folder}/{body['metadata']['name']}")


def workload(kind: str, name: str, *, secret: str = "", **spec: Any) -> dict[str, Any]:
    """Return a workload of WAO, as far as the API server needs it."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "wao"}
    volumes = [{"name": "tls", "secret": {"secretName": secret}}] if secret else []
    pod = {"containers": [{"name": "c", "image": "wao:0.1.0"}], "volumes": volumes}
    template = {"metadata": {"labels": labels}, "spec": pod}
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": selector, "template": template, **spec},
    }


def config(name: str, *, sensor: dict[str, Any] = FAKE, model: str = "edge_lenovo") -> dict[str, Any]:
    """Return a NodeConfig for the node of this name."""
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name},
        "spec": {
            "nodeName": name,
            "metricsCollector": {"inletTemp": sensor, "deltaP": FAKE},
            "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": model}},
        },
    }


def test_the_shipped_role_is_enough_for_every_check_but_secrets(doctor: Doctor) -> None:
    report = doctor.examine().report
    unknown = {finding.kind for _, finding in report.findings if finding.severity.value == "unknown"}
    assert unknown == {"certificate-not-read"}
    fine = {result.check.name for result in report.results if result.severity.value == "ok"}
    assert fine >= {"api-server", "crds", "api-services", "rbac", "scheduler", "models", "clocks", "rebalance"}


def test_api_server_that_hangs(doctor: Doctor) -> None:
    assert doctor.bed.apiserver is not None
    with doctor.site.stopped(doctor.bed.apiserver.pid):
        report = doctor.examine(timeout=0.5).report
    assert [finding.kind for _, finding in report.findings if finding.severity.value == "error"] == [
        "api-server-unreachable"
    ]


def test_crds_of_an_older_release(doctor: Doctor) -> None:
    versions = copy.deepcopy(doctor.bed.admin.get(TEMPLATES)["spec"]["versions"])
    del versions[0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["nodes"]
    with doctor.broken("crds"), changed(doctor.bed, TEMPLATES, {"spec": {"versions": versions}}):
        assert doctor.expect("crds", "crd-older").endswith("missing: status.nodes")


def test_parts_without_a_leader_and_with_another_image(doctor: Doctor) -> None:
    other = workload("Deployment", "wao-rebalance", replicas=1)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "wao:0.0.1"
    with doctor.broken("parts"), created(doctor.bed, DEPLOYMENTS, other):
        assert doctor.expect("parts", "part-without-leader") == "Lease wao-system/wao-rebalance: it does not exist"
        assert "wao:0.0.1 (1)" in doctor.expect("parts", "images-differ")


def test_api_services_of_another_adapter(doctor: Doctor) -> None:
    path = f"{API_SERVICES}/v1beta2.custom.metrics.k8s.io"
    rival = {"spec": {"service": {"namespace": "monitoring", "name": "prometheus-adapter"}}}
    with doctor.broken("api-services"), changed(doctor.bed, path, rival):
        found = doctor.expect("api-services", "api-of-another-adapter")
        assert found.endswith("it references monitoring/prometheus-adapter, prometheus-adapter")
    wait_for(doctor.site.deployment.available, "the metrics API is available")


def test_certificates_that_have_expired(doctor: Doctor) -> None:
    then = datetime.now(UTC) - timedelta(days=400)
    pair = issue(new_authority(then), ["wao-old"], then)
    data = {"tls.crt": base64.b64encode(pair.certificate).decode(), "tls.key": base64.b64encode(pair.key).decode()}
    secret = {"metadata": {"name": "wao-old-tls"}, "type": "kubernetes.io/tls", "data": data}
    mounting = workload("Deployment", "wao-old", secret="wao-old-tls", replicas=0)
    with (
        doctor.broken("certificates", admin=True),
        created(doctor.bed, f"{SYSTEM}/secrets", secret),
        created(doctor.bed, DEPLOYMENTS, mounting),
    ):
        found = doctor.expect("certificates", "certificate-expired", admin=True)
        assert found.startswith("Secret wao-system/wao-old-tls: CN=wao-old expired 310d ago")


def test_rights_of_an_older_release(doctor: Doctor) -> None:
    path = f"{RBAC}/clusterroles/wao-lb"
    rules = [rule for rule in doctor.bed.admin.get(path)["rules"] if rule["resources"] != ["endpointslices"]]
    with doctor.broken("rbac"), changed(doctor.bed, path, {"rules": rules}):
        found = doctor.expect("rbac", "right-missing")
        assert found.startswith("ServiceAccount wao-system/wao-lb: refused: get endpointslices.discovery.k8s.io")


def test_scheduler_that_does_not_reach_or_weigh_the_extender(doctor: Doctor) -> None:
    path = f"{SYSTEM}/configmaps/wao-kube-scheduler"
    document = yaml.safe_load(doctor.bed.admin.get(path)["data"]["config.yaml"])
    document["extenders"][0] |= {"urlPrefix": "https://127.0.0.1:1/default", "weight": 0}
    with doctor.broken("scheduler"), changed(doctor.bed, path, {"data": {"config.yaml": yaml.safe_dump(document)}}):
        assert doctor.expect("scheduler", "extender-without-weight").endswith("weight is 0")
        assert doctor.expect("scheduler", "extender-unreachable").startswith("https://127.0.0.1:1/default: Client")


def test_metrics_server_that_hangs_leaves_the_other_checks_alone(doctor: Doctor) -> None:
    with doctor.site.stopped(doctor.site.metrics_server.pid):
        report = doctor.examine("metrics-server", "nodes", "models", timeout=1.0).report
    assert {result.check.name: result.severity.value for result in report.results if result.check.name != "nodes"} == {
        "metrics-server": "unknown",
        "models": "ok",
    }


def test_nodes_without_a_config_and_without_cpu_samples(doctor: Doctor) -> None:
    new = node("doctor-new")
    del new["metadata"]["annotations"]
    with doctor.broken("sensors"), doctor.broken("metrics-server"), created(doctor.bed, "/api/v1/nodes", new):
        assert doctor.expect("sensors", "node-without-config") == "doctor-new: 1 of 4 nodes"
        assert doctor.expect("metrics-server", "node-metrics-missing").startswith("doctor-new: 1 of 4 nodes")


def test_sensors_and_models_that_fail(doctor: Doctor) -> None:
    sensor = {"type": "DifferentialPressureAPI", "endpoint": "http://127.0.0.1:1", "fetchInterval": "1s"}
    with (
        created(doctor.bed, "/api/v1/nodes", node("doctor-bad")),
        created(doctor.bed, CONFIGS, config("doctor-bad", sensor=sensor, model="no_such_model")),
    ):
        assert doctor.expect("sensors", "sensor-fails").startswith("doctor-bad: inlet_temp: ")
        assert "no_such_model" in doctor.expect("models", "model-fails")


def test_clock_of_a_node_that_is_ahead(doctor: Doctor) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{FIRST}"
    ahead = format_rfc3339(time.time() + 120, microseconds=True)
    with changed(doctor.bed, path, {"spec": {"renewTime": ahead}}):
        assert doctor.expect("clocks", "node-clock-ahead").startswith(f"{FIRST}: in the future: {FIRST} ")


def test_services_without_a_proxy_and_with_two(doctor: Doctor) -> None:
    labels = {"service.kubernetes.io/service-proxy-name": "wao-loadbalancer"}
    service = {"metadata": {"name": "shop", "labels": labels}, "spec": {"ports": [{"port": 80}]}}
    rival = workload("DaemonSet", "wao-loadbalancer")
    with (
        doctor.broken("proxies"),
        created(doctor.bed, "/api/v1/namespaces/default/services", service),
        created(doctor.bed, "/apis/apps/v1/namespaces/kube-system/daemonsets", rival),
    ):
        assert doctor.expect("proxies", "service-without-proxy").startswith("default/shop: 1 Service: ")
        assert doctor.expect("proxies", "rival-proxy") == "DaemonSet kube-system/wao-loadbalancer: wao:0.1.0"


def test_nodes_with_an_old_kernel_and_an_old_nft(doctor: Doctor) -> None:
    patch = {"status": {"nodeInfo": {**doctor.bed.admin.get(f"/api/v1/nodes/{FIRST}")["status"]["nodeInfo"]}}}
    patch["status"]["nodeInfo"]["kernelVersion"] = "5.4.0-42-generic"
    patch["status"]["nodeInfo"]["osImage"] = "Ubuntu 20.04.6 LTS"
    with changed(doctor.bed, f"/api/v1/nodes/{FIRST}", patch, sub="/status"):
        assert doctor.expect("nodes", "kernel-old") == f"{FIRST}: kernel 5.4.0-42-generic"
        assert doctor.expect("nodes", "nft-old") == f"{FIRST}: Ubuntu 20.04 has nft 0.9.3"


def test_node_that_the_rebalancer_left_draining(doctor: Doctor) -> None:
    taint = {"key": "waok8s.github.io/draining", "value": "rebalance", "effect": "PreferNoSchedule"}
    with doctor.broken("rebalance"), changed(doctor.bed, f"/api/v1/nodes/{FIRST}", {"spec": {"taints": [taint]}}):
        assert doctor.expect("rebalance", "node-left-draining").startswith(f"{FIRST}: taint ")


def test_nodes_that_sleep_while_standby_is_not_installed(doctor: Doctor) -> None:
    asleep = {"status": {"standby": {"phase": "Asleep", "powerState": "Off"}}}
    with doctor.broken("standby"), changed(doctor.bed, f"{CONFIGS}/{FIRST}", asleep, sub="/status"):
        assert doctor.expect("standby", "asleep-without-standby").startswith(f"{FIRST}: 1 node: phase Asleep")


def test_a_support_bundle_has_no_credentials(doctor: Doctor, tmp_path: Path) -> None:
    login = {"username": USER, "password": PASSWORD}
    secret = {"metadata": {"name": "doctor-login"}, "stringData": login}
    bad = workload("Deployment", "wao-planted", replicas=0)
    container = bad["spec"]["template"]["spec"]["containers"][0]
    container |= {"args": [f"--token={TOKEN}"], "env": [{"name": "PASSWORD", "value": PASSWORD}]}
    bad["metadata"]["annotations"] = {"note": PASSWORD}
    sensor = {"type": "DifferentialPressureAPI", "endpoint": f"http://{USER}:{IN_URL}@127.0.0.1:1"}
    sensor["basicAuthSecret"] = {"name": "doctor-login"}  # type: ignore[assignment]
    with (
        created(doctor.bed, f"{SYSTEM}/secrets", secret),
        created(doctor.bed, DEPLOYMENTS, bad),
        created(doctor.bed, CONFIGS, config("doctor-login", sensor=sensor)),
    ):
        found = doctor.examine(admin=True)
    write_bundle(tmp_path / "bundle.tar.gz", found.report, found.facts)
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        texts = {name: file.read().decode() for name, file in files.items() if file is not None}
    assert "doctor-login" in texts["wao-doctor/facts/node_configs.json"]
    assert "wao-planted" in texts["wao-doctor/facts/workloads.json"]
    assert "PRIVATE KEY" not in "".join(texts.values())
    assert_clean(texts.values())
