"""MetricValue and MetricValueList as bytes, both versions (contract: custom metrics API, sections 1 and 4). Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from wao_core.collector.store import Sample
from wao_metrics_api.names import GROUP
from wao_metrics_api.selectors import Selector
from wao_predict.errors import QuantityError
from wao_predict.quantity import format_quantity

LIMIT = 9.2e15  # beyond it clients overflow when they take thousandths


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, without fractions."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def quantity(value: float) -> str | None:
    """Return a value as a Kubernetes quantity, None when it is not finite or too large to be one."""
    if not -LIMIT < value < LIMIT:  # also false for NaN
        return None
    try:
        return format_quantity(value)
    except QuantityError:
        return None


@lru_cache(maxsize=64)
def selector_json(selector: Selector) -> bytes:
    """Return the `selector` field of a value: null, or a LabelSelector."""
    return msgspec.json.encode(selector.as_label_selector()) if selector else b"null"


def encode_node_value(
    version: str, node: str, metric: str, sample: Sample, *, selector: bytes = b"null"
) -> bytes | None:
    """Return one MetricValue about a Node, None when its number cannot be a quantity."""
    number = quantity(sample.value)
    if number is None:
        return None
    named, measured = msgspec.json.encode(node), msgspec.json.encode(metric)
    described = b'{"describedObject":{"kind":"Node","name":' + named + b',"apiVersion":"v1"}'
    stamp = f',"timestamp":"{timestamp(sample.time)}"'.encode()
    value = f',"value":"{number}"'.encode()
    if version == "v1beta1":
        window = b"" if sample.window is None else b',"window":%d' % round(sample.window)
        return b"".join((described, b',"metricName":', measured, stamp, window, value, b',"selector":', selector, b"}"))
    window = b"" if sample.window is None else b',"windowSeconds":%d' % round(sample.window)
    return b"".join(
        (described, b',"metric":{"name":', measured, b',"selector":', selector, b"}", stamp, window, value, b"}")
    )


def encode_list(version: str, items: Iterable[bytes]) -> bytes:
    """Return a MetricValueList of encoded values; `items` is written [] when there are none."""
    head = f'{{"kind":"MetricValueList","apiVersion":"{GROUP}/{version}","metadata":{{}},"items":['.encode()
    return head + b",".join(items) + b"]}\n"
