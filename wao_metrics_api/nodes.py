"""Metric values of nodes from memory: of one node, or of all nodes that a selector matches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.status import StatusError
from wao_metrics_api.names import STANDARD_METRICS, GroupVersion
from wao_metrics_api.selectors import Selector
from wao_metrics_api.values import encode_list, encode_node_value, selector_json

NOTHING = Selector()


class _Encoded(NamedTuple):
    """A sample with its JSON (empty when it cannot be encoded) and the end of its validity [s since the epoch]."""

    sample: Sample
    item: bytes
    usable_until: float


class NodeMetrics:
    """The metric values of the nodes that exist.

    Parameters
    ----------
    state
        The nodes and their labels.
    store
        The samples.
    clock
        Returns seconds since the epoch.
    """

    def __init__(self, state: ClusterState, store: SampleStore, *, clock: Callable[[], float] = time.time) -> None:
        self._state, self._store, self._clock = state, store, clock
        # (version, metric) -> node -> JSON of its value, so that each sample is encoded once
        self._encoded: dict[tuple[str, str], dict[str, _Encoded]] = {}
        self.unrepresentable = 0

    def names(self) -> list[str]:
        """Return the names of the metrics that discovery lists."""
        return sorted({*STANDARD_METRICS, *self._store.metrics()})

    def knows(self, metric: str) -> bool:
        """Return whether this is a metric of ours: a standard one, or one that a node has had."""
        return metric in STANDARD_METRICS or bool(self._store.by_node(metric))

    def one(self, api: GroupVersion, node: str, metric: str, *, selector: Selector = NOTHING) -> bytes:
        """Return the JSON of a list with the value of one node.

        Raises
        ------
        StatusError
            404 when there is no fresh value.
        """
        sample = self._store.get(node, metric)
        if sample is None or node not in self._state.nodes:
            raise _not_found(metric, node, selector)
        if not sample.measured:
            raise _not_found(metric, node, selector, sample.reason)
        if selector and not selector.matches(labels_of(sample)):
            raise _not_found(metric, node, selector)
        if not sample.fresh(self._clock()):
            reason = f": {sample.reason}" if sample.reason else ""
            raise StatusError(404, f"metric {metric} for nodes {node} is expired{reason}")
        cache = self._cache(api.version, metric, selector)
        held = cache.get(node)
        if held is None or held.sample is not sample:
            held = self._encode(cache, api.version, node, metric, sample, selector)
        if not held.item:
            raise _not_found(metric, node, selector)
        return encode_list(api, (held.item,))

    def many(
        self, api: GroupVersion, metric: str, *, labels: Selector = NOTHING, selector: Selector = NOTHING
    ) -> bytes:
        """Return the JSON of a list of all fresh values of nodes whose labels match.

        Raises
        ------
        StatusError
            404 for an unknown metric.
        """
        if not self.knows(metric):
            raise _not_found(metric, "", selector)
        return encode_list(api, self._fresh(api.version, metric, labels, selector))

    def _fresh(self, version: str, metric: str, labels: Selector, selector: Selector) -> list[bytes]:
        now, nodes, samples = self._clock(), self._state.nodes, self._store.by_node(metric)
        names: Iterable[str] = self._store.nodes(metric)
        if labels:
            names = [name for name in names if (node := nodes.get(name)) is not None and labels.matches(node.labels)]
        if selector:
            names = [name for name in names if selector.matches(labels_of(samples[name]))]
        cache = self._cache(version, metric, selector)
        items = []
        for name in names:  # the hot loop: one lookup per node; only new samples are encoded
            held = cache.get(name)
            if held is None or held.sample is not samples[name]:
                held = self._encode(cache, version, name, metric, samples[name], selector)
            if now <= held.usable_until and name in nodes:
                items.append(held.item)
        return items

    def _cache(self, version: str, metric: str, selector: Selector) -> dict[str, _Encoded]:
        # not kept with a selector: such requests are rare, and callers choose how many selectors there are
        return {} if selector else self._encoded.setdefault((version, metric), {})

    def _encode(
        self, cache: dict[str, _Encoded], version: str, node: str, metric: str, sample: Sample, selector: Selector
    ) -> _Encoded:
        item = encode_node_value(version, node, metric, sample, selector=selector_json(selector))
        if item is None:
            self.unrepresentable += sample.measured
            held = _Encoded(sample, b"", -math.inf)
        else:
            held = _Encoded(sample, item, sample.time + sample.ttl)
        cache[node] = held
        return held

    def forget(self, node: str) -> None:
        """Drop the cached values of a node that was deleted."""
        for cache in self._encoded.values():
            cache.pop(node, None)


def labels_of(sample: Sample) -> dict[str, str]:
    """Return the labels that metric label selectors match: the source of the value."""
    return {"source": sample.source} if sample.source else {}


def _not_found(metric: str, node: str, selector: Selector, reason: str = "") -> StatusError:
    return not_found(metric, "nodes", node, str(selector), reason=reason)


def not_found(metric: str, resource: str, name: str = "", selector: str = "", *, reason: str = "") -> StatusError:
    """Return the 404 of a metric: the message of the custom metrics library, and the reason where one is known."""
    words = f"the server could not find the metric {metric} for {resource}"
    if name:
        words += f" {name}"
    if selector:
        words += f" with selector {selector}"
    return StatusError(404, f"{words}: {reason}" if reason else words)
