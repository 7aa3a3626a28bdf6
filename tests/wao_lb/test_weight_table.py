"""Blocks of rows: they keep their weights while other Services come and go, and report what changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.state import ClusterState
from wao_lb.pod_table import PodTable
from wao_lb.weight_table import SCALE, Block, Rows, WeightTable
from wao_predict import PowerCurves
from wao_predict.traffic import Nodes, Step, TrafficState

CURVES = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0], [100.0, 400.0]]))
NODES = Nodes(CURVES, np.full(3, 10.0), np.full(3, 2.0))
STEP = Step(planned=np.zeros(3))


def rows(*node: int, pools: int = 1) -> Rows:
    """Return rows of endpoints on these nodes, and as many pools with them."""
    return Rows(
        node=np.array(node * pools, dtype=np.int64),
        pod=np.zeros(len(node) * pools, dtype=np.int64),
        published=np.full(len(node) * pools, -1, dtype=np.int64),
        counts=np.full(pools if node else 0, len(node), dtype=np.int64),
        cpu_per_request=np.full(pools if node else 0, 0.1),
        lookahead=np.zeros(pools if node else 0, dtype=np.bool_),
        state=TrafficState.empty(len(node) * pools, pools if node else 0),
    )


def table_of(**fresh: Rows) -> tuple[WeightTable, dict[str, Block]]:
    table = WeightTable(PodTable(ClusterState()), 900.0)
    blocks = {key: table.block(key) for key in fresh}
    table.replace([], {blocks[key]: part for key, part in fresh.items()})
    return table, blocks


def test_a_plan_reports_each_service_whose_weights_changed_once() -> None:
    table, blocks = table_of(a=rows(0, 1), none=rows(), b=rows(0, 1, 2, pools=2))
    first = table.plan(NODES, 0.0, STEP)
    assert first is not None
    assert first.changed == ["a", "b"]
    assert (blocks["a"].rows.published.sum(), blocks["b"].rows.published.sum()) == pytest.approx(
        (100 * SCALE, 200 * SCALE)
    )
    again = table.plan(NODES, 0.0, STEP)
    assert again is not None
    assert again.changed == []


def test_the_last_services_are_planned_alone() -> None:
    table, blocks = table_of(a=rows(0, 1))
    table.plan(NODES, 0.0, STEP)
    before, block = blocks["a"].rows.published.copy(), table.block("b")
    table.replace([], {block: rows(1, 2)})
    planned = table.plan(NODES, 0.0, STEP, last=1)
    assert planned is not None
    assert planned.changed == ["b"]
    assert blocks["a"].rows.published.tolist() == before.tolist()
    assert (block.rows.published > 0).all()


@pytest.mark.parametrize("last", [None, 1, 0])
def test_nothing_is_planned_without_endpoints(last: int | None) -> None:
    table, _ = table_of(none=rows())
    assert table.plan(NODES, 0.0, STEP, last=last) is None


def test_nodes_that_moved_are_found_again() -> None:
    table, blocks = table_of(a=rows(0, 1))
    table.plan(NODES, 0.0, STEP)
    assert blocks["a"].rows.state.weights[0] > blocks["a"].rows.state.weights[1]
    table.locate([2, 1])
    table.plan(NODES, 0.0, STEP)
    assert blocks["a"].rows.state.weights[0] < blocks["a"].rows.state.weights[1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_blocks_keep_their_weights_while_others_are_replaced(changes: list[tuple[int, int]]) -> None:
    """Each Service gets as many endpoints as a change says; its block always has the rows that were added with it."""
    table, blocks = table_of(**{str(number): rows(0, 1, 2) for number in range(5)})
    table.plan(NODES, 0.0, STEP)
    sizes = dict.fromkeys(blocks, 3)
    for number, size in changes:
        key, kept = str(number), {key: block.rows.published.tolist() for key, block in blocks.items()}
        fresh = table.block(key)
        table.replace([blocks[key]], {fresh: rows(*range(min(size, 3)))})
        blocks[key], sizes[key] = fresh, min(size, 3)
        for other, block in blocks.items():
            assert block.rows.published.tolist() == ([-1] * sizes[key] if other == key else kept[other])
        table.plan(NODES, 0.0, STEP, last=1)
    assert {key: len(block.rows.published) for key, block in blocks.items()} == sizes
    assert sorted(table.keys) == sorted(blocks)
