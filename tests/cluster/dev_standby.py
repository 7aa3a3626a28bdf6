"""Standby on the cluster to play with: servers with mock BMCs next to the nodes of kwok, and what a person can try."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster.bed.controlplane import ControlPlane, pod
from tests.cluster.bed.deployment import NAMESPACE, Container, Deployment
from tests.cluster.standby.machines import BMC, LABEL, LOGIN, Machines
from tests.fakes.workload_manifests import MANIFESTS

FAST = (
    *("--act", "--period=1", "--empty-seconds=60", "--on-seconds=60", "--off-seconds=10", "--look-back-seconds=60"),
    "--no-reserve-largest",
)
"""Minutes instead of hours. It acts at once: no node opts in before the template is applied."""


class StandbyParts:
    """Some servers that can be switched off, and the controller.

    Attributes
    ----------
    template
        File of the NodeConfigTemplate by which the servers opt in.
    """

    def __init__(self, bed: ControlPlane, deployment: Deployment, *, servers: int = 3) -> None:
        self._bed, self._deployment = bed, deployment
        pair = bed.ca.issue("bmc", hosts=("127.0.0.1", "localhost"))
        self._machines = Machines([32] * servers, pair, bed.admin, prefix="server-")
        self._started = False
        self.template: Path = bed.folder / "standby.yaml"
        self._pod: Path = bed.folder / "standby-pod.yaml"
        self.controller: Container | None = None

    def start(self) -> None:
        """Start the servers and the controller."""
        self._machines.__enter__()
        self._started = True
        self._deployment.apply(MANIFESTS / "standby")
        # processes run in place of our own Pods, which would wait for a node for ever
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        for item in self._bed.admin.get(path)["items"]:
            self._bed.admin.patch(f"{path}/{item['metadata']['name']}", {"spec": {"replicas": 0}})
        self.template.write_text(yaml.safe_dump(self._template()))
        self._pod.write_text(yaml.safe_dump(_pod()))
        self.controller = self._deployment.start("wao-standby", "--endpoint-network=127.0.0.0/8", *FAST)

    def stop(self) -> None:
        """End the servers; the controller ends with the other containers."""
        if self._started:
            self._machines.__exit__()

    def usage(self) -> str:
        """Return what a person can try."""
        assert self.controller is not None
        user, password = LOGIN
        return f"""
Standby: three servers that their mock BMCs really take away (docs/standby.md)

kubectl -n wao-power create secret generic bmc-power --from-literal=username={user} --from-literal=password={password}
kubectl -n wao-power annotate secret bmc-power waok8s.github.io/allowed-endpoints=127.0.0.0/8
kubectl apply -f {self.template}
.venv/bin/wao standby test server-0    # and server-1: off and on again, then they may sleep
.venv/bin/wao standby status
.venv/bin/wao standby plan --url {self.controller.url} --insecure
kubectl get nodeconfigs -n wao-bmc --watch    # after a minute without Pods, both go to sleep
kubectl create -f {self._pod}    # twice: the second Pod needs a server that sleeps
.venv/bin/wao standby wake --all
"""

    def _template(self) -> dict[str, object]:
        standby = {
            "method": "Redfish",
            "endpoint": f'https://{{{{ index .Annotations "{BMC}" }}}}',
            "basicAuthSecret": {"name": "bmc-power"},
            "tls": {"caBundle": self._bed.ca.file.read_text()},
            "startTimeout": "2m",
        }
        points = [{"cpuUsage": 0, "watts": 110}, {"cpuUsage": 100, "watts": 240}]
        model = {"type": "PowerCurve", "endpoint": "", "points": points}
        spec = {"metricsCollector": {}, "predictor": {"powerConsumption": model}, "standby": standby}
        return {
            "apiVersion": "node.waok8s.github.io/v1beta1",
            "kind": "NodeConfigTemplate",
            "metadata": {"name": "standby", "namespace": "wao-bmc"},
            "spec": {"nodeSelector": {"matchLabels": {LABEL: ""}}, "template": spec},
        }


def _pod() -> dict[str, object]:
    """Return a Pod that fills one of the servers."""
    made = pod("busy-", cpu="20", scheduler="stock-scheduler")
    spec = {**made["spec"], "nodeSelector": {LABEL: ""}}
    return {**made, "metadata": {"generateName": "busy-", "namespace": "default"}, "spec": spec}
