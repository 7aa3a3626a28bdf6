"""The control plane itself: etcd, API server, controller manager, scheduler, kwok and metrics-server."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.cluster.bed.certificates import Authority, Pair, key_pair
from tests.cluster.bed.client import Client, kubeconfig
from tests.cluster.bed.program import PATIENCE, BedError, Program, free_port, wait_for

CRDS = Path(__file__).parents[3] / "manifests" / "crds"
FRONT_PROXY = "front-proxy-client"
LEASE, LONG_LEASE = 40, 240
"""Seconds that a node's Lease holds, as is usual and when thrifty; kwok renews it at a quarter."""


class ControlPlane:
    """A cluster without nodes of its own. `start` the parts that a test needs; `stop` ends all of them.

    Parameters
    ----------
    programs
        Folder of `tests.cluster.build`.
    folder
        Empty; certificates, data and logs go there.
    thrifty
        Spend less CPU on side issues, for tests that measure no speed: renew the nodes' Leases seldom,
        which are most of the requests at rest, and collect garbage seldom.
    """

    def __init__(self, programs: Path, folder: Path, *, thrifty: bool = False) -> None:
        self.programs, self.folder = programs, folder
        self._lease = LONG_LEASE if thrifty else LEASE
        self._environment = {"GOGC": "400"} if thrifty else {}
        self.ca = Authority(folder, "cluster-ca")
        self.front_proxy_ca = Authority(folder, "front-proxy-ca")
        self.service_ca = Authority(folder, "service-ca")
        self._token_key, self._token_pub = key_pair(folder, "service-account")
        self._serving = self.ca.issue("apiserver", hosts=("127.0.0.1", "localhost", "kubernetes.default.svc"))
        self._proxy = self.front_proxy_ca.issue(FRONT_PROXY)
        self.url = f"https://127.0.0.1:{free_port()}"
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._running: list[Program] = []
        self._clients: list[Client] = []
        self.kubeconfig = self.config_for("admin", groups=("system:masters",))
        self.admin = self.client_for("admin", groups=("system:masters",))
        self.apiserver: Program | None = None

    def start(self) -> ControlPlane:
        """Start etcd, the API server and the controller manager."""
        self._start_etcd()
        self.start_apiserver()
        self._start_controllers()
        return self

    def start_all(self, *, kwok: bool = True, without: str = "") -> ControlPlane:
        """Start it with kwok, our custom resources, and our namespace; kwok ignores nodes with the label `without`."""
        self.start()
        if kwok:
            self.start_kwok(without=without)
        self.apply(CRDS)
        served = "/apis/node.waok8s.github.io/v1beta1/nodeconfigs"
        wait_for(lambda: self.admin.request("GET", served).status_code == 200, "the custom resources are served")
        self.admin.create("/api/v1/namespaces", {"metadata": {"name": "wao-system"}})
        return self

    def apply(self, folder: Path) -> None:
        """Apply a kustomization as a user does."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), "apply", "--server-side", "-k", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise BedError(f"{' '.join(command)}: {done.stderr}")

    def stop(self) -> None:
        """End all parts, the last one first."""
        if self.apiserver is not None:
            self.apiserver.kill()  # it would wait for every watch to end; there is nothing to be lost
        while self._running:
            self._running.pop().stop()
        for client in self._clients:
            client.close()

    def pair_for(self, user: str, groups: tuple[str, ...] = ()) -> Pair:
        """Return a client certificate."""
        return self.ca.issue(user, groups=groups)

    def config_for(self, user: str, groups: tuple[str, ...] = ()) -> Path:
        """Return a kubeconfig of a user with a client certificate."""
        file = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        return kubeconfig(file, self.url, self.ca.file, pair=self.pair_for(user, groups))

    def client_for(self, user: str, groups: tuple[str, ...] = ()) -> Client:
        """Return a client of a user with a client certificate."""
        made = Client(self.url, self.ca.file, pair=self.pair_for(user, groups))
        self._clients.append(made)
        return made

    def config_for_account(self, namespace: str, name: str, *, api: str = "") -> Path:
        """Return a kubeconfig with nothing but a ServiceAccount's token, for this API server or another URL of it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 172800}}
        token = self.admin.create(path, body)["status"]["token"]
        return kubeconfig(self.folder / f"{namespace}-{name}.kubeconfig", api or self.url, self.ca.file, token=token)

    def run(self, program: Program, ready: Any, *, seconds: float = PATIENCE) -> Program:
        """Start a program that `stop` ends with the rest."""
        self._running.append(program)
        return program.start(ready, seconds=seconds)

    def _start_etcd(self) -> None:
        peer = f"http://127.0.0.1:{free_port()}"
        arguments = {
            "--data-dir": self.folder / "etcd",
            "--listen-client-urls": self._etcd,
            "--advertise-client-urls": self._etcd,
            "--listen-peer-urls": peer,
            "--initial-advertise-peer-urls": peer,
            "--initial-cluster": f"default={peer}",
            "--unsafe-no-fsync": "true",
            "--log-level": "warn",
        }
        self.run(self._program("etcd", arguments), lambda: _answers(f"{self._etcd}/health"))

    def start_apiserver(self) -> Program:
        """Start the API server, or start it again on the same port and data."""
        port = self.url.rpartition(":")[2]
        arguments = {
            "--etcd-servers": self._etcd,
            "--secure-port": port,
            "--bind-address": "127.0.0.1",
            "--advertise-address": "127.0.0.1",
            "--tls-cert-file": self._serving.certificate,
            "--tls-private-key-file": self._serving.key,
            "--client-ca-file": self.ca.file,
            "--service-account-issuer": "https://kubernetes.default.svc",
            "--service-account-key-file": self._token_pub,
            "--service-account-signing-key-file": self._token_key,
            "--service-cluster-ip-range": "10.0.0.0/16",
            "--authorization-mode": "Node,RBAC",
            "--requestheader-client-ca-file": self.front_proxy_ca.file,
            "--requestheader-allowed-names": FRONT_PROXY,
            "--requestheader-username-headers": "X-Remote-User",
            "--requestheader-group-headers": "X-Remote-Group",
            "--requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "--proxy-client-cert-file": self._proxy.certificate,
            "--proxy-client-key-file": self._proxy.key,
            "--disable-admission-plugins": "ServiceAccount",
            "--endpoint-reconciler-type": "none",
        }
        if self.apiserver is not None:
            with contextlib.suppress(ValueError):
                self._running.remove(self.apiserver)
        self.apiserver = self.run(self._program("kube-apiserver", arguments), self.admin.ready)
        return self.apiserver

    def stop_apiserver(self) -> None:
        """Let the API server refuse new connections, and end it; `start_apiserver` starts it again."""
        assert self.apiserver is not None
        self.apiserver.stop(grace=3.0)  # it would wait a minute for every watch to end

    def rotate_front_proxy_authority(self) -> Authority:
        """Let the API server publish a second front-proxy CA in addition to the first; return it."""
        fresh = Authority(self.folder, f"front-proxy-ca-{len(list(self.folder.glob('front-proxy-ca*.crt')))}")
        both = self.front_proxy_ca.file.read_bytes() + fresh.file.read_bytes()
        temporary = self.front_proxy_ca.file.with_suffix(".new")
        temporary.write_bytes(both)
        temporary.rename(self.front_proxy_ca.file)
        return fresh

    def use_front_proxy_authority(self, fresh: Authority) -> None:
        """Let the aggregator show a certificate of the new CA."""
        pair = fresh.issue(f"{FRONT_PROXY}-new", name=FRONT_PROXY)
        pair.key.rename(self._proxy.key)
        pair.certificate.rename(self._proxy.certificate)

    def _start_controllers(self) -> None:
        config = self.config_for("system:kube-controller-manager")
        port = free_port()
        arguments = {
            "--kubeconfig": config,
            "--authentication-kubeconfig": config,
            "--authorization-kubeconfig": config,
            "--service-account-private-key-file": self._token_key,
            "--root-ca-file": self.ca.file,
            "--use-service-account-credentials": "true",
            "--leader-elect": "false",
            "--bind-address": "127.0.0.1",
            "--secure-port": port,
            "--node-monitor-grace-period": f"{self._lease + 10}s",
            "--horizontal-pod-autoscaler-sync-period": "3s",
            "--horizontal-pod-autoscaler-downscale-stabilization": "5s",
        }
        program = self._program("kube-controller-manager", arguments)
        self.run(program, lambda: _answers(f"https://127.0.0.1:{port}/healthz"))
        # healthy before all controllers are made; this account is the work of one of the last
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        wait_for(lambda: self.admin.request("GET", account).status_code == 200, "the controllers work")

    def start_scheduler(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        name: str = "kube-scheduler",
        account: Path | None = None,
        port: int = 0,
    ) -> Program:
        """Start a kube-scheduler with a configuration's profiles and extenders, as any or as a given account."""
        file = self.folder / f"{name}.yaml"
        account = account or self.config_for("system:kube-scheduler")
        document = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(account), "qps": 1000, "burst": 2000},
            "leaderElection": {"leaderElect": False},
            **(config or {}),
        }
        file.write_text(yaml.safe_dump(document))
        port = port or free_port()
        arguments = {
            "--config": file,
            "--authentication-kubeconfig": account,
            "--authorization-kubeconfig": account,
            "--bind-address": "127.0.0.1",
            "--secure-port": port,
        }
        return self.run(
            self._program("kube-scheduler", arguments, name), lambda: _answers(f"https://127.0.0.1:{port}/healthz")
        )

    def start_kwok(self, *, without: str = "") -> Program:
        """Start kwok: nodes become Ready, pods Running, and node metrics are served; not of nodes with a label."""
        managed = {"--manage-nodes-with-label-selector": f"!{without}"} if without else {"--manage-all-nodes": "true"}
        pair = self.ca.issue("kwok", hosts=("127.0.0.1", "localhost"))
        port = free_port()
        arguments = {
            "--kubeconfig": self.kubeconfig,
            **managed,
            "--cidr": "10.244.0.0/16",
            "--server-address": f"127.0.0.1:{port}",
            "--node-ip": "127.0.0.1",
            "--node-port": port,
            "--node-lease-duration-seconds": self._lease,
            "--tls-cert-file": pair.certificate,
            "--tls-private-key-file": pair.key,
            "--config": self.programs / "kwok.yaml",
        }
        return self.run(self._program("kwok", arguments), lambda: _answers(f"https://127.0.0.1:{port}/healthz"))

    def start_metrics_server(self) -> Program:
        """Start metrics-server, registered as the aggregated API metrics.k8s.io."""
        hosts = ("metrics-server.kube-system.svc", "localhost", "127.0.0.1")
        pair = self.service_ca.issue("metrics-server", hosts=hosts)
        config = self.config_for("system:metrics-server", groups=("system:masters",))
        port = free_port()
        arguments = {
            "--kubeconfig": config,
            "--authentication-kubeconfig": config,
            "--authorization-kubeconfig": config,
            "--kubelet-insecure-tls": "true",
            "--kubelet-use-node-status-port": "true",
            "--kubelet-preferred-address-types": "InternalIP",
            "--kubelet-request-timeout": "5s",
            "--metric-resolution": "10s",
            "--secure-port": port,
            "--bind-address": "127.0.0.1",
            "--tls-cert-file": pair.certificate,
            "--tls-private-key-file": pair.key,
        }
        program = self._program("metrics-server", arguments)
        self.run(program, lambda: _answers(f"https://127.0.0.1:{port}/livez"))
        self.register_api("metrics.k8s.io", "v1beta1", service="metrics-server", namespace="kube-system", port=port)
        return program

    def start_custom_metrics_adapter(self) -> Adapter:
        """Start another adapter of custom.metrics.k8s.io."""
        pair = self.service_ca.issue("custom-metrics-adapter", hosts=("localhost", "127.0.0.1"))
        config = self.config_for("system:custom-metrics-adapter", groups=("system:masters",))
        port, values = free_port(), f"127.0.0.1:{free_port()}"
        arguments = {
            "--lister-kubeconfig": config,
            "--authentication-kubeconfig": config,
            "--authorization-kubeconfig": config,
            "--bind-address": "127.0.0.1",
            "--secure-port": port,
            "--tls-cert-file": pair.certificate,
            "--tls-private-key-file": pair.key,
            "--values-address": values,
        }
        program = self._program("custom-metrics-adapter", arguments)
        self.run(program, lambda: _answers(f"https://127.0.0.1:{port}/livez"))
        return Adapter(f"https://localhost:{port}", f"http://{values}/write-metrics", program.pid)

    def register_api(self, group: str, version: str, *, service: str, namespace: str, port: int) -> None:
        """Register a server of ours on loopback as an aggregated API, verified by the service CA, and wait for it."""
        import base64

        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": service, "namespace": namespace},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }
        self.admin.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.admin.create(f"/api/v1/namespaces/{namespace}/services", body)
        registration = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {
                "group": group,
                "version": version,
                "groupPriorityMinimum": 100,
                "versionPriority": 200 if version == "v1beta2" else 100,
                "service": {"name": service, "namespace": namespace, "port": port},
                "caBundle": base64.b64encode(self.service_ca.file.read_bytes()).decode(),
            },
        }
        path = "/apis/apiregistration.k8s.io/v1/apiservices"
        if self.admin.create(path, registration) is None:
            self.admin.patch(f"{path}/{version}.{group}", {"spec": registration["spec"]})
        wait_for(lambda: self._available(f"{path}/{version}.{group}"), f"APIService {version}.{group} available")

    def _available(self, path: str) -> bool:
        conditions = self.admin.get(path).get("status", {}).get("conditions", [])
        return any(item["type"] == "Available" and item["status"] == "True" for item in conditions)

    def _program(self, binary: str, arguments: Mapping[str, object], name: str = "") -> Program:
        flags = [f"{flag}={value}" for flag, value in arguments.items()]
        return Program(name or binary, [self.programs / binary, *flags], self.folder, self._environment)


