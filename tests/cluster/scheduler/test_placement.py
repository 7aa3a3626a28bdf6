"""Pods land on the cheapest nodes by the models, whether they come one by one or all at once."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import CASES, GROUPS
from tests.cluster.scheduler.figures import report
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_pod_by_pod_the_node_is_the_librarys_cheapest(site: Site) -> None:
    """The inputs that the extender tells are those of the nodes; on these inputs the library takes the same node."""
    group = GROUPS["loaded"]
    base = dict(zip(group.names, group.base, strict=True))
    for number, cpu in enumerate((0.5, 2.0, 4.0) * 8):
        name = f"cheap-{number}"
        node = site.place_one(group, name, cpu)
        chosen, excess = site.cheapest(group, name)
        assert node == chosen
        assert excess <= 0.02, f"{name} on {node} costs {excess:.3f} W more than the cheapest"
        if number == 0:
            for row in site.decision(name)["nodes"]:
                assert row["usageCores"] == pytest.approx(base[row["node"]], rel=0.15, abs=0.05)


def bursts(site: Site, ours: Group, floor: Group, pods: int) -> tuple[dict[str, str], dict[str, str]]:
    """Place Pods by the shipped profile and by the rule floor, on equal nodes at the same time."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(site.place, ours, ours.name, pods, 2.0)
        second = pool.submit(site.place, floor, floor.name, pods, 2.0, by="floor-scheduler")
        return first.result(), second.result()


@pytest.mark.parametrize("case", CASES)
def test_a_burst_ends_within_one_percent_of_the_optimum(site: Site, case: str) -> None:
    group, pods = GROUPS[f"burst-{case}"], CASES[case][1]
    placed, by_floor = bursts(site, group, GROUPS[f"floor-{case}"], pods)
    ours, floor, optimum = (
        group.watts(placed, 2.0),
        GROUPS[f"floor-{case}"].watts(by_floor, 2.0),
        group.optimum(2.0, pods),
    )
    site.clear(group.name)
    stock = group.watts(site.place(group, f"stock-{case}", pods, 2.0, by="stock-scheduler"), 2.0)
    report(
        f"{case}: {pods} pods at once: {ours:,.0f} W, rule floor {floor:,.0f} W, optimum {optimum:,.0f} W, "
        f"stock scheduler {stock:,.0f} W"
    )
    assert max(ours, floor) <= 1.01 * optimum
    assert max(ours, floor) < 0.8 * stock


@pytest.fixture(scope="module")
def one_by_one(site: Site) -> dict[str, dict[str, str]]:
    """The node of each pod by case: a pod is created when the one before it is bound, the fleets side by side."""

    def place(case: str) -> dict[str, str]:
        group, name = GROUPS[f"single-{case}"], f"single-{case}"
        return {f"{name}-{number}": site.place_one(group, f"{name}-{number}", 2.0) for number in range(CASES[case][1])}

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(place, CASES), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_the_same_pods_one_by_one_end_there_as_well(one_by_one: dict[str, dict[str, str]], case: str) -> None:
    """It takes longer than metrics-server's period: pods are measured meanwhile, and must not be counted twice."""
    group, pods = GROUPS[f"single-{case}"], CASES[case][1]
    ours, optimum = group.watts(one_by_one[case], 2.0), group.optimum(2.0, pods)
    report(f"{case}: {pods} pods one by one: {ours:,.0f} W, optimum {optimum:,.0f} W")
    assert ours <= 1.01 * optimum


def test_a_burst_on_loaded_nodes_does_not_herd(site: Site) -> None:
    group = GROUPS["loaded"]
    placed, by_floor = bursts(site, group, GROUPS["floor-loaded"], 300)
    ours, floor = group.watts(placed, 2.0), GROUPS["floor-loaded"].watts(by_floor, 2.0)
    optimum = group.optimum(2.0, 300)
    most = max(Counter(placed.values()).values())
    report(
        f"200 loaded nodes, 300 pods: {ours:,.0f} W, rule floor {floor:,.0f} W, optimum {optimum:,.0f} W, "
        f"at most {most} pods on a node"
    )
    room = int(group.fleet().room(2.0).max())
    planned = max(group.fleet().what_if(2.0, 300).per_node.values())
    assert max(ours, floor) <= 1.01 * optimum
    assert most <= min(room, planned + 1)


def test_a_decision_is_explained_and_reported_as_an_event(site: Site) -> None:
    node = site.place_one(GROUPS["plain"], "why-0", 0.5)
    decision = site.decision("why-0")
    assert decision["chosen"] == node
    best = decision["nodes"][0]
    assert best["score"] == 10
    assert best["wattsAfter"] >= best["wattsBefore"] > 0
    assert 0 < best["inletTempAge"] < 60
    more = itertools.count(1)  # a burst before this has used up the Events: there is one a second again

    def reported_as_an_event() -> bool:
        site.place_one(GROUPS["plain"], f"why-{next(more)}", 0.5)
        events = site.bed.admin.get("/api/v1/namespaces/default/events?fieldSelector=reason%3DMinimizePower")["items"]
        return any(item["involvedObject"]["name"].startswith("why-") for item in events)

    wait_for(reported_as_an_event, "a choice reported as an Event", pause=1.0)


def test_no_right_is_missing(site: Site) -> None:
    for container in site.deployment.running:
        assert "forbidden" not in container.text().lower(), container.text()
