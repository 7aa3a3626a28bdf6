"""What is remembered, so that no workload is evicted in a loop and no node drained in vain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_fleet.rebalance.memory import FIRST_HOLD, LONGEST_HOLD, MOST, SLOWEST, Memory

HOUR = 3600.0


def test_within_its_hold_time_each_pod_of_a_workload_moves_twice_at_most() -> None:
    memory = Memory()
    for second in range(6):
        assert memory.may_move("shop", 3, second)
        memory.moved("shop", second)
    assert not memory.may_move("shop", 3, 10.0)
    assert memory.may_move("other", 1, 10.0)
    assert memory.may_move("shop", 3, FIRST_HOLD)


@given(st.integers(1, 5), st.floats(1.0, 600.0))
def test_a_workload_that_always_comes_back_is_evicted_ever_more_rarely(replicas: int, period: float) -> None:
    memory, now, evictions = Memory(), 0.0, []
    while now < 4 * 86_400.0:
        if memory.may_move("shop", replicas, now):
            memory.moved("shop", now)
            evictions.append(now)
        now += max(period, 300.0)
    last_day = [time for time in evictions if time >= 3 * 86_400.0]
    assert len(last_day) <= 4 * replicas
    assert len(evictions) <= 18 * replicas


def test_a_workload_that_stays_quiet_starts_again() -> None:
    memory = Memory()
    memory.moved("shop", 0.0)
    memory.moved("shop", HOUR)  # soon after: the hold time doubles
    memory.moved("shop", HOUR)
    assert not memory.may_move("shop", 1, 2.5 * HOUR)
    memory.moved("shop", 10 * HOUR)
    assert memory.may_move("shop", 1, 11 * HOUR)


def test_a_node_whose_drain_failed_is_left_alone_for_longer_each_time() -> None:
    memory, now, holds = Memory(), 0.0, []
    for _ in range(8):
        memory.failed("a", now)
        assert not memory.may_drain("a", now + 1)
        assert memory.may_drain("b", now)
        holds.append(memory.nodes["a"].hold)
        now += holds[-1]
        assert memory.may_drain("a", now)
    assert holds == [HOUR * factor for factor in (0.5, 1, 2, 4, 8, 16, 24, 24)]
    assert holds[-1] == LONGEST_HOLD


def test_moves_that_save_too_little_slow_it_down_and_good_ones_speed_it_up() -> None:
    memory = Memory()
    for _ in range(10):
        memory.saved(False)
    assert memory.pace == SLOWEST
    memory.saved(True)
    assert memory.pace == SLOWEST / 2
    for _ in range(10):
        memory.saved(True)
    assert memory.pace == 1.0


def test_it_survives_a_restart() -> None:
    memory = Memory()
    memory.moved("shop", 5.0)
    memory.failed("a", 6.0)
    memory.saved(False)
    assert Memory.from_json(memory.to_json()) == memory


@pytest.mark.parametrize("text", ["", "null", "[]", '{"workloads": 1}', "[" * 100_000])
def test_a_document_that_cannot_be_read_is_an_empty_memory(text: str) -> None:
    assert Memory.from_json(text) == Memory()


def test_it_does_not_grow_without_end() -> None:
    memory = Memory()
    for number in range(MOST + 10):
        memory.moved(f"w{number}", float(number) / MOST)
    assert len(memory.workloads) == MOST
    assert "w0" not in memory.workloads
    memory.moved("later", 30 * 86_400.0)
    assert set(memory.workloads) == {"later"}
