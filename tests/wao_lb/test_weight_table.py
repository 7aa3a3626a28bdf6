"""The table of weights: Services keep their weights while others come and go, and changes are reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.rooms import PLANTS, ROOM, rooms
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Kind, Pod, PodMetrics
from wao_core.cluster.state import ClusterState
from wao_core.prediction.cooling_costs import CoolingCosts
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_lb.pod_table import PodTable
from wao_lb.rows import SCALE, Rows
from wao_lb.settings import LbSettings, ServiceSettings
from wao_lb.weight_table import WeightTable
from wao_predict.cooling.plant_file import parse_plants
from wao_predict.traffic import Limits, Pace, Rule

SLOPES = [1.0, 2.0, 3.0]
SETTINGS = LbSettings(pace=Pace(settle=0.0))
PROPORTIONAL, LOOKAHEAD = ServiceSettings(Rule.PROPORTIONAL, 0.1), ServiceSettings(Rule.LOOKAHEAD, 0.1)


def nodes(now: float = 0.0, *, names: Sequence[str] = "012", usage: float = 2.0) -> ClusterSnapshot:
    """Return three nodes of 10 cores."""
    return snapshot(names, slopes=SLOPES, usage=[usage] * 3, usage_at=now)


class Table(WeightTable):
    """A table whose Services are given by the nodes of their endpoints."""

    def __init__(self, pods: PodTable | None = None, settings: LbSettings = SETTINGS, **services: str) -> None:
        super().__init__(pods or PodTable(ClusterState()), settings)
        for key, nodes in services.items():
            self.put(key, nodes)

    def put(self, key: str, nodes: str, settings: ServiceSettings = PROPORTIONAL, pods: Sequence[int] = ()) -> None:
        """Add or replace a Service with as many endpoints on these nodes, and two pools if a comma separates them."""
        pools = [pool for pool in nodes.split(",") if pool]
        names = [name for pool in pools for name in pool]
        fresh = Rows.fresh(pods or [0] * len(names), names, [len(pool) for pool in pools], settings)
        self.replace([key] if key in self.keys else [], {key: fresh})


def test_a_plan_reports_each_service_whose_weights_changed_once() -> None:
    table = Table(a="01", none="", b="012,012")
    assert [*table.plan(nodes(0.0))] == ["a", "b"]
    published = table.rows("a").published.sum(), table.rows("b").published.sum()
    assert published == pytest.approx((100 * SCALE, 200 * SCALE))
    assert not table.plan(nodes(0.0))


def test_the_last_services_are_planned_alone() -> None:
    table = Table(a="01")
    table.plan(nodes(0.0))
    before = table.rows("a").published.copy()
    table.put("b", "12")
    assert [*table.plan_fresh(nodes())] == ["b"]
    assert table.rows("a").published.tolist() == before.tolist()
    assert (table.rows("b").published > 0).all()


def measured_pods(cpu: float) -> tuple[PodTable, list[int]]:
    """Return a table with two pods that are measured at time 0, and their rows."""
    state = ClusterState()
    for name in ("a", "b"):
        state.put(Kind.POD, Pod(name=name, namespace="d", cpu_limit=50.0))
        state.put(Kind.POD_METRICS, PodMetrics(name=name, namespace="d", cpu_cores=cpu, timestamp=0.0))
    pods = PodTable(state)
    return pods, [pods.use("d/a"), pods.use("d/b")]


def test_the_last_services_use_what_the_plans_of_the_others_leave() -> None:
    """Node 0 has 7 cores up to its ceiling, and no other load; each Service alone would use 4 of them."""
    pods, own = measured_pods(2.0)
    table = Table(pods, replace(SETTINGS, limits=Limits(floor=0.0)))
    table.put("a", "01", LOOKAHEAD, own)
    table.plan(nodes())
    assert table.rows("a").planned.tolist() == pytest.approx([4.0, 0.0])
    table.put("b", "01", LOOKAHEAD, own)
    table.plan_fresh(nodes())
    assert table.rows("b").planned.tolist() == pytest.approx([3.0, 1.0])
    table.replace(["a"], {})
    table.put("b", "01", LOOKAHEAD, own)
    table.plan_fresh(nodes())
    assert table.rows("b").planned.tolist() == pytest.approx([4.0, 0.0])  # the plan of a was withdrawn


def test_the_last_known_load_counts_as_long_as_a_sample_would() -> None:
    pods, own = measured_pods(2.0)
    table = Table(pods)
    table.put("a", "01", LOOKAHEAD, own)
    planned = []
    for moment in (100.0, 950.0, 1000.5):
        table.plan(nodes(moment))
        planned.append(table.rows("a").planned.sum())
    assert planned == pytest.approx([4.0, 4.0, 0.0])


def test_nothing_is_planned_without_endpoints() -> None:
    table = Table(none="")
    assert not table.plan(nodes(0.0))
    assert not table.plan_fresh(nodes())


def test_nodes_that_moved_are_found_again() -> None:
    table = Table(a="01")
    table.plan(nodes(0.0))
    assert table.rows("a").weights[0] > table.rows("a").weights[1]
    table.plan(nodes(names=["2", "1", "0"]))
    assert table.rows("a").weights[0] < table.rows("a").weights[1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_services_keep_their_weights_while_others_are_replaced(changes: list[tuple[int, int]]) -> None:
    """Each Service gets as many endpoints as a change says; the table has the rows that were added with it."""
    table = Table()
    for number in range(5):
        table.put(str(number), "012")
    table.plan(nodes(0.0))
    sizes = dict.fromkeys(table.keys, 3)
    for number, size in changes:
        key, kept = str(number), {key: table.rows(key).published.tolist() for key in sizes}
        table.put(key, "012"[:size])
        sizes[key] = min(size, 3)
        for other in sizes:
            assert table.rows(other).published.tolist() == ([-1] * sizes[key] if other == key else kept[other])
        table.plan_fresh(nodes())
    assert {key: len(table.rows(key).published) for key in sizes} == sizes
    assert sorted(table.keys) == sorted(sizes)


def test_with_plants_the_node_whose_watts_are_cheap_to_cool_gets_more() -> None:
    costs, plain = CoolingCosts(parse_plants(PLANTS), ROOM), snapshot("01", slopes=[1.0, 1.0], usage=[2.0, 2.0])
    weights = []
    for seen in (plain, costs.priced(plain, rooms(**{"0": "warm", "1": "cold"}).nodes)):
        table = Table(a="01")
        table.plan(seen)
        weights.append(table.rows("a").published / (100 * SCALE))
    assert weights[0].tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert weights[1].tolist() == pytest.approx([1.1 / 2.7, 1.6 / 2.7], abs=0.01)
