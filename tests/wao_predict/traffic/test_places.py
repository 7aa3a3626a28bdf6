"""Endpoints by pool and node."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.traffic.places import PoolShape, per_node
from wao_predict.traffic.segments import Segments

NODES = 4
POOLS = st.lists(st.lists(st.integers(0, NODES - 1), min_size=1, max_size=5), min_size=1, max_size=5)


def shape_of(pools: list[list[int]]) -> PoolShape:
    """Return the shape of pools whose endpoints are on these nodes."""
    node = np.array([node for pool in pools for node in pool], dtype=np.int64)
    start = np.cumsum([0, *map(len, pools[:-1])])
    return PoolShape(Segments(start, len(node)), node)


def keys(pools: list[list[int]]) -> list[tuple[int, int]]:
    return [(number, node) for number, pool in enumerate(pools) for node in pool]


@given(POOLS)
def test_a_place_is_each_pair_of_pool_and_node(pools: list[list[int]]) -> None:
    shape = shape_of(pools)
    places = shape.places
    assert list(zip(places.parts.of.tolist(), places.node.tolist(), strict=True)) == sorted(set(keys(pools)))
    number, count = shape.same_pool_and_node
    assert [keys(pools).count(key) for key in keys(pools)] == count.tolist()
    assert len(set(number.tolist())) == len(places)


@given(POOLS)
def test_sums_by_place_and_by_node_keep_the_total(pools: list[list[int]]) -> None:
    shape = shape_of(pools)
    amounts = np.arange(1.0, len(shape.node) + 1)
    sums = shape.places.sum(amounts)
    wanted = [
        sum(a for a, key in zip(amounts, keys(pools), strict=True) if key == place)
        for place in sorted(set(keys(pools)))
    ]
    assert sums.tolist() == wanted
    by_node = [sum(a for a, (_, node) in zip(amounts, keys(pools), strict=True) if node == row) for row in range(NODES)]
    assert shape.per_node(amounts, NODES).tolist() == by_node
    assert shape.places.per_node(sums, NODES).tolist() == by_node


@given(POOLS)
def test_the_amount_of_a_place_is_split_evenly_over_its_endpoints(pools: list[list[int]]) -> None:
    shape = shape_of(pools)
    places = shape.places
    found = places.spread(np.full(len(shape.node), 10.0), places.sum(np.ones(len(shape.node))))
    assert found == pytest.approx(np.ones(len(shape.node)))


@given(POOLS)
def test_pools_that_share_a_node_directly_or_through_others_are_one_group(pools: list[list[int]]) -> None:
    groups = shape_of(pools).places.groups.tolist()
    for one, first in enumerate(pools):
        for other, second in enumerate(pools):
            if set(first) & set(second):
                assert groups[one] == groups[other]
    reached = {number: {number} for number in range(len(pools))}
    for _ in pools:
        for number, found in reached.items():
            nodes = {node for index in found for node in pools[index]}
            reached[number] = {index for index, pool in enumerate(pools) if nodes & set(pool)}
    assert groups == [min(reached[number]) for number in range(len(pools))]


def test_endpoints_of_unknown_nodes_are_on_no_node() -> None:
    shape = shape_of([[0, -1, 1]])
    assert not shape.known
    assert shape.per_node(np.array([1.0, 2.0, 4.0]), 2).tolist() == [1.0, 4.0]
    assert per_node(np.array([1, 1]), np.array([1.0, 2.0]), 3).tolist() == [0.0, 3.0, 0.0]
