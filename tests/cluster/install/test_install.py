"""Install, upgrade and remove: with the commands of the pages, on a real API server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from release.kustomize import Overlay, build, objects
from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import wait_for
from tests.cluster.build import tool
from tests.cluster.install.pages import commands

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
GO_VERSION = Path(__file__).with_name("go_version.yaml")
"""Objects with the names that the manifests of https://github.com/waok8s/waok8s have."""
LABEL = "app.kubernetes.io/part-of=wao"
PROXY = "service.kubernetes.io/service-proxy-name"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "labels": {PROXY: "wao-loadbalancer"}},
    "spec": {"ports": [{"port": 80}]},
}


class Shell:
    """Runs the commands of a page where a user would: in a folder with an overlay and the chart."""

    def __init__(self, bed: ControlPlane, folder: Path) -> None:
        self.bed, self.folder = bed, folder
        for name in ("examples", "manifests"):
            (folder / name).symlink_to(ROOT / name)
        copy_chart(folder / "charts")
        (folder / "bin").mkdir()
        (folder / "bin" / "helm").symlink_to(tool("helm"))
        self._environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "KUBECONFIG": str(bed.kubeconfig),
        }

    def overlay(self, overlay: Overlay) -> None:
        """Write the overlay of a user."""
        place = self.folder.resolve()
        (place / "kustomization.yaml").write_text(yaml.safe_dump(overlay.document(place)))

    def run(self, command: str) -> str:
        """Run a command and return its output; an error of it fails the test."""
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{command}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return done.stdout

    def run_page(self, page: str, *, of: str) -> None:
        """Run the commands of a page, without those of the other tool."""
        other = {"helm": "-k .", "kustomize": "helm "}[of]
        skipped = "kubectl delete namespace wao-system" if of == "kustomize" else "\0"
        for command in commands(page):
            if other not in command and command != skipped:
                self.run(command)


def copy_chart(folder: Path) -> None:
    """Copy the chart without `kubeVersion`: the API server of the bed is built without a version."""
    shutil.copytree(ROOT / "charts", folder)
    file = folder / "wao" / "Chart.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("kubeVersion:")))


@pytest.fixture
def shell(bed: ControlPlane, tmp_path: Path) -> Shell:
    return Shell(bed, tmp_path)


def previous() -> str:
    """A state before an upgrade: another image, a flag less, and custom resources without their newest field."""
    found = objects(build(Overlay(images=[{"name": "wao", "newTag": "0.0.9"}])))
    for item in found:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"]["containers"][0].get("args", [""]).pop()
        if item["kind"] == "CustomResourceDefinition":
            properties = item["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
            properties["spec"]["properties"].pop("standby", None)
            properties["spec"].pop("x-kubernetes-validations", None)  # they are about this field, too
    return yaml.safe_dump_all(found)


def left(shell: Shell) -> list[str]:
    """Return what has our label, and our namespaces, of all kinds of objects."""
    kinds = shell.run("kubectl api-resources --verbs=list,delete -o name").split()
    shown = shell.run(f"kubectl get {','.join(kinds)} --all-namespaces --selector {LABEL} -o name --ignore-not-found")
    named = shell.run("kubectl get namespaces,clusterroles,clusterrolebindings -o name").split()
    return [*shown.split(), *(name for name in named if "/wao-" in name)]


def balanced(bed: ControlPlane) -> list[str]:
    """Return the Services that kube-proxy ignores."""
    items = bed.admin.get(f"/api/v1/services?labelSelector={PROXY}")["items"]
    return [item["metadata"]["name"] for item in items]


def crds(bed: ControlPlane) -> set[str]:
    items = bed.admin.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return {item["metadata"]["name"] for item in items}


def assert_only_crds_are_left(shell: Shell) -> None:
    """And take these away, too: helm does not adopt what kubectl installed."""
    wait_for(lambda: left(shell) == [], "nothing is left", pause=1.0)
    assert balanced(shell.bed) == []
    ours = {"nodeconfigs.node.waok8s.github.io", "nodeconfigtemplates.node.waok8s.github.io"}
    assert crds(shell.bed) == ours
    shell.run(f"kubectl delete crd {' '.join(ours)}")


def test_with_kustomize(bed: ControlPlane, shell: Shell) -> None:
    (shell.folder / "previous.yaml").write_text(previous())
    shell.run("kubectl apply --server-side -f previous.yaml")
    shell.overlay(Overlay())
    shell.run_page("upgrade.md", of="kustomize")
    shell.run("kubectl diff --server-side -k .")  # fails if anything differs
    bed.admin.create("/api/v1/namespaces/default/services", SERVICE)
    assert balanced(bed) == ["web"]
    shell.run_page("uninstall.md", of="kustomize")
    assert_only_crds_are_left(shell)


def test_migration_from_the_go_version_and_then_from_kustomize_to_helm(bed: ControlPlane, shell: Shell) -> None:
    definitions = [item for item in yaml.safe_load_all(previous()) if item["kind"] == "CustomResourceDefinition"]
    (shell.folder / "crds.yaml").write_text(yaml.safe_dump_all(definitions))
    forms = ROOT / "tests" / "cluster" / "reference_forms.yaml"
    shell.run(f"kubectl apply -f crds.yaml -f {GO_VERSION}; kubectl apply -f {forms}")
    assert balanced(bed) == ["web"]
    shell.overlay(Overlay())
    shell.run_page("../migrating-from-go.md", of="kustomize")
    shell.run("kubectl diff --server-side -k .")  # fails if anything differs
    assert balanced(bed) == ["web"]

    names = {item["metadata"]["name"] for item in yaml.safe_load_all(GO_VERSION.read_text())} - {"web", "wao-system"}
    kinds = "deployments,daemonsets,roles,rolebindings,serviceaccounts,clusterroles,clusterrolebindings,namespaces"
    everything = shell.run(f"kubectl get {kinds} --all-namespaces -o jsonpath='{{.items[*].metadata.name}}'").split()
    shipped = {item["metadata"]["name"] for item in objects(build(Overlay()))}
    assert names & {*everything} - shipped == set()

    moved = [item for item in yaml.safe_load_all(forms.read_text()) if item["kind"] != "NodeConfig"]
    for item in moved:
        found = shell.run(f"kubectl -n wao-bmc get {item['kind']} {item['metadata']['name']} -o json")
        if item["kind"] == "NodeConfigTemplate":
            collected = json.loads(found)["spec"]["template"]["metricsCollector"]
            assert collected["inletTemp"] == {
                **item["spec"]["template"]["metricsCollector"]["inletTemp"],
                "tls": {"insecureSkipVerify": True},
            }
    assert {item["kind"] for item in moved} == {"NodeConfigTemplate", "Secret"}
    assert shell.run("kubectl -n wao-system get nodeconfigtemplates,nodeconfigs -o name") == ""
    (adopt,) = [command for command in commands("upgrade.md") if "--take-ownership" in command]
    shell.run(adopt)
    assert "STATUS: deployed" in shell.run("helm status wao --namespace wao-system")
    shell.run_page("uninstall.md", of="helm")
    shell.run("kubectl delete service web")
    assert_only_crds_are_left(shell)


def test_with_helm(bed: ControlPlane, shell: Shell) -> None:
    shell.run_page("kind.md", of="helm")
    assert balanced(bed) == ["web"]
    shell.run_page("upgrade.md", of="helm")
    shell.run_page("uninstall.md", of="helm")
    assert_only_crds_are_left(shell)
