"""A thousand nodes."""

from __future__ import annotations

import time

import pytest

from tests.cluster.scheduler.fleets import NODE_CONFIGS, Group
from tests.cluster.scheduler.site import PODS, Site
from tests.cluster.scheduler.test_outages import slow_answers
from tests.cluster.scheduler.test_placement import tell

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
TYPES = ("edge_lenovo", "edge_supermicro", "cloud_dell", "cloud_lenovo")


def test_a_burst_on_a_thousand_nodes(site: Site) -> None:
    """Last of the folder in the alphabet but two: its nodes are deleted again."""
    group = Group("thousand", dict.fromkeys(TYPES, 250), load=(0.1, 30.0))
    began = time.monotonic()
    site.add(group)
    tell(f"1,000 nodes created, measured and predicted in {time.monotonic() - began:.0f} s")
    try:
        slow, _ = slow_answers(site)
        began = time.monotonic()
        placed = site.place(group, "thousand", 300, 2.0)
        seconds = time.monotonic() - began
        ours, optimum = group.watts(placed, 2.0), group.optimum(2.0, 300)
        tell(f"1,000 nodes, 300 pods in {seconds:.1f} s: {ours:,.0f} W, optimum {optimum:,.0f} W")
        assert ours <= 1.01 * optimum
        assert slow_answers(site)[0] == slow
    finally:
        site.clear("thousand")
        admin = site.bed.admin
        admin.delete_all([f"{NODE_CONFIGS}/{name}" for name in group.names])
        admin.delete_all([f"/api/v1/nodes/{name}" for name in group.names])
        admin.delete_all([f"{PODS}/base-{name}?gracePeriodSeconds=0" for name in group.names])
