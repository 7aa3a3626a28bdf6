"""JSON of MetricValue and MetricValueList in both versions (k8s.io/metrics/pkg/apis/custom_metrics). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

import msgspec

from wao_core.collector.store import Sample
from wao_metrics_api.names import GroupVersion
from wao_metrics_api.selectors import Selector
from wao_predict.errors import QuantityError
from wao_predict.quantity import format_quantity
from wao_predict.timestamps import format_rfc3339

LIMIT = 9.2e15  # above it, clients overflow an int64 when they convert to thousandths


_timestamp = lru_cache(maxsize=1024)(format_rfc3339)  # of whole seconds, which many samples share


def quantity(value: float) -> str | None:
    """Return a value as a Kubernetes quantity, or None when it is not finite or too large."""
    if not -LIMIT < value < LIMIT:  # also false for NaN
        return None
    try:
        return format_quantity(value)
    except QuantityError:
        return None


@lru_cache(maxsize=64)
def selector_json(selector: Selector) -> bytes:
    """Return the JSON of the `selector` field of a value: null or a LabelSelector."""
    return msgspec.json.encode(selector.as_label_selector()) if selector else b"null"


def encode_node_value(
    version: str, node: str, metric: str, sample: Sample, *, selector: bytes = b"null"
) -> bytes | None:
    """Return the JSON of one MetricValue of a Node, or None when the number cannot be a quantity."""
    number = quantity(sample.value)
    if number is None:
        return None
    named, measured = msgspec.json.encode(node), msgspec.json.encode(metric)
    described = b'{"describedObject":{"kind":"Node","name":' + named + b',"apiVersion":"v1"}'
    stamp = f',"timestamp":"{_timestamp(int(sample.time))}"'.encode()
    value = f',"value":"{number}"'.encode()
    if version == "v1beta1":
        window = b"" if sample.window is None else b',"window":%d' % round(sample.window)
        return b"".join((described, b',"metricName":', measured, stamp, window, value, b',"selector":', selector, b"}"))
    window = b"" if sample.window is None else b',"windowSeconds":%d' % round(sample.window)
    return b"".join(
        (described, b',"metric":{"name":', measured, b',"selector":', selector, b"}", stamp, window, value, b"}")
    )


def encode_list(api: GroupVersion, items: Iterable[bytes]) -> bytes:
    """Return the JSON of a MetricValueList with encoded values; without values `items` is [], not null."""
    return _head(api) + b",".join(items) + b"]}\n"


@cache
def _head(api: GroupVersion) -> bytes:
    return f'{{"kind":"MetricValueList","apiVersion":"{api}","metadata":{{}},"items":['.encode()
