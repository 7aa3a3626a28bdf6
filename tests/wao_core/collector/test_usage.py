"""CPU use as a metric: in percent, and only where both use and capacity are known."""

from wao_core.cluster.records import Kind, Node, NodeMetrics
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.collector.usage import STANDING, UsageMetric, usage_sample

NODE = Node(name="n1", capacity_cores=32.0)
METRICS = NodeMetrics(name="n1", cpu_cores=8.0, timestamp=1000.0, window=15.0)


def test_percent_of_capacity() -> None:
    sample = usage_sample(NODE, METRICS)
    assert sample is not None
    assert (sample.value, sample.time, sample.window, sample.ttl) == (25.0, 1000.0, 15.0, 90.0)


def test_what_is_not_known_is_missing() -> None:
    assert usage_sample(None, METRICS) is None
    assert usage_sample(NODE, None) is None
    assert usage_sample(Node(name="n1"), METRICS) is None
    assert usage_sample(Node(name="n1", capacity_cores=0.0), METRICS) is None


def test_follows_the_cluster() -> None:
    state, store = ClusterState(), SampleStore()
    state.put(Kind.NODE_METRICS, METRICS)
    usage = UsageMetric(state, store, ttl=STANDING)
    assert store.get("n1", "cpu_usage") is None
    state.put(Kind.NODE, NODE)
    sample = store.get("n1", "cpu_usage")
    assert sample is not None
    assert sample.fresh(1000.0 + 86400)
    state.remove(Kind.NODE_METRICS, "n1")
    assert store.get("n1", "cpu_usage") is None
    usage.close()
    state.put(Kind.NODE_METRICS, METRICS)
    assert store.get("n1", "cpu_usage") is None
