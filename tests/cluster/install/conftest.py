"""A control plane on which nothing runs: what is installed, upgraded and removed are objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.build import BuildError, build


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server and the controllers that delete namespaces."""
    try:
        programs = build()
    except BuildError as error:
        pytest.fail(str(error))
    made = ControlPlane(programs, tmp_path_factory.mktemp("bed"), thrifty=True)
    try:
        yield made.start()
    finally:
        made.stop()
