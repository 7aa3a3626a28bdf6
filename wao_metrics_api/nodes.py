"""Answers about the metrics of nodes, from memory: one node, or all that a selector matches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.status import StatusError
from wao_core.state import ClusterState
from wao_metrics_api.names import STANDARD_METRICS
from wao_metrics_api.selectors import Selector
from wao_metrics_api.values import encode_list, encode_node_value, selector_json

NOTHING = Selector()


class NodeMetrics:
    """The metric values of the nodes that exist.

    Parameters
    ----------
    state
        Which nodes there are, and their labels.
    store
        Their samples.
    clock
        Returns seconds since the epoch.
    """

    def __init__(self, state: ClusterState, store: SampleStore, *, clock: Callable[[], float] = time.time) -> None:
        self._state, self._store, self._clock = state, store, clock
        # (version, metric) -> node -> (sample, its JSON): a sample is encoded once, however often it is listed
        self._encoded: dict[tuple[str, str], dict[str, tuple[Sample, bytes | None]]] = {}
        self.unrepresentable = 0

    def names(self) -> list[str]:
        """Return the names of the metrics that discovery lists."""
        return sorted({*STANDARD_METRICS, *self._store.metrics()})

    def one(self, version: str, node: str, metric: str, *, selector: Selector = NOTHING) -> bytes:
        """Return the list with the one value of a node.

        Raises
        ------
        StatusError
            404 when there is no value, or none that is fresh.
        """
        sample = self._store.get(node, metric)
        if sample is None or not sample.measured or node not in self._state.nodes:
            raise _not_found(metric, node, selector)
        if selector and not selector.matches(labels_of(sample)):
            raise _not_found(metric, node, selector)
        if not sample.fresh(self._clock()):
            raise StatusError(404, f"metric {metric} for nodes {node} is expired")
        item = self._encode(version, node, metric, sample, selector)
        if item is None:
            raise _not_found(metric, node, selector)
        return encode_list(version, (item,))

    def many(self, version: str, metric: str, *, labels: Selector = NOTHING, selector: Selector = NOTHING) -> bytes:
        """Return the list of all fresh values of nodes whose labels match; objects without one are left out.

        Raises
        ------
        StatusError
            404 when there is no such metric.
        """
        if metric not in STANDARD_METRICS and not self._store.by_node(metric):
            raise _not_found(metric, "", selector)
        return encode_list(version, self._fresh(version, metric, labels, selector))

    def _fresh(self, version: str, metric: str, labels: Selector, selector: Selector) -> Iterator[bytes]:
        now, nodes = self._clock(), self._state.nodes
        cache, samples = self._encoded.setdefault((version, metric), {}), self._store.by_node(metric)
        for name in self._store.nodes(metric):
            sample = samples[name]
            # `Sample.fresh` in line, and the encoded form looked up here: this loop runs for thousands of nodes
            if now - sample.time > sample.ttl or (node := nodes.get(name)) is None or not sample.measured:
                continue
            if (labels and not labels.matches(node.labels)) or (selector and not selector.matches(labels_of(sample))):
                continue
            held = cache.get(name)
            if held is not None and held[0] is sample and not selector:
                item = held[1]
            else:
                item = self._encode(version, name, metric, sample, selector)
            if item is not None:
                yield item

    def _encode(self, version: str, node: str, metric: str, sample: Sample, selector: Selector) -> bytes | None:
        if selector:
            return encode_node_value(version, node, metric, sample, selector=selector_json(selector))
        cache = self._encoded.setdefault((version, metric), {})
        held = cache.get(node)
        if held is not None and held[0] is sample:
            return held[1]
        item = encode_node_value(version, node, metric, sample)
        if item is None:
            self.unrepresentable += 1
        cache[node] = (sample, item)
        return item

    def forget(self, node: str) -> None:
        """Drop what is kept about a node that is gone."""
        for cache in self._encoded.values():
            cache.pop(node, None)


def labels_of(sample: Sample) -> dict[str, str]:
    """Return the labels of a series, for metric label selectors: where its values come from."""
    return {"source": sample.source} if sample.source else {}


def _not_found(metric: str, node: str, selector: Selector) -> StatusError:
    return not_found(metric, "nodes", node, str(selector))


def not_found(metric: str, resource: str, name: str = "", selector: str = "") -> StatusError:
    """Return the 404 of a metric, in the words of the custom metrics library."""
    words = f"the server could not find the metric {metric} for {resource}"
    if name:
        words += f" {name}"
    if selector:
        words += f" with selector {selector}"
    return StatusError(404, words)
