"""JSON of metric values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.collector.store import Sample
from wao_metrics_api.names import GROUP_VERSIONS
from wao_metrics_api.selectors import Selector, parse_selector
from wao_metrics_api.values import LIMIT, encode_list, encode_node_value, quantity, selector_json
from wao_predict.quantity import parse_quantity

AT = 1_795_464_940.0


@given(st.floats(-1e12, 1e12))
def test_a_quantity_is_the_value_to_a_millionth(value: float) -> None:
    text = quantity(value)
    assert text is not None
    assert float(parse_quantity(text)) == pytest.approx(value, abs=1e-3, rel=1e-9)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, LIMIT, -LIMIT, 1e300])
def test_what_clients_cannot_convert_has_no_quantity(value: float) -> None:
    assert quantity(value) is None
    assert encode_node_value("v1beta2", "n", "m", Sample(value, AT)) is None


@pytest.mark.parametrize(("window", "written"), [(None, None), (0.0, 0), (15.0, 15), (14.6, 15)])
def test_a_value_in_version_1(window: float | None, written: int | None) -> None:
    body = encode_node_value("v1beta1", "n1", "inlet_temp", Sample(25.5, AT, window))
    assert body is not None
    found = json.loads(body)
    assert found.pop("window", None) == written
    assert found == {
        "describedObject": {"kind": "Node", "name": "n1", "apiVersion": "v1"},
        "metricName": "inlet_temp",
        "timestamp": "2026-11-23T20:15:40Z",
        "value": "25500m",
        "selector": None,
    }


def test_a_value_in_version_2() -> None:
    body = encode_node_value("v1beta2", "n1", "inlet_temp", Sample(25.5, AT, 15.0), selector=b'{"a":1}')
    assert body is not None
    assert json.loads(body) == {
        "describedObject": {"kind": "Node", "name": "n1", "apiVersion": "v1"},
        "metric": {"name": "inlet_temp", "selector": {"a": 1}},
        "timestamp": "2026-11-23T20:15:40Z",
        "windowSeconds": 15,
        "value": "25500m",
    }


@given(st.text(), st.text())
@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_any_name_is_escaped(version: str, node: str, metric: str) -> None:
    body = encode_node_value(version, node, metric, Sample(1.0, AT))
    assert body is not None
    found = json.loads(body)
    assert found["describedObject"]["name"] == node
    assert (found["metricName"] if version == "v1beta1" else found["metric"]["name"]) == metric


@pytest.mark.parametrize("items", [[], [b"1"], [b"1", b"2"]])
def test_a_list_has_its_items_and_never_null(items: list[bytes]) -> None:
    found = json.loads(encode_list(GROUP_VERSIONS[0], items))
    assert (found["kind"], found["apiVersion"]) == ("MetricValueList", "custom.metrics.k8s.io/v1beta2")
    assert found["items"] == [int(item) for item in items]


def test_a_selector_is_written_as_a_label_selector() -> None:
    assert selector_json(Selector()) == b"null"
    assert json.loads(selector_json(parse_selector("source=Redfish"))) == {"matchLabels": {"source": "Redfish"}}
