"""LabelSelector objects, as Kubernetes evaluates them."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.selector import matches

LABELS = {"zone": "a", "tier": "web"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        ({"matchLabels": {"zone": "a", "tier": "web"}}, True),
        ({"matchLabels": {"zone": "b"}}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "missing", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "Like", "values": ["a"]}]}, False),
        ({"matchExpressions": [{}]}, False),
        ({"matchLabels": {"zone": "a"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
    ],
)
def test_labels_match_if_they_satisfy_every_requirement(selector: dict[str, Any], expected: bool) -> None:
    assert matches(selector, LABELS) is expected
