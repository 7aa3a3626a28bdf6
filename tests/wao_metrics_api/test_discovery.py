"""Discovery documents announce exactly the metrics that there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wao_metrics_api.discovery import Document, discovery

NAMES = ["inlet_temp", "delta_p", "inlet_temp"]


def body(document: Document) -> Any:
    return json.loads(document.body)


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_each_version_lists_every_metric_once_as_a_subresource_of_nodes(version: str) -> None:
    found = body(discovery(NAMES).resources[version])
    assert found["groupVersion"] == f"custom.metrics.k8s.io/{version}"
    assert [item["name"] for item in found["resources"]] == ["nodes/delta_p", "nodes/inlet_temp"]
    assert {(item["kind"], item["namespaced"], *item["verbs"]) for item in found["resources"]} == {
        ("MetricValueList", False, "get")
    }


def test_the_aggregated_document_has_both_versions_the_preferred_one_first() -> None:
    (item,) = body(discovery(NAMES).aggregated)["items"]
    assert [version["version"] for version in item["versions"]] == ["v1beta2", "v1beta1"]
    for version in item["versions"]:
        (resource,) = version["resources"]
        assert resource["responseKind"] is not None
        assert [sub["subresource"] for sub in resource["subresources"]] == ["delta_p", "inlet_temp"]


def test_the_preferred_version_is_the_same_in_every_document() -> None:
    made = discovery([])
    (group,) = body(made.groups)["groups"]
    assert group["preferredVersion"]["version"] == body(made.group)["preferredVersion"]["version"] == "v1beta2"


def test_an_etag_changes_with_the_content_and_not_with_the_order() -> None:
    one, same, other = discovery(["a", "b"]), discovery(["b", "a", "a"]), discovery(["a", "c"])
    assert one.aggregated.etag == same.aggregated.etag != other.aggregated.etag
    assert one.group.etag == other.group.etag
    assert one.aggregated.etag.startswith('"')
