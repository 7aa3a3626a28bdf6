"""What the rebalancer remembers of its evictions, for people."""

from __future__ import annotations

from wao_fleet.rebalance.records import MOST_EVICTIONS, EvictionRecord, History


def record(pod: str, at: float = 0.0) -> EvictionRecord:
    return EvictionRecord(at, pod, "uid", "a", "b", 1.0, 2.0, "evicted", "why")


def test_the_last_eviction_of_a_pod_is_kept() -> None:
    history = History()
    for at in (1.0, 2.0):
        history.add(record("n/p", at))
    assert history.of("n/p") == record("n/p", 2.0)
    assert history.of("n/q") is None


def test_the_oldest_are_dropped() -> None:
    history = History()
    for number in range(MOST_EVICTIONS + 1):
        history.add(record(f"n/{number}"))
    assert history.of("n/0") is None
    assert [each.pod for each in history.latest(2)] == [f"n/{MOST_EVICTIONS}", f"n/{MOST_EVICTIONS - 1}"]
    assert history.latest(0) == []
