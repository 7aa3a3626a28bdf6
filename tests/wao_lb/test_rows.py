"""Blocks of rows: joined, chosen from, and published."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.rows import SCALE, Block, Rows
from wao_lb.settings import ServiceSettings
from wao_predict.traffic import Rule, TrafficState


def rows(*pools: int, pod: int = 0) -> Rows:
    """Return the rows of a Service with pools of these sizes; every endpoint is on node n, in the same pod."""
    size = sum(pools)
    return Rows.fresh([pod] * size, ["n"] * size, pools, ServiceSettings(Rule.PROPORTIONAL, 0.1))


def block(*keys: str) -> Block:
    """Return a block of Services with two endpoints each."""
    return Block.of_services({key: rows(2) for key in keys})


def state(*weights: float) -> TrafficState:
    """Return the state of pools of two endpoints."""
    found = TrafficState.empty(len(weights), len(weights) // 2)
    found.weights[:] = weights
    return found


POOLS = st.lists(st.integers(1, 3), max_size=2)


@given(st.lists(st.lists(POOLS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_service_has_its_rows_in_each_block_that_contains_it(sizes: list[list[list[int]]]) -> None:
    """Every Service has a pod of its own, by which its rows are recognised."""
    services = {f"{number}-{item}": pools for number, group in enumerate(sizes) for item, pools in enumerate(group)}
    pod_of = {key: number for number, key in enumerate(services)}
    blocks = [
        Block.of_services(
            {f"{number}-{item}": rows(*pools, pod=pod_of[f"{number}-{item}"]) for item, pools in enumerate(group)}
        )
        for number, group in enumerate(sizes)
    ]
    joined = Block.joined(blocks)
    chosen = np.arange(len(services)) % 2 == 0
    for found, keys in ((joined, [*services]), (joined.only(chosen), [*services][::2])):
        assert [*found.keys] == keys
        for key in keys:
            assert found.part(key).pod.tolist() == [pod_of[key]] * sum(services[key])
            assert found.part(key).counts.tolist() == services[key]


def test_the_services_whose_published_weights_changed_are_returned() -> None:
    both = block("a", "b")
    assert [*both.publish(state(50.0, 50.0, 30.0, 70.0))] == ["a", "b"]
    assert both.part("b").published.tolist() == [30 * SCALE, 70 * SCALE]
    assert not both.publish(state(50.0, 50.0, 30.0, 70.0 + 0.1 / SCALE))  # less than a step
    assert [*both.publish(state(50.0, 50.0, 40.0, 60.0))] == ["b"]


def test_a_change_of_rule_or_reason_counts() -> None:
    both, changed = block("a", "b"), state(50.0, 50.0, 50.0, 50.0)
    both.publish(changed)
    changed.reason[0] = 3
    before = both.publish(changed)
    assert [*before] == ["a"]
    changed.reason[0], changed.rule[0] = 0, 1
    after = both.publish(changed)
    assert [*after] == ["a"]
    assert before["a"] != after["a"]
