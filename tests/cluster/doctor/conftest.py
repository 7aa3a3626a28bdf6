"""A small site for all tests of this folder: our parts without schedulers, and three nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import Site

NODES = Group("doctor", {"edge_lenovo": 3})


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own, because tests break it."""
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="package")
def site(bed: ControlPlane) -> Iterator[Site]:
    """Controller, metrics API and extender, and nodes that are measured."""
    made = Site(bed, bed.start_metrics_server())
    try:
        made.start(schedulers=False).add(NODES)
        yield made
    finally:
        made.close()
