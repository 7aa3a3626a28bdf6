"""A span for each request, with the caller's span as its parent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.fakes.extender import Extender, args
from tests.fakes.otlp_receiver import Receiver, attributes_of, receiving
from tests.fakes.servers import APPS
from tests.fakes.snapshots import snapshot
from wao_core import tracing
from wao_core.serving.frame import ServerFrame
from wao_core.serving.traced import traced

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    with receiving() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        tracing.start("test", "1")
        yield running
        tracing.stop()


def client(name: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=traced(APPS[name](ServerFrame(name))), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://server")


async def test_a_request_for_metrics_continues_the_trace_of_the_api_server(receiver: Receiver) -> None:
    async with client("metrics-api") as http:
        path = "/apis/custom.metrics.k8s.io/v1beta2/nodes/n1/inlet_temp"
        headers = {"traceparent": PARENT, "authorization": "Bearer s3cret"}
        assert (await http.get(f"{path}?token=s3cret", headers=headers)).status_code == 200
    tracing.stop()
    (span,) = receiver.spans["GET /apis/{group}"]
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (PARENT[3:35], PARENT[36:52], 2)
    assert attributes_of(span) == {
        "http.request.method": "GET",
        "http.route": "/apis/{group}",
        "http.response.status_code": 200,
        "wao.metric": "inlet_temp",
        "k8s.node.name": "n1",
    }
    assert not any(b"s3cret" in body for body in receiver.bodies)


async def test_a_decision_states_pod_candidates_and_node(receiver: Receiver) -> None:
    extender = Extender()
    extender.engine.update(snapshot(["a", "b"], slopes=[2.0, 1.0]))
    transport = httpx2.ASGITransport(app=traced(extender.app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:
        for verb in ("filter", "prioritize"):
            await http.post(f"/{verb}", content=json.dumps(args("a", "b")))
    tracing.stop()
    (span,) = receiver.spans["POST /prioritize"]
    found = attributes_of(span)
    assert (found["k8s.pod.name"], found["wao.candidates"], found["wao.node"]) == ("p", 2, "b")
    assert attributes_of(receiver.spans["POST /filter"][0])["http.route"] == "/filter"


async def test_names_in_a_path_are_no_part_of_the_name_of_a_span(receiver: Receiver) -> None:
    async with client("metrics-api") as http:
        await http.get("/debug/nodes/invented")
        await http.get("/invented")
    tracing.stop()
    assert set(receiver.spans) == {"GET /debug/nodes/{name}", "GET"}


async def test_an_invalid_parent_is_ignored_and_probes_have_no_span(receiver: Receiver) -> None:
    async with client("lb") as http:
        await http.get("/v1/weights", headers={"traceparent": "00-nonsense"})
        for probe in ("/livez", "/readyz", "/metrics"):
            await http.get(probe)
    tracing.stop()
    assert set(receiver.spans) == {"GET /v1/weights", "plan weights"}
    (span,) = receiver.spans["GET /v1/weights"]
    assert span.parent_span_id == b""


async def test_a_request_that_fails_marks_its_span(receiver: Receiver) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("s3cret")

    transport = httpx2.ASGITransport(app=traced(broken), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as http:
        await http.get("/x")
    tracing.stop()
    assert attributes_of(receiver.spans["GET"][0])["error.type"] == "ValueError"
