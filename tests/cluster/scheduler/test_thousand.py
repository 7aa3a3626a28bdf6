"""A thousand nodes."""

from __future__ import annotations

import time

import pytest

from tests.cluster.scheduler.figures import MOST_SLOW, answers, report, slow_share
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
TYPES = ("edge_lenovo", "edge_supermicro", "cloud_dell", "cloud_lenovo")


def test_a_burst_on_a_thousand_nodes(site: Site) -> None:
    """Last of the folder: the nodes stay until the control plane goes."""
    group = Group("thousand", dict.fromkeys(TYPES, 250), load=(0.1, 30.0))
    began = time.monotonic()
    site.add(group)
    report(f"1,000 nodes created, measured and predicted in {time.monotonic() - began:.0f} s")
    before = answers(site)
    began = time.monotonic()
    placed = site.place(group, "thousand", 300, 2.0)
    seconds = time.monotonic() - began
    ours, optimum = group.watts(placed, 2.0), group.optimum(2.0, 300)
    report(f"1,000 nodes, 300 pods in {seconds:.1f} s: {ours:,.0f} W, optimum {optimum:,.0f} W")
    assert ours <= 1.01 * optimum
    assert slow_share(before, answers(site)) <= MOST_SLOW
