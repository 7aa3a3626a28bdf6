"""One control plane for all tests of this folder; the folders below have their own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import PATIENCE, Program, wait_for
from tests.cluster.build import BuildError, build


@contextmanager
def control_plane(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    start: Callable[[ControlPlane], object] = ControlPlane.start_all,
    thrifty: bool = True,
) -> Iterator[ControlPlane]:
    """Run a control plane; by default an API server with our custom resources and kwok."""
    try:
        programs = build()
    except BuildError as error:
        pytest.fail(str(error))
    made = ControlPlane(programs, tmp_path_factory.mktemp("bed"), thrifty=thrifty)
    try:
        start(made)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane."""
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def cleared(request: pytest.FixtureRequest) -> None:
    """Take away what the tests before left behind, whether they ended well or not."""
    if request.node.path.parent == Path(__file__).parent:
        clear(request.getfixturevalue("bed"))


def clear(bed: ControlPlane) -> None:
    """Delete all nodes, NodeConfigs, templates and workloads, and wait until they are gone."""
    ours = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system"
    paths = (
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        "/apis/apps/v1/namespaces/default/deployments",
        "/api/v1/namespaces/default/pods",
        f"{ours}/nodeconfigtemplates",
        f"{ours}/nodeconfigs",
        "/api/v1/nodes",
    )

    def gone(path: str) -> bool:
        try:
            bed.admin.request("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        except httpx2.TransportError:
            return False  # the API server ends a deletion of many objects after a minute: delete the others
        return not bed.admin.get(f"{path}?limit=1")["items"]

    for path in paths:
        wait_for(lambda path=path: gone(path), f"nothing is left of {path}", pause=0.2)  # type: ignore[misc]


@pytest.fixture(scope="session")
def metrics_server(bed: ControlPlane) -> Program:
    """The real metrics-server, registered."""
    return bed.start_metrics_server()


def kubectl(bed: ControlPlane, *arguments: str, config: Path | None = None) -> str:
    """Run kubectl and return what it prints; an error of it fails the test."""
    command = ["kubectl", "--kubeconfig", str(config or bed.kubeconfig), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        pytest.fail(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout
