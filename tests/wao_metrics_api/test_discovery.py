"""Discovery documents announce exactly the metrics that there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wao_metrics_api.discovery import Document, MetricResource, discovery
from wao_metrics_api.names import GROUP_VERSIONS, GroupVersion

NAMES = ["inlet_temp", "delta_p", "inlet_temp"]
CUSTOM = GroupVersion("custom.metrics.k8s.io", "v1beta2")
OURS = {"nodes/inlet_temp", "nodes/delta_p"}
RPS = MetricResource("pods/rps", namespaced=True)


def body(document: Document) -> Any:
    return json.loads(document.body)


@pytest.mark.parametrize("api", GROUP_VERSIONS)
def test_each_version_lists_every_metric_once_as_a_subresource_of_nodes(api: GroupVersion) -> None:
    found = body(discovery(NAMES).resources[api])
    assert found["groupVersion"] == str(api)
    assert [item["name"] for item in found["resources"]] == ["nodes/delta_p", "nodes/inlet_temp"]
    assert {(item["kind"], item["namespaced"], *item["verbs"]) for item in found["resources"]} == {
        ("MetricValueList", False, "get")
    }


def test_the_aggregated_document_has_all_versions_of_both_groups_the_preferred_one_first() -> None:
    items = body(discovery(NAMES).aggregated)["items"]
    assert {item["metadata"]["name"]: [version["version"] for version in item["versions"]] for item in items} == {
        "custom.metrics.k8s.io": ["v1beta2", "v1beta1"],
        "metrics.waok8s.github.io": ["v1beta2"],
    }
    for version in (version for item in items for version in item["versions"]):
        (resource,) = version["resources"]
        assert resource["responseKind"] is not None
        assert [sub["subresource"] for sub in resource["subresources"]] == ["delta_p", "inlet_temp"]


def test_the_preferred_version_is_the_same_in_every_document() -> None:
    made = discovery([])
    for group in body(made.groups)["groups"]:
        assert group["preferredVersion"] == body(made.group[group["name"]])["preferredVersion"]
        assert group["preferredVersion"]["version"] == "v1beta2"


def test_an_etag_changes_with_the_content_and_not_with_the_order() -> None:
    one, same, other = discovery(["a", "b"]), discovery(["b", "a", "a"]), discovery(["a", "c"])
    assert one.aggregated.etag == same.aggregated.etag != other.aggregated.etag
    assert one.groups.etag == other.groups.etag
    assert one.aggregated.etag.startswith('"')


def test_the_resources_of_a_delegate_are_listed_next_to_ours_in_its_version_alone() -> None:
    made = discovery(NAMES, {CUSTOM: [RPS, MetricResource("nodes/disk")]})
    names = {api: [item["name"] for item in body(made.resources[api])["resources"]] for api in GROUP_VERSIONS}
    assert names.pop(CUSTOM) == ["nodes/delta_p", "nodes/disk", "nodes/inlet_temp", "pods/rps"]
    assert set(map(tuple, names.values())) == {("nodes/delta_p", "nodes/inlet_temp")}
    resources = body(made.aggregated)["items"][0]["versions"][0]["resources"]
    assert [(item["resource"], item["scope"]) for item in resources] == [("nodes", "Cluster"), ("pods", "Namespaced")]
    assert [sub["subresource"] for sub in resources[0]["subresources"]] == ["delta_p", "disk", "inlet_temp"]


@pytest.mark.parametrize(
    ("more", "listed"),
    [
        ([MetricResource("nodes/x", namespaced=True)], []),  # nodes have the scope that ours have
        ([RPS, MetricResource("pods/rps")], [("pods/rps", True)]),
        ([MetricResource("pods/a"), MetricResource("pods/b", namespaced=True)], [("pods/a", False)]),
        ([RPS, RPS], [("pods/rps", True)]),
    ],
)
def test_a_kind_of_object_has_one_scope(more: list[MetricResource], listed: list[tuple[str, bool]]) -> None:
    """Two scopes of one resource make the aggregator report the whole version as stale."""
    resources = body(discovery(NAMES, {CUSTOM: more}).resources[CUSTOM])["resources"]
    assert [(item["name"], item["namespaced"]) for item in resources if item["name"] not in OURS] == listed
