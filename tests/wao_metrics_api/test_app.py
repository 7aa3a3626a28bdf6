"""The contract of custom.metrics.k8s.io, request by request, against recorded answers."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.waiting import MANY_TURNS, turns_during
from tests.wao_metrics_api.conftest import node_config
from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.frame import ServerFrame
from wao_metrics_api.app import create_app
from wao_metrics_api.negotiation import DISCOVERY_TYPE

GOLDEN = Path(__file__).parent / "golden"
G = "/apis/custom.metrics.k8s.io"


def status_of(response: httpx2.Response) -> tuple[int, str, str]:
    body = response.json()
    assert (body["kind"], body["apiVersion"], body["status"]) == ("Status", "v1", "Failure")
    assert response.headers["content-type"] == "application/json"
    assert response.status_code == body["code"]
    return body["code"], body["reason"], body["message"]


@pytest.mark.parametrize(
    ("path", "golden"),
    [
        (G, "APIGroup"),
        (f"{G}/", "APIGroup"),
        ("/apis", "APIGroupList"),
        ("/apis/", "APIGroupList"),
        (f"{G}/v1beta1", "APIResourceList-v1beta1"),
        (f"{G}/v1beta2", "APIResourceList-v1beta2"),
        (f"{G}/v1beta2/", "APIResourceList-v1beta2"),
        (f"{G}/v1beta1/nodes/n1/inlet_temp", "MetricValueList-v1beta1"),
        (f"{G}/v1beta2/nodes/n1/inlet_temp", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/node/n1/inlet_temp", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/nodes/*/inlet_temp", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/nodes/%2A/inlet_temp", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/namespaces/default/nodes/n1/inlet_temp", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/nodes/*/inlet_temp?labelSelector=zone+in+%28a%2Cc%29", "MetricValueList-v1beta2"),
        (f"{G}/v1beta2/nodes/n1/inlet_temp?metricLabelSelector=source%3DRedfish", "MetricValueList-v1beta2-selector"),
        (f"{G}/v1beta2/nodes/*/inlet_temp?metricLabelSelector=source%3DRedfish", "MetricValueList-v1beta2-selector"),
        (f"{G}/v1beta2/nodes/n1/inlet_temp?timeout=5s&pretty=true&limit=1&watch=0", "MetricValueList-v1beta2"),
    ],
)
async def test_bodies(client: httpx2.AsyncClient, path: str, golden: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.content == (GOLDEN / f"{golden}.json").read_bytes()
    assert response.headers["cache-control"] == "no-cache, private"
    assert response.headers["audit-id"]


@pytest.mark.parametrize(
    ("path", "code", "reason", "message"),
    [
        ("nodes/n9/inlet_temp", 404, "NotFound", "the server could not find the metric inlet_temp for nodes n9"),
        (
            "nodes/n3/inlet_temp",
            404,
            "NotFound",
            "the server could not find the metric inlet_temp for nodes n3: no answer in 8 s",
        ),
        ("nodes/n2/inlet_temp", 404, "NotFound", "metric inlet_temp for nodes n2 is expired"),
        ("nodes/n1/unknown", 404, "NotFound", "the server could not find the metric unknown for nodes n1"),
        ("nodes/*/unknown", 404, "NotFound", "the server could not find the metric unknown for nodes"),
        ("foos/n1/x", 404, "NotFound", "the server could not find the metric x for foos n1"),
        ("namespaces/d/pods/*/rps", 404, "NotFound", "the server could not find the metric rps for pods"),
        ("namespaces/d/metrics/q", 404, "NotFound", "the server could not find the metric q for namespaces d"),
        (
            "namespaces/d/deployments.apps/x/rps",
            404,
            "NotFound",
            "the server could not find the metric rps for deployments.apps x",
        ),
        (
            "nodes/n1/inlet_temp?metricLabelSelector=zone%3Dq",
            404,
            "NotFound",
            "the server could not find the metric inlet_temp for nodes n1 with selector zone=q",
        ),
        (
            "nodes/*/inlet_temp?labelSelector=a%3D%3D%3Db",
            400,
            "BadRequest",
            "unable to parse requirement: found '=', expected: identifier",
        ),
        (
            "nodes/*/inlet_temp?metricLabelSelector=a%3D%3D%3Db",
            400,
            "BadRequest",
            "unable to parse requirement: found '=', expected: identifier",
        ),
        ("namespaces/ns/foo", 400, "BadRequest", "invalid request path"),
        ("nodes/foo", 404, "NotFound", "the server could not find the requested resource"),
        ("blah", 404, "NotFound", "the server could not find the requested resource"),
    ],
)
async def test_failures(client: httpx2.AsyncClient, path: str, code: int, reason: str, message: str) -> None:
    assert status_of(await client.get(f"{G}/v1beta2/{path}")) == (code, reason, message)


@pytest.mark.parametrize("name", ["*", "%2A", "%2a"])
@pytest.mark.parametrize("resource", ["nodes", "node"])
@pytest.mark.parametrize("query", ["", "?labelSelector=zone%3Da", "?metricLabelSelector=source%3DRedfish"])
async def test_the_nodes_of_the_cluster_are_not_listed_in_a_namespace(
    client: httpx2.AsyncClient, resource: str, name: str, query: str
) -> None:
    response = await client.get(f"{G}/v1beta2/namespaces/default/{resource}/{name}/inlet_temp{query}")
    code, reason, message = status_of(response)
    assert (code, reason) == (403, "Forbidden")
    assert "without namespaces/NAMESPACE" in message
    assert "n1" not in response.text


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
async def test_a_selector_does_not_widen_a_request_for_one_node(client: httpx2.AsyncClient, version: str) -> None:
    path = f"{G}/{version}/namespaces/default/nodes/n1/inlet_temp?labelSelector=zone&fieldSelector=x"
    found = (await client.get(path)).json()["items"]
    assert [item["describedObject"]["name"] for item in found] == ["n1"]


async def test_a_missing_metric_has_exactly_the_body_of_the_reference(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"{G}/v1beta2/nodes/n9/inlet_temp")
    assert response.content == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find '
        b'the metric inlet_temp for nodes n9","reason":"NotFound","code":404}\n'
    )


async def test_a_known_metric_without_fresh_values_lists_nothing(client: httpx2.AsyncClient) -> None:
    for path in ("nodes/*/inlet_temp?labelSelector=zone%3Db", "nodes/*/delta_p?labelSelector=zone%3Db"):
        response = await client.get(f"{G}/v1beta2/{path}")
        assert (response.status_code, response.json()["items"]) == (200, [])


async def test_endless_queries_are_refused(client: httpx2.AsyncClient) -> None:
    response = await client.get(f"{G}/v1beta2/nodes/*/inlet_temp?{'&'.join(['a=b'] * 100)}")
    assert status_of(response)[0] == 400


async def test_field_selectors_are_refused_on_lists_and_ignored_on_objects(client: httpx2.AsyncClient) -> None:
    code, reason, _ = status_of(await client.get(f"{G}/v1beta2/nodes/*/inlet_temp?fieldSelector=a%3Db"))
    assert (code, reason) == (400, "BadRequest")
    assert (await client.get(f"{G}/v1beta2/nodes/n1/inlet_temp?fieldSelector=a%3Db")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/apis", G, f"{G}/v1beta2", f"{G}/v1beta2/nodes/n1/inlet_temp", "/openapi/v2", "/version"]
)
async def test_only_get_is_allowed(client: httpx2.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path)
    assert status_of(response) == (
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )
    assert response.json()["details"] == {}


async def test_head_is_refused_with_headers_only(client: httpx2.AsyncClient) -> None:
    response = await client.head(f"{G}/v1beta2")
    assert (response.status_code, response.content) == (405, b"")


async def test_no_path_redirects(client: httpx2.AsyncClient) -> None:
    for path in ("/apis/", f"{G}/", f"{G}/v1beta2/", "/healthz/", "/version/", "/openapi/v2/"):
        assert not (await client.get(path)).is_redirect


async def test_unknown_paths_are_a_status(client: httpx2.AsyncClient) -> None:
    for path in ("/nope", "/apis/other.k8s.io", f"{G}x/v1beta2", "/openapi/v9", "/docs"):
        assert status_of(await client.get(path)) == (
            404,
            "NotFound",
            "the server could not find the requested resource",
        )


async def test_aggregated_discovery_with_etag(client: httpx2.AsyncClient) -> None:
    accept = f"{DISCOVERY_TYPE},application/json"
    response = await client.get("/apis", headers={"Accept": accept})
    assert response.content == (GOLDEN / "APIGroupDiscoveryList.json").read_bytes()
    assert (response.headers["content-type"], response.headers["vary"]) == (DISCOVERY_TYPE, "Accept")
    again = await client.get("/apis", headers={"Accept": accept, "If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(f"{G}/v1beta2", headers={"Accept": DISCOVERY_TYPE})).status_code == 406


async def test_discovery_grows_with_the_metrics_and_then_its_etag_changes(
    client: httpx2.AsyncClient, store: SampleStore
) -> None:
    before = (await client.get(f"{G}/v1beta2")).headers["etag"]
    store.put("n1", "power_watts", Sample(300.0, 0.0))
    after = await client.get(f"{G}/v1beta2")
    assert [resource["name"] for resource in after.json()["resources"]] == [
        "nodes/delta_p",
        "nodes/inlet_temp",
        "nodes/power_watts",
    ]
    assert after.headers["etag"] != before


async def test_discovery_is_never_empty(client: httpx2.AsyncClient, store: SampleStore) -> None:
    for node, metric in (("n1", "inlet_temp"), ("n2", "inlet_temp"), ("n3", "inlet_temp"), ("n1", "delta_p")):
        store.remove(node, metric)
    assert len((await client.get(f"{G}/v1beta2")).json()["resources"]) == 2


async def test_yaml_and_what_cannot_be_given(client: httpx2.AsyncClient) -> None:
    path = f"{G}/v1beta2/nodes/n1/inlet_temp"
    response = await client.get(path, headers={"Accept": "application/yaml"})
    assert response.headers["content-type"] == "application/yaml"
    assert "value: 25500m" in response.text
    code, reason, message = status_of(await client.get(path, headers={"Accept": "text/html"}))
    assert (code, reason) == (406, "NotAcceptable")
    assert message.startswith("406: Not Acceptable\n\nAvailable representations: application/json")


async def test_a_deleted_node_is_gone_at_once(client: httpx2.AsyncClient, state: ClusterState) -> None:
    state.remove(Kind.NODE, "n1")
    assert (await client.get(f"{G}/v1beta2/nodes/n1/inlet_temp")).status_code == 404
    assert (await client.get(f"{G}/v1beta2/nodes/*/inlet_temp")).json()["items"] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 9.3e15])
async def test_numbers_that_are_no_quantity_never_leave(
    client: httpx2.AsyncClient, store: SampleStore, now: float, value: float
) -> None:
    store.put("n1", "inlet_temp", Sample(value, now))
    assert status_of(await client.get(f"{G}/v1beta2/nodes/n1/inlet_temp"))[0] == 404
    assert (await client.get(f"{G}/v1beta2/nodes/*/inlet_temp")).json()["items"] == []


async def test_openapi_documents(client: httpx2.AsyncClient) -> None:
    v2 = await client.get("/openapi/v2", headers={"Accept": "application/json"})
    assert {"swagger": "2.0", "paths": {}, "definitions": {}}.items() <= v2.json().items()
    assert (await client.get("/openapi/v2", headers={"If-None-Match": v2.headers["etag"]})).status_code == 304
    index = (await client.get("/openapi/v3")).json()["paths"]
    for version in ("v1beta1", "v1beta2"):
        document = await client.get(index[f"apis/custom.metrics.k8s.io/{version}"]["serverRelativeURL"])
        assert f"{G}/{version}/nodes/{{name}}/{{metric}}" in document.json()["paths"]


async def test_health(client: httpx2.AsyncClient) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        response = await client.get(path)
        assert (response.status_code, response.text) == (200, "ok")
        assert response.headers["content-type"].startswith("text/plain")


async def test_metrics_and_version(client: httpx2.AsyncClient) -> None:
    await client.get(f"{G}/v1beta2/nodes/n1/inlet_temp")
    text = (await client.get("/metrics")).text
    assert 'apiserver_request_total{code="200",group="custom.metrics.k8s.io",resource="nodes"' in text
    assert "wao_build_info{" in text
    assert (await client.get("/version")).json()["gitVersion"].startswith("v")


async def test_explain_shows_why_there_is_no_value(client: httpx2.AsyncClient) -> None:
    answer = json.loads((await client.get("/debug/nodes/n3")).content)
    assert answer["known"]
    assert (answer["metrics"]["inlet_temp"]["state"], answer["metrics"]["inlet_temp"]["reason"]) == (
        "failed",
        "no answer in 8 s",
    )


@pytest.mark.parametrize(("query", "golden"), [("", "SensorList"), ("?failing=true", "SensorList-failing")])
async def test_the_sensors_are_listed_with_their_reasons(client: httpx2.AsyncClient, query: str, golden: str) -> None:
    response = await client.get(f"/v1/sensors{query}")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == json.loads((GOLDEN / f"{golden}.json").read_bytes())


async def test_other_requests_are_answered_while_many_sensors_are_listed(
    client: httpx2.AsyncClient, state: ClusterState, store: SampleStore
) -> None:
    names = [f"m{number}" for number in range(10_000)]
    state.replace(Kind.NODE_CONFIG, [node_config(name, "inlet_temp") for name in names])
    for name in names:
        store.fail(name, "inlet_temp", "no answer in 8 s", ttl=60)
    assert await turns_during(client.get("/v1/sensors?limit=10000")) > MANY_TURNS


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "query.limit: Input should be greater than or equal to 1"),
        ("limit=10001", "query.limit: Input should be less than or equal to 10000"),
        ("failing=perhaps", "query.failing: Input should be a valid boolean, unable to interpret input"),
    ],
)
async def test_a_wrong_parameter_is_a_status(client: httpx2.AsyncClient, query: str, message: str) -> None:
    assert status_of(await client.get(f"/v1/sensors?{query}")) == (422, "Invalid", message)


async def test_what_nobody_expected_is_a_status_without_its_text_and_is_raised_for_the_log(
    state: ClusterState, store: SampleStore
) -> None:
    def broken() -> float:
        raise RuntimeError("the clock has stopped")

    app = create_app(state, store, ServerFrame("metrics-api"), clock=broken)
    path = "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/inlet_temp"
    quiet = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=quiet, base_url="https://test") as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["message"]) == (500, "Internal error occurred")
        assert 'code="500"' in (await client.get("/metrics")).text
    raising = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=raising, base_url="https://test") as client:
        with pytest.raises(RuntimeError, match="clock"):
            await client.get(path)
