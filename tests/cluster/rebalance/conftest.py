"""A site for the applications that act on nodes, on a control plane of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane
from tests.cluster.scheduler.site import Site


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own."""
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="package")
def site(bed: ControlPlane) -> Iterator[Site]:
    """The deployed parts, without nodes."""
    made = Site(bed, bed.start_metrics_server())
    try:
        yield made.start()
    finally:
        made.close()
