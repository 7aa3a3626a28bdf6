"""One site for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane
from tests.cluster.lb.site import Site
from tests.netns.conftest import why_not


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own: it ends with all that the tests leave in it."""
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="package")
def site(bed: ControlPlane) -> Iterator[Site]:
    """The deployed parts and a Service `web` with a pod on every node."""
    if why := why_not():
        pytest.fail(f"the node agent runs in a network namespace: {why}")
    made = Site(bed, bed.start_metrics_server())
    try:
        made.start()
        yield made
    finally:
        made.close()