@dataclass(frozen=True)
class Adapter:
    """Another adapter of custom.metrics.k8s.io: its URL, that to which values are posted, and its process number."""

    url: str
    posts: str
    pid: int


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, verify=False, timeout=2.0).status_code in (200, 401, 403)
    except httpx2.HTTPError:
        return False


def node(
    name: str, *, cores: int = 32, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a Node for kwok whose CPU use metrics-server reads."""
    amounts = {"cpu": str(cores), "memory": "64Gi", "pods": "250"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **(labels or {})},
            "annotations": {
                "metrics.k8s.io/resource-metrics-path": f"/metrics/nodes/{name}/metrics/resource",
                **(annotations or {}),
            },
        },
        # both, for kwok's heartbeat takes all addresses away from a node that has no Hostname
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        },
    }


def pod(
    name: str, *, cpu: str, node_name: str = "", usage: str = "", scheduler: str = "default-scheduler"
) -> dict[str, Any]:
    """Return a Pod; `usage` is the CPU that kwok reports for it."""
    resources = {"requests": {"cpu": cpu}}
    spec: dict[str, Any] = {
        "schedulerName": scheduler,
        "containers": [{"name": "c", "image": "registry.example/none:1", "resources": resources}],
        "terminationGracePeriodSeconds": 0,
    }
    if node_name:
        spec["nodeName"] = node_name
    annotations = {"kwok.x-k8s.io/usage-cpu": usage} if usage else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations}, "spec": spec}
