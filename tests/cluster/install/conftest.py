"""A control plane on which nothing runs: what is installed, upgraded and removed are objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server and the controllers that delete namespaces."""
    with control_plane(tmp_path_factory, start=ControlPlane.start) as made:
        yield made
