"""The controller's process: its counts are counters."""

from __future__ import annotations

from typing import cast

from tests.fakes.controller_cluster import Cluster
from wao_core.controller.server import add_metrics
from wao_core.kube.client import KubeClient
from wao_core.kube.lease import LeaderElection
from wao_core.serving.frame import ServerFrame


def election() -> LeaderElection:
    """Return an election that the test decides."""
    return LeaderElection(cast(KubeClient, None), "wao-system", "lease", "us")


async def test_rounds_and_failures_are_counters() -> None:
    cluster, frame = Cluster(), ServerFrame("controller")
    add_metrics(frame, election(), cluster.controller)
    await cluster.controller.reconcile()
    types = {family.name: family.type for family in frame.registry.collect()}
    assert "counter" == types["wao_reconcile_rounds"] == types["wao_reconcile_failures"]
    assert 1.0 == frame.registry.get_sample_value("wao_reconcile_rounds_total")
    assert 0.0 == frame.registry.get_sample_value("wao_reconcile_failures_total")
    assert 0.0 == frame.registry.get_sample_value("wao_controller_leading")
