"""What a kubelet would do for our own Deployments: mount Secrets, and run each container's arguments as its account."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import BedError, end, launch, wait_for
from tests.fakes.workload_manifests import MANIFESTS, workload

NAMESPACE = "wao-system"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
GROUP = "custom.metrics.k8s.io"
OWN_GROUP = "metrics.waok8s.github.io"
REGISTERED = (f"v1beta2.{OWN_GROUP}", f"v1beta2.{GROUP}", f"v1beta1.{GROUP}")


class Deployment:
    """Our manifests on a control plane. Nothing runs but what is started; each with its ServiceAccount's token only."""

    def __init__(self, bed: ControlPlane) -> None:
        self.bed = bed
        self.running: list[Container] = []

    def apply(self, folder: Path = MANIFESTS) -> None:
        """Apply a kustomization as a user does."""
        self.bed.apply(folder)

    def start(
        self,
        name: str,
        *more: str,
        without: tuple[str, ...] = (),
        within: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        api: str = "",
    ) -> Container:
        """Run the container of a Deployment or DaemonSet.

        Parameters
        ----------
        more, without
            Flags that are added and left out.
        within
            Command that runs the container's, such as one that enters a network namespace.
        variables
            Values of the variables that its arguments name.
        api
            URL of the API server; by default that of the bed.
        """
        found = workload(name)
        namespace, pod = found["metadata"]["namespace"], found["spec"]["template"]["spec"]
        folder = self.bed.folder / f"{name}-{os.urandom(2).hex()}"
        arguments = [*pod["containers"][0]["args"]]
        for variable, value in (variables or {}).items():
            arguments = [item.replace(f"$({variable})", value) for item in arguments]
        for volume, mount in _mounts(pod):
            self.mount(volume, folder / volume["name"], namespace)
            arguments = [item.replace(mount["mountPath"], str(folder / volume["name"])) for item in arguments]
        kept = [item for item in arguments if item.partition("=")[0] not in ("--host", "--port", *without)]
        account = self.bed.config_for_account(namespace, pod["serviceAccountName"], api=api)
        command = [*within, sys.executable, "-m", "wao_predict.cli", *kept, "--kubeconfig", str(account), *more]
        made = Container(name, command, self.bed.folder, folder)
        self.running.append(made)
        made.wait_listening()
        return made

    def issue(self, service: str) -> None:
        """Write the Secret with the serving certificate of a Service, where no controller runs that does."""
        pair = self.bed.ca.issue(service, hosts=(f"{service}.{NAMESPACE}.svc",))
        files = {"tls.crt": pair.certificate, "tls.key": pair.key}
        data = {key: base64.b64encode(file.read_bytes()).decode() for key, file in files.items()}
        body = {"metadata": {"name": f"{service}-tls"}, "type": "kubernetes.io/tls", "data": data}
        self.bed.admin.create(f"/api/v1/namespaces/{NAMESPACE}/secrets", body)

    def mount(self, volume: dict[str, Any], folder: Path, namespace: str = NAMESPACE) -> None:
        """Write a Secret or ConfigMap into a folder, once it is there: by one rename, as a kubelet does."""
        plural, name = (
            ("secrets", volume["secret"]["secretName"]) if "secret" in volume else ("configmaps", _map_name(volume))
        )
        path = f"/api/v1/namespaces/{namespace}/{plural}/{name}"
        answer = wait_for(lambda: _found(self.bed, path), f"{plural}/{name}")
        assert isinstance(answer, dict)
        data: dict[str, bytes] = {
            key: base64.b64decode(value) if plural == "secrets" else value.encode()
            for key, value in answer["data"].items()
        }
        fresh = folder.with_name(f"..{os.urandom(3).hex()}")
        fresh.mkdir(parents=True)
        for key, value in data.items():
            (fresh / key).write_bytes(value)
        link = folder.with_name(f".link{os.urandom(3).hex()}")
        link.symlink_to(fresh)
        link.rename(folder)

    def route(self, service: str, container: Container) -> None:
        """Let the Service lead to a container on loopback, as the bed has no network of pods."""
        spec = {"type": "ExternalName", "externalName": "localhost"}
        gone = {"clusterIP": None, "clusterIPs": None, "selector": None, "ports": None, "ipFamilies": None}
        more = {"ipFamilyPolicy": None, "internalTrafficPolicy": None, "sessionAffinity": None}
        self.bed.admin.patch(f"/api/v1/namespaces/{NAMESPACE}/services/{service}", {"spec": {**spec, **gone, **more}})
        for item in self.bed.admin.get(API_SERVICES)["items"]:
            if (item["spec"].get("service") or {}).get("name") == service:
                path = f"{API_SERVICES}/{item['metadata']['name']}"
                self.bed.admin.patch(path, {"spec": {"service": {"port": container.port}}})

    def available(self) -> bool:
        """Whether the aggregator takes our API for available, in both groups."""
        return all(_available(self.bed.admin.get(f"{API_SERVICES}/{name}")) for name in REGISTERED)

    def stop(self) -> None:
        """End all containers and take the APIServices away."""
        for container in self.running:
            container.stop()
        for name in REGISTERED:
            self.bed.admin.delete(f"{API_SERVICES}/{name}")


def _available(api_service: dict[str, Any]) -> bool:
    conditions = {item["type"]: item["status"] for item in api_service.get("status", {}).get("conditions", [])}
    return conditions.get("Available") == "True" and bool(api_service["spec"].get("caBundle"))


class Container:
    """One process of ours, with a log."""

    def __init__(self, name: str, command: list[str], logs: Path, mounts: Path) -> None:
        self.name, self.mounts = name, mounts
        self.log = logs / f"{mounts.name}.log"
        self.url = ""
        # nothing of the machine's environment may help
        environment = {"PATH": os.environ["PATH"], "HOME": str(logs), "WAO_LOG_FORMAT": "console"}
        with self.log.open("wb") as output:
            self.process = launch(command, output, environment=environment)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.url.rpartition(":")[2])

    def text(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace")

    def wait_listening(self) -> None:
        """Wait until it says where it listens."""

        def looked() -> str:
            lines = self.text().splitlines()
            if self.process.poll() is not None:
                raise BedError(f"{self.name} ended with {self.process.returncode}: {lines[-15:]}")
            prefix = "listening on "
            return next((line.removeprefix(prefix) for line in lines if line.startswith(prefix)), "")

        self.url = str(wait_for(looked, f"{self.name} listening, see {self.log}"))

    def stop(self, *, kill: bool = False) -> None:
        """End it: gracefully, or as a crash does."""
        end(self.process, kill=kill)
        shutil.rmtree(self.mounts, ignore_errors=True)


def every(seconds: float, work: Callable[[], object], until: Callable[[], object]) -> int:
    """Do `work` again and again until `until` is true; return how often."""
    count = 0

    def turn() -> object:
        nonlocal count
        work()
        count += 1
        return until()

    wait_for(turn, "the end of it", pause=seconds)
    return count


def _mounts(pod: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    mounts = {item["name"]: item for item in pod["containers"][0].get("volumeMounts", [])}
    return [
        (volume, mounts[volume["name"]])
        for volume in pod.get("volumes", [])
        if "secret" in volume or "configMap" in volume
    ]


def _map_name(volume: dict[str, Any]) -> str:
    return str(volume["configMap"]["name"])


def _found(bed: ControlPlane, path: str) -> Any:
    answer = bed.admin.request("GET", path)
    return answer.json() if answer.status_code == 200 else None
