"""Paths of the API, with the rows of the custom metrics library's own path test."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wao_core.serving.status import StatusError
from wao_metrics_api.attributes import attributes_of
from wao_metrics_api.names import RESOURCE_NAMES, GroupVersion
from wao_metrics_api.paths import GroupRequest, MetricRequest, ResourcesRequest, parse_path

G = "/apis/custom.metrics.k8s.io"
V1BETA1, V1BETA2 = (GroupVersion("custom.metrics.k8s.io", version) for version in ("v1beta1", "v1beta2"))
OURS = "metrics.waok8s.github.io"


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (G, GroupRequest("custom.metrics.k8s.io")),
        (f"{G}/", GroupRequest("custom.metrics.k8s.io")),
        (f"{G}/v1beta1", ResourcesRequest(V1BETA1)),
        (f"{G}/v1beta2/", ResourcesRequest(V1BETA2)),
        (f"{G}/v1beta2/nodes/n1/inlet_temp", MetricRequest(V1BETA2, "nodes", "n1", "inlet_temp")),
        (f"{G}/v1beta2/node/n1/inlet_temp", MetricRequest(V1BETA2, "nodes", "n1", "inlet_temp")),
        (f"{G}/v1beta2/nodes/*/inlet_temp", MetricRequest(V1BETA2, "nodes", "*", "inlet_temp")),
        (
            f"{G}/v1beta1/namespaces/ns/nodes/n1/inlet_temp",
            MetricRequest(V1BETA1, "nodes", "n1", "inlet_temp", "ns"),
        ),
        (
            f"{G}/v1beta1/namespaces/ns/deployments.apps/d/rps",
            MetricRequest(V1BETA1, "deployments.apps", "d", "rps", "ns"),
        ),
        (
            f"{G}/v1beta2/namespaces/ns/metrics/queue",
            MetricRequest(V1BETA2, "namespaces", "ns", "queue", "ns"),
        ),
        (f"/apis/{OURS}", GroupRequest(OURS)),
        (
            f"/apis/{OURS}/v1beta2/nodes/*/inlet_temp",
            MetricRequest(GroupVersion(OURS, "v1beta2"), "nodes", "*", "inlet_temp"),
        ),
    ],
)
def test_served_paths(path: str, request_: object) -> None:
    assert parse_path(path) == request_


@pytest.mark.parametrize(
    "path",
    [
        f"{G}/v1beta3",
        f"{G}/v1beta2/blah",
        f"{G}/v1beta2/nodes/foo",
        f"{G}/v1beta2/namespaces/ns/pods/bar",
        f"{G}/v1beta2/nodes/n1/inlet_temp/more/and/more",
        f"{G}/v1beta2/nodes//inlet_temp",
        f"{G}/v1beta2/a/b/c/d",
        f"{G}s/v1beta2",
        f"/apis/{OURS}/v1beta1",
        "/apis/other.metrics.k8s.io/v1beta2/nodes/n1/inlet_temp",
    ],
)
def test_paths_of_no_meaning_are_not_found(path: str) -> None:
    with pytest.raises(StatusError, match="the server could not find the requested resource") as caught:
        parse_path(path)
    assert (caught.value.code, caught.value.details) == (404, {})


def test_three_segments_about_namespaces_are_a_bad_request() -> None:
    with pytest.raises(StatusError, match="invalid request path") as caught:
        parse_path(f"{G}/v1beta2/namespaces/ns/foo")
    assert caught.value.code == 400


SEGMENTS = st.sampled_from(
    ["", "nodes", "node", "namespaces", "ns", "*", "n1", "metrics", "inlet_temp", "v1beta2", ".", ".."]
)


@given(st.lists(SEGMENTS, max_size=7).map("/".join))
@example("/v1beta2/nodes/*/inlet_temp")
@example("v1beta2/nodes/*/inlet_temp/")
def test_what_is_served_is_what_was_authorized(tail: str) -> None:
    path = f"{G}/{tail}"
    try:
        request = parse_path(path)
    except StatusError:
        return
    attributes = attributes_of("GET", path)
    if not isinstance(request, MetricRequest):
        assert attributes.resource == ""
        return
    if request.resource == "namespaces" and attributes.resource == "metrics":  # a metric of the Namespace itself
        assert (request.name, request.metric, "") == (attributes.namespace, attributes.name, attributes.subresource)
        return
    served = (*request.api, request.name, request.metric, request.namespace or "")
    assert served == (
        attributes.group,
        attributes.version,
        attributes.name,
        attributes.subresource,
        attributes.namespace,
    )
    assert request.resource == RESOURCE_NAMES.get(attributes.resource, attributes.resource)
