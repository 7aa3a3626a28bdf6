"""Blocks of rows: they keep their weights while other Services come and go, and report what changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.records import Kind, Pod, PodMetrics
from wao_core.cluster.state import ClusterState
from wao_lb.pod_table import PodTable
from wao_lb.weight_table import SCALE, Rows, WeightTable, fresh_rows
from wao_predict import PowerCurves
from wao_predict.traffic import Limits, Nodes, Step

CURVES = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0], [100.0, 400.0]]))
NODES = Nodes(CURVES, np.full(3, 10.0), np.full(3, 2.0))
STEP = Step()


def rows(*node: int, pools: int = 1) -> Rows:
    """Return rows of endpoints on these nodes, and as many pools with them."""
    pods, counts = [0] * len(node) * pools, [len(node)] * pools if node else []
    return fresh_rows(node * pools, pods, counts, cpu_per_request=0.1, lookahead=False)


def table_of(**fresh: Rows) -> WeightTable:
    table = WeightTable(PodTable(ClusterState()), 900.0)
    table.locate([], np.full(3, -1))
    table.replace([], fresh)
    return table


def test_a_plan_reports_each_service_whose_weights_changed_once() -> None:
    table = table_of(a=rows(0, 1), none=rows(), b=rows(0, 1, 2, pools=2))
    assert table.plan(NODES, 0.0, STEP) == ["a", "b"]
    published = table.rows("a").published.sum(), table.rows("b").published.sum()
    assert published == pytest.approx((100 * SCALE, 200 * SCALE))
    assert table.plan(NODES, 0.0, STEP) == []


def test_the_last_services_are_planned_alone() -> None:
    table = table_of(a=rows(0, 1))
    table.plan(NODES, 0.0, STEP)
    before = table.rows("a").published.copy()
    table.replace([], {"b": rows(1, 2)})
    assert table.plan_last(1, NODES, 0.0, STEP) == ["b"]
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
    (pods, own), idle = measured_pods(2.0), Nodes(CURVES, np.full(3, 10.0), np.full(3, 2.0))
    table, step = WeightTable(pods, 900.0), Step(limits=Limits(floor=0.0))
    table.locate([], np.full(3, -1))

    def service() -> Rows:
        return fresh_rows([0, 1], own, [2], cpu_per_request=0.1, lookahead=True)

    table.replace([], {"a": service()})
    table.plan(idle, 0.0, step)
    assert table.rows("a").planned.tolist() == pytest.approx([4.0, 0.0])
    table.replace([], {"b": service()})
    table.plan_last(1, idle, 0.0, step)
    assert table.rows("b").planned.tolist() == pytest.approx([3.0, 1.0])
    table.replace(["a", "b"], {"b": service()})
    table.plan_last(1, idle, 0.0, step)
    assert table.rows("b").planned.tolist() == pytest.approx([4.0, 0.0])  # the plan of a was withdrawn


def test_the_last_known_load_counts_as_long_as_a_sample_would() -> None:
    pods, own = measured_pods(2.0)
    table = WeightTable(pods, 900.0)
    table.locate([], np.full(3, -1))
    table.replace([], {"a": fresh_rows([0, 1], own, [2], cpu_per_request=0.1, lookahead=True)})
    planned = []
    for moment in (100.0, 950.0, 1000.5):
        table.plan(NODES, moment, Step())
        planned.append(table.rows("a").planned.sum())
    assert planned == pytest.approx([4.0, 4.0, 0.0])


@pytest.mark.parametrize("last", [1, 0])
def test_nothing_is_planned_without_endpoints(last: int) -> None:
    table = table_of(none=rows())
    assert table.plan(NODES, 0.0, STEP) == []
    assert table.plan_last(last, NODES, 0.0, STEP) == []


def test_nodes_that_moved_are_found_again() -> None:
    table = table_of(a=rows(0, 1))
    table.plan(NODES, 0.0, STEP)
    assert table.rows("a").weights[0] > table.rows("a").weights[1]
    table.locate([2, 1], np.arange(3))
    table.plan(NODES, 0.0, STEP)
    assert table.rows("a").weights[0] < table.rows("a").weights[1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_services_keep_their_weights_while_others_are_replaced(changes: list[tuple[int, int]]) -> None:
    """Each Service gets as many endpoints as a change says; the table has the rows that were added with it."""
    table = table_of(**{str(number): rows(0, 1, 2) for number in range(5)})
    table.plan(NODES, 0.0, STEP)
    sizes = dict.fromkeys(table.keys, 3)
    for number, size in changes:
        key, kept = str(number), {key: table.rows(key).published.tolist() for key in sizes}
        table.replace([key], {key: rows(*range(min(size, 3)))})
        sizes[key] = min(size, 3)
        for other in sizes:
            assert table.rows(other).published.tolist() == ([-1] * sizes[key] if other == key else kept[other])
        table.plan_last(1, NODES, 0.0, STEP)
    assert {key: len(table.rows(key).published) for key in sizes} == sizes
    assert sorted(table.keys) == sorted(sizes)
