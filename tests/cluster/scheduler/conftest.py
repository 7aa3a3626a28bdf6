"""One site for all tests of this folder, with all groups of nodes measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.models import ModelServer
from tests.cluster.scheduler.site import Site

CASES = {
    "twins": ({"edge_lenovo": 20, "edge_supermicro": 20}, 300),
    "equals": ({"edge_lenovo": 40}, 150),
    "mixed": ({"edge_lenovo": 10, "edge_supermicro": 10, "cloud_dell": 10, "cloud_lenovo": 10}, 400),
}
"""The fleets on which the reference was measured: nodes by type, and pods of 2 cores."""
ZONES = {row: {"topology.kubernetes.io/zone": f"z{row // 3}"} for row in range(9)}
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}

DAYS = {
    policy: Group(f"day-{policy}", {"edge_lenovo": 6, "edge_supermicro": 6})
    for policy in ("least-allocated", "lookahead", "floor")
}
"""Equal fleets by policy, for one day on all of them at the same time."""

GROUPS = {
    **{group.name: group for group in DAYS.values()},
    **{f"burst-{name}": Group(f"burst-{name}", counts) for name, (counts, _) in CASES.items()},
    **{f"floor-{name}": Group(f"floor-{name}", counts) for name, (counts, _) in CASES.items()},
    **{f"single-{name}": Group(f"single-{name}", counts) for name, (counts, _) in CASES.items()},
    **{
        name: Group(name, dict.fromkeys(CASES["mixed"][0], 50), load=(0.1, 30.0)) for name in ("loaded", "floor-loaded")
    },
    "outage": Group("outage", {"edge_lenovo": 8, "cloud_lenovo": 8}, load=(2.0, 20.0)),
    "plain": Group("plain", {"edge_lenovo": 6}),
    "zones": Group("zones", {"edge_lenovo": 9}, labels=ZONES),
    "edge": Group("edge", {"edge_lenovo": 4}, labels=dict.fromkeys(range(4), CONTROL_PLANE)),
}


@pytest.fixture(scope="package")
def models() -> Iterator[ModelServer]:
    """A model server that refuses and hangs on request."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="package")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own: it ends with all nodes."""
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="package")
def site(bed: ControlPlane, models: ModelServer) -> Iterator[Site]:
    """The deployed parts, and every group of nodes."""
    made = Site(bed, bed.start_metrics_server(), rules=("floor", "lookahead"))
    try:
        made.start()
        remote = Group("remote", {"edge_lenovo": 6, "cloud_lenovo": 6}, endpoints=models.endpoints, load=(2.0, 20.0))
        GROUPS["remote"] = remote
        made.add(*GROUPS.values())
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _no_pods_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test placed is gone after it, even when it fails."""
    made: Site = request.getfixturevalue("site")
    yield
    made.clear()
