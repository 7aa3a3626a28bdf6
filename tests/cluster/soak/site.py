"""All parts of WAO on one control plane, those with a standby twice, and nodes whose BMC has a name."""

from __future__ import annotations

import os
import shutil
import ssl
from typing import Any

import httpx2
import yaml

from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.deployment import NAMESPACE, Container
from tests.cluster.bed.hardware import Hardware
from tests.cluster.bed.program import Program, free_port, wait_for
from tests.cluster.scheduler.site import LOOPBACK, PODS, Site
from wao_demo.bmcs import LOGIN

BMC = "bmc.soak.test"
LABELS = {"soak": "yes"}
NODES = [f"soak-{number}" for number in range(6)]
BMC_NAMESPACE = "wao-bmc"  # where the servers may read Secrets
OURS = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{BMC_NAMESPACE}"
WEB = {"service.kubernetes.io/service-proxy-name": "wao-loadbalancer"}
CORES = 32


class SoakSite(Site):
    """Two controllers, two metrics APIs, the extender, the weight service, a kube-scheduler that asks the extender."""

    def __init__(self, bed: ControlPlane, metrics_server: Program, hardware: Hardware) -> None:
        super().__init__(bed, metrics_server)
        self.hardware = hardware
        self.lb_port = free_port()
        self.hosts = bed.folder / "hosts"
        self.parts: dict[str, Container] = {}
        self.nodes: set[str] = set()
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._stranger = httpx2.Client(verify=False, trust_env=False, timeout=5.0, limits=limits)

    @property
    def resolves_names(self) -> bool:
        """Whether the metrics API has a table of names of its own, which needs root."""
        return os.geteuid() == 0 and shutil.which("unshare") is not None

    def start(self, *, schedulers: bool = True) -> Site:
        """Start everything, and wait until all of it works."""
        self.let_names_resolve(True)
        super().start(schedulers=schedulers)
        self.parts["controller 1"] = next(each for each in self.deployment.running if each.name == "wao-controller")
        self.parts["metrics API 1"] = self.metrics_api
        self.parts["extender"] = self.extender
        for name in ("controller 2", "metrics API 2", "weight service"):
            self.start_part(name)
        self._create()
        return self

    def start_part(self, name: str) -> Container:
        """Start a part, or start it again after its end."""
        match name.rstrip(" 12"):
            case "controller":
                made = self.deployment.start("wao-controller")
            case "metrics API":
                made = self._metrics_api()
            case "extender":
                made = self.extender = self.start_extender()
            case _:
                flags = (f"--port={self.lb_port}", "--settle-time=0", "--agent-check-port=0")
                made = self.deployment.start("wao-lb", *flags, without=("--agent-check-port",))
        self.parts[name] = made
        return made

    def start_metrics_api(self) -> Container:
        """Start the first metrics API and lead the aggregator to it."""
        made = self._metrics_api()
        self.lead_to(made)
        wait_for(self.deployment.available, "the metrics API is available")
        return made

    def lead_to(self, metrics_api: Container) -> None:
        """Let the aggregator ask this metrics API, as a Service leads to the ready ones."""
        self.metrics_api = metrics_api
        self.deployment.route("wao-metrics-api", metrics_api)

    def unready(self) -> list[str]:
        """Return the parts that are not ready; a probe shows no certificate."""
        return [name for name in self.parts if not self.is_ready(name)]

    def is_ready(self, name: str) -> bool:
        """Return whether a part says that it is ready."""
        try:
            return self._stranger.get(f"{self.parts[name].url}/readyz").status_code == 200
        except httpx2.HTTPError:
            return False

    def let_names_resolve(self, right: bool) -> None:
        """Let the BMC's name resolve for the metrics API, or not."""
        self.hosts.write_text(f"127.0.0.1 localhost {BMC if right else ''}\n")

    def add_node(self, name: str) -> None:
        """Create a node with a base load and a pod of the Service."""
        admin = self.bed.admin
        admin.create("/api/v1/nodes", node(name, cores=CORES, labels=LABELS))
        admin.create(PODS, pod(f"base-{name}", cpu="2", node_name=name, usage="2"))
        web = pod(f"web-{name}", cpu="1", node_name=name, usage="1")
        web["metadata"]["labels"] = {"app": "web"}
        web["spec"]["containers"][0]["resources"]["limits"] = {"cpu": "8"}
        admin.create(PODS, web)
        self.nodes.add(name)

    def remove_node(self, name: str) -> None:
        """Delete a node and its pods."""
        self.nodes.discard(name)
        for path in (f"{PODS}/base-{name}", f"{PODS}/web-{name}", f"/api/v1/nodes/{name}"):
            self.bed.admin.delete(f"{path}?gracePeriodSeconds=0")

    def edit_template(self, interval: str) -> None:
        """Let the template ask for another interval, so that all NodeConfigs change."""
        spec = self._template()["spec"]
        spec["template"]["metricsCollector"]["inletTemp"]["fetchInterval"] = interval
        self.bed.admin.patch(f"{OURS}/nodeconfigtemplates/soak", {"spec": spec})
        self.interval = interval

    def client(self) -> httpx2.Client:
        """Return a client with kube-scheduler's certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        files = self._client_certificate()
        context.load_cert_chain(files["certFile"], files["keyFile"])
        limits = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.Client(verify=context, trust_env=False, timeout=5.0, limits=limits)

    def _metrics_api(self) -> Container:
        script = f'mount --bind {self.hosts} /etc/hosts && exec "$0" "$@"'
        within = ("unshare", "--mount", "sh", "-c", script) if self.resolves_names else ()
        return self.deployment.start("wao-metrics-api", LOOPBACK, within=within)

    def _create(self) -> None:
        self.interval = "2s"
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        secret = {"metadata": {"name": "bmc-login"}, "stringData": login}
        self.bed.admin.create(f"/api/v1/namespaces/{BMC_NAMESPACE}/secrets", secret)
        self.bed.admin.create(f"{OURS}/nodeconfigtemplates", self._template())
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        service = {"metadata": {"name": "web", "labels": WEB}, "spec": {"ports": ports, "selector": {"app": "web"}}}
        self.bed.admin.create("/api/v1/namespaces/default/services", service)
        for name in NODES:
            self.add_node(name)

    def _template(self) -> dict[str, Any]:
        (bmc,) = self.hardware.bmcs
        port = bmc.url.rpartition(":")[2]
        host = BMC if self.resolves_names else "127.0.0.1"
        sensor = {
            "type": "Redfish",
            "endpoint": f"https://{host}:{port}",
            "fetchInterval": "2s",
            "basicAuthSecret": {"name": "bmc-login"},
            "tls": {"caBundle": self.bed.service_ca.file.read_text()},
        }
        body = {
            "metricsCollector": {"inletTemp": sensor, "deltaP": {"type": "Fake", "endpoint": "", "value": 7.5}},
            "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": "cloud_dell"}},
        }
        return {
            "apiVersion": "node.waok8s.github.io/v1beta1",
            "kind": "NodeConfigTemplate",
            "metadata": {"name": "soak"},
            "spec": {"nodeSelector": {"matchLabels": LABELS}, "template": body},
        }


def credentials(bed: ControlPlane) -> list[str]:
    """Return what no log may show: the BMC's password, the tokens of our accounts, and private keys."""
    configs = [yaml.safe_load(file.read_text()) for file in bed.folder.glob(f"{NAMESPACE}-*.kubeconfig")]
    return [LOGIN[1], "PRIVATE KEY", *(user["user"]["token"] for config in configs for user in config["users"])]
