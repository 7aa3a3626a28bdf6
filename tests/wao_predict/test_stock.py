"""The stock scheduler's placement of identical pods."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.stock import stock_counts


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8)), min_size=1, max_size=8), st.data())
def test_each_pod_goes_to_the_node_with_the_largest_share_of_free_cpu(
    nodes: list[tuple[int, int]], data: st.DataObject
) -> None:
    capacity, room = (np.array(column) for column in zip(*nodes, strict=True))
    usage = capacity * np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(nodes), max_size=len(nodes))))
    count = data.draw(st.integers(0, int(room.sum())))
    expected = np.zeros(len(nodes), dtype=np.int64)
    for _ in range(count):
        share = np.where(expected < room, usage / capacity + expected * (0.5 / capacity), np.inf)
        expected[int(np.argmin(share))] += 1
    assert stock_counts(capacity.astype(float), usage, room, 0.5, count).tolist() == expected.tolist()
