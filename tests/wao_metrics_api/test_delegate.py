"""Requests for the metrics of another adapter: what is forwarded, what is sent, and what happens when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.serving.frame import ServerFrame
from wao_metrics_api.app import create_app
from wao_metrics_api.delegate import AT_ONCE, MAX_NAME, MAX_RESOURCES, VIA, Delegate
from wao_metrics_api.endpoints import DiscoveryCache
from wao_metrics_api.nodes import NodeMetrics
from wao_predict.errors import RemoteError
from wao_predict.flow import Request, Response
from wao_predict.testing import AsyncMockTransport, json_response

G = "/apis/custom.metrics.k8s.io/v1beta2"
OURS = "/apis/metrics.waok8s.github.io/v1beta2"
LIST = {"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": {}, "items": []}
RESOURCES = {
    "kind": "APIResourceList",
    "resources": [
        {"name": "pods/rps", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]},
        {"name": "nodes/disk", "namespaced": False, "kind": "MetricValueList", "verbs": ["get"]},
    ],
}
Answer = Callable[[Request], Response]


def other_adapter(request: Request) -> Response:
    """Answer like an adapter that has metrics of its own."""
    return json_response(RESOURCES if urlsplit(request.url).path == G else LIST)


def failing(status: int, message: str) -> Answer:
    return lambda _request: json_response({"kind": "Status", "message": message}, status=status)


class Site:
    """The application with a delegate that answers with a function."""

    def __init__(self, state: ClusterState, store: SampleStore, now: float, tmp_path: Path) -> None:
        self.frame = ServerFrame("metrics-api")
        self.token_file = tmp_path / "token"
        self.token_file.write_text("t0ken\n")
        self.answer: Answer = other_adapter
        self.transport = AsyncMockTransport(lambda request: self.answer(request))
        self.delegate = Delegate(
            self.transport,
            name="https://other.example",
            registry=self.frame.registry,
            token_file=self.token_file,
        )
        self.app = create_app(state, store, self.frame, delegate=self.delegate, clock=lambda: now)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://test") as client:
            return await client.get(path, headers=headers)

    @property
    def forwarded(self) -> list[Request]:
        discovery = {G, "/apis/custom.metrics.k8s.io/v1beta1"}
        return [request for request in self.transport.requests if request.url not in discovery]


@pytest.fixture
async def site(state: ClusterState, store: SampleStore, now: float, tmp_path: Path) -> Site:
    made = Site(state, store, now, tmp_path)
    await made.delegate.refresh()
    return made


@pytest.mark.parametrize(
    "path",
    [
        "/namespaces/shop/pods/web-1/rps",
        "/namespaces/shop/pods/*/rps",
        "/namespaces/shop/deployments.apps/web/rps",
        "/namespaces/shop/metrics/queue",
        "/nodes/n1/disk",
        "/nodes/*/disk",
    ],
)
async def test_what_is_not_ours_is_forwarded_on_the_same_path(site: Site, path: str) -> None:
    answer = await site.get(G + path)
    assert (answer.status_code, answer.json()) == (200, LIST)
    assert [urlsplit(request.url).path for request in site.forwarded] == [G + path]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{G}/nodes/n1/inlet_temp", 200),
        (f"{G}/nodes/*/inlet_temp", 200),
        (f"{G}/namespaces/default/nodes/n1/inlet_temp", 200),
        (f"{G}/nodes/n9/inlet_temp", 404),  # our metric, and no such node
        (f"{G}/namespaces/default/nodes/*/disk", 403),  # rights in one namespace do not show the whole cluster
        (f"{OURS}/nodes/n1/disk", 404),  # our own group has our metrics only
        (f"{OURS}/nodes/n1/inlet_temp", 200),
    ],
)
async def test_our_metrics_and_our_own_group_are_never_forwarded(site: Site, path: str, status: int) -> None:
    assert (await site.get(path)).status_code == status
    assert site.forwarded == []


async def test_selectors_are_passed_on_and_nothing_else_of_the_caller(site: Site) -> None:
    await site.get(
        f"{G}/namespaces/shop/pods/*/rps?labelSelector=app%3Dweb%2Ctier+in+%28a%29&metricLabelSelector=k%3Dv&timeout=9",
        authorization="Bearer caller",
        cookie="secret=1",
    )
    (request,) = site.forwarded
    assert parse_qs(urlsplit(request.url).query) == {
        "labelSelector": ["app=web,tier in (a)"],
        "metricLabelSelector": ["k=v"],
    }
    assert request.headers == {"Via": VIA, "Authorization": "Bearer t0ken"}


async def test_a_selector_that_cannot_be_parsed_is_the_callers_error(site: Site) -> None:
    assert (await site.get(f"{G}/namespaces/shop/pods/*/rps?labelSelector=a%3D%3D%3D")).status_code == 400
    assert site.forwarded == []


async def test_a_path_that_a_proxy_would_fold_is_not_forwarded(site: Site) -> None:
    assert (await site.get(f"{G}/namespaces/shop/pods/%2E%2E/rps")).status_code == 404
    assert site.forwarded == []


async def test_discovery_lists_the_metrics_of_both(site: Site) -> None:
    listed = (await site.get(G)).json()["resources"]
    assert {item["name"] for item in listed} == {"nodes/inlet_temp", "nodes/delta_p", "nodes/disk", "pods/rps"}
    ours = (await site.get(OURS)).json()["resources"]
    assert {item["name"] for item in ours} == {"nodes/inlet_temp", "nodes/delta_p"}


async def test_the_last_discovery_stays_while_the_delegate_is_away(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.answer = failing(503, "down")
    for _ in range(2):
        await site.delegate.refresh()
    assert "pods/rps" in (await site.get(G)).text
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # once, not each period
    assert b"wao_delegate_up 0.0" in (await site.get("/metrics")).content
    site.answer = other_adapter
    await site.delegate.refresh()
    assert b"wao_delegate_up 1.0" in (await site.get("/metrics")).content


@pytest.mark.parametrize("body", [b"<html>", b'{"x":' * 100_000], ids=["HTML", "nested too deeply"])
async def test_a_discovery_that_cannot_be_read_keeps_the_last_one(site: Site, body: bytes) -> None:
    site.answer = lambda _request: Response(200, body)
    await site.delegate.refresh()
    assert "pods/rps" in (await site.get(G)).text
    assert b"wao_delegate_up 0.0" in (await site.get("/metrics")).content


async def test_a_version_that_the_delegate_does_not_serve_has_our_metrics_only(site: Site) -> None:
    site.answer = lambda request: (
        failing(404, "unknown")(request) if "v1beta1" in request.url else other_adapter(request)
    )
    await site.delegate.refresh()
    assert "pods/rps" not in (await site.get("/apis/custom.metrics.k8s.io/v1beta1")).text
    assert "pods/rps" in (await site.get(G)).text


async def test_a_huge_discovery_is_cut(site: Site) -> None:
    resources = [{"name": f"pods/m{number}", "namespaced": True} for number in range(MAX_RESOURCES + 5)]
    site.answer = lambda _request: json_response({"kind": "APIResourceList", "resources": resources})
    await site.delegate.refresh()
    assert {len(listed) for listed in site.delegate.resources.values()} == {MAX_RESOURCES}


def broken(_request: Request) -> Response:
    raise RemoteError("cannot connect to https://other.example")


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (failing(404, "the server could not find the metric rps for pods"), 404, "could not find the metric rps"),
        (failing(429, "slow down"), 429, "slow down"),
        (failing(500, "prometheus is away"), 500, "prometheus is away"),
        (failing(401, "Unauthorized"), 503, "--delegate-token-file"),
        (failing(403, "forbidden"), 503, "--delegate-token-file"),
        (lambda _request: Response(502, b"<html>bad gateway</html>"), 502, "answered 502"),
        (lambda _request: Response(302, b""), 503, "answered 302"),
        (lambda _request: Response(200, b"<html></html>"), 503, "not a MetricValueList"),
        (lambda _request: json_response({"kind": "Status"}), 503, "not a MetricValueList"),
        (broken, 503, "cannot connect"),
    ],
)
async def test_an_error_of_the_delegate_is_a_status_that_says_whose_it_is(
    site: Site, answer: Answer, status: int, words: str
) -> None:
    site.answer = answer
    response = await site.get(f"{G}/namespaces/shop/pods/*/rps")
    document = response.json()
    assert (response.status_code, document["kind"], document["code"]) == (status, "Status", status)
    assert words in document["message"]
    assert "t0ken" not in response.text
    assert ("retry-after" in response.headers) == (status == 429)


async def test_a_delegate_that_leads_back_to_us_is_noticed(site: Site) -> None:
    response = await site.get(f"{G}/namespaces/shop/pods/*/rps", via=VIA)
    assert response.status_code == 503
    assert "leads back to this server" in response.json()["message"]
    assert site.forwarded == []


async def test_a_new_token_is_read_and_a_missing_one_keeps_the_last(site: Site) -> None:
    site.token_file.write_text("rotated")
    await site.delegate.refresh()
    site.token_file.unlink()
    await site.delegate.refresh()
    await site.get(f"{G}/nodes/n1/disk")
    assert site.forwarded[0].headers["Authorization"] == "Bearer rotated"


async def test_requests_are_counted_by_status_without_the_names_of_the_delegate(site: Site) -> None:
    await site.get(f"{G}/namespaces/shop/pods/*/invented")
    text = (await site.get("/metrics")).text
    assert 'wao_delegate_requests_total{code="200"} 1.0' in text
    assert "invented" not in text


@pytest.mark.parametrize("name", ["pods/" + "x" * MAX_NAME, "pods/a\nb", "pods", "/"])
async def test_a_name_that_no_metric_has_is_left_out(site: Site, name: str) -> None:
    site.answer = lambda _request: json_response({"resources": [{"name": name}, {"name": "pods/rps"}]})
    await site.delegate.refresh()
    assert {item.name for listed in site.delegate.resources.values() for item in listed} == {"pods/rps"}


async def test_one_discovery_is_kept_however_often_the_delegate_changes_it(site: Site) -> None:
    documents = DiscoveryCache(NodeMetrics(ClusterState(), SampleStore()), site.delegate)
    made = []
    for number in (1, 2, 2, 1):
        resources = [{"name": f"pods/m{number}"}]
        site.answer = lambda _request, resources=resources: json_response({"resources": resources})  # type: ignore[misc]
        await site.delegate.refresh()
        made.append(documents.current())
    assert made[0] is not made[1]
    assert made[1] is made[2]
    assert made[3] is documents.current()
    assert made[3] is not made[0], "the delegate could fill the memory with earlier ones"


async def test_answers_of_few_requests_are_read_at_a_time(site: Site) -> None:
    running: list[int] = []
    most = 0
    released = asyncio.Event()

    async def send(request: Request) -> Response:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        if len(running) == AT_ONCE:
            released.set()
        await released.wait()
        await asyncio.sleep(0)
        running.pop()
        return json_response(LIST)

    site.transport.send = send  # type: ignore[method-assign]
    answers = await asyncio.gather(*(site.get(f"{G}/namespaces/shop/pods/p{n}/rps") for n in range(3 * AT_ONCE)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == AT_ONCE


async def test_a_request_does_not_wait_forever_for_its_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wao_metrics_api.delegate.LONGEST_TURN", 0.01)

    async def send(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    site.transport.send = send  # type: ignore[method-assign]
    answers = await asyncio.gather(*(site.get(f"{G}/namespaces/shop/pods/p{n}/rps") for n in range(2 * AT_ONCE)))
    assert {answer.status_code for answer in answers} == {503}
    assert "too many requests wait for it" in answers[-1].text


@pytest.mark.parametrize(
    ("items", "status"),
    [("[" * 900 + "]" * 900, 200), ("[" * 30_000 + "]" * 30_000, 503), (f'["{"x" * 1_000_000}"]', 200)],
    ids=["nested", "nested too deeply", "long"],
)
async def test_any_list_of_the_delegate_is_given_as_yaml(site: Site, items: str, status: int) -> None:
    body = f'{{"kind": "MetricValueList", "items": {items}}}'.encode()
    site.answer = lambda _request: Response(200, body)
    answer = await site.get(f"{G}/namespaces/shop/pods/*/rps", accept="application/yaml")
    assert answer.status_code == status
    assert (answer.content == body) is (status == 200)
