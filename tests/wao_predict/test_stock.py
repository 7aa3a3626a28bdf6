"""The stock scheduler's placement of pods."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.stock import TRIES, StockPlacement, stock_counts


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8)), min_size=1, max_size=8), st.data())
def test_each_pod_goes_to_the_node_with_the_largest_share_of_free_cpu(
    nodes: list[tuple[int, int]], data: st.DataObject
) -> None:
    capacity, room = (np.array(column) for column in zip(*nodes, strict=True))
    usage = capacity * np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(nodes), max_size=len(nodes))))
    count = data.draw(st.integers(0, int(room.sum())))
    expected, share = np.zeros(len(nodes), dtype=np.int64), usage / capacity
    for _ in range(count):
        node = int(np.argmin(np.where(expected < room, share, np.inf)))
        expected[node] += 1
        share[node] += 0.5 / capacity[node]
    assert stock_counts(capacity.astype(float), usage, room, 0.5, count).tolist() == expected.tolist()


def test_a_pod_that_does_not_fit_on_the_emptiest_node_goes_to_the_next() -> None:
    stock = StockPlacement(np.array([2.0, 8.0]), np.array([0.0, 2.0]), np.array([9, 9]))
    assert [stock.place(3.0), stock.place(1.0), stock.place(4.0)] == [1, 0, None]


def test_the_search_on_full_nodes_is_bounded() -> None:
    """The last node has room, but is tried too late."""
    count = TRIES + 1
    allocated = np.zeros(count)
    allocated[-1] = 50.0
    stock = StockPlacement(np.array([1.0] * TRIES + [100.0]), allocated, np.full(count, 9))
    assert stock.place(2.0) is None
    assert stock.place(1.0) == 0
