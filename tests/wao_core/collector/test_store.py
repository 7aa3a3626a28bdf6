"""Samples: what is missing stays missing, what is old is not served as new."""

import math

from hypothesis import given
from hypothesis import strategies as st

from wao_core.collector.store import Sample, SampleState, SampleStore


def test_fresh_until_its_ttl() -> None:
    sample = Sample(25.5, 1000.0, ttl=60.0)
    assert sample.fresh(1060.0)
    assert not sample.fresh(1060.1)
    assert not Sample(math.nan, 1000.0).fresh(1000.0)


def test_a_failure_keeps_the_value_and_its_time() -> None:
    store = SampleStore()
    store.fail("n1", "inlet_temp", "away", ttl=60.0)
    first = store.get("n1", "inlet_temp")
    assert first is not None
    assert not first.measured
    store.put("n1", "inlet_temp", Sample(25.5, 1000.0))
    store.fail("n1", "inlet_temp", "away again", ttl=60.0)
    kept = store.get("n1", "inlet_temp")
    assert kept is not None
    assert (kept.value, kept.time, kept.state, kept.reason) == (25.5, 1000.0, SampleState.FAILED, "away again")


def test_unknown_is_none() -> None:
    store = SampleStore()
    assert store.get("n1", "inlet_temp") is None
    assert store.by_node("inlet_temp") == {}
    assert list(store.metrics()) == []
    store.remove("n1", "inlet_temp")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.booleans()), max_size=30))
def test_versions_and_names_follow_every_change(changes: list[tuple[str, str, bool]]) -> None:
    store = SampleStore()
    for node, metric, add in changes:
        before, had = store.version(metric), node in store.by_node(metric)
        if add:
            store.put(node, metric, Sample(1.0, 1.0))
        else:
            store.remove(node, metric)
        assert (store.version(metric) > before) is (add or had)
        assert store.nodes(metric) == sorted(store.by_node(metric))
        assert set(store.metrics()) == {name for name in "xy" if store.by_node(name)}
