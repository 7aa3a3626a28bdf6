"""Traces: off without an endpoint, complete with one, and never with a credential."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from tests.fakes.otlp_receiver import Receiver, attributes_of, receiving
from wao_core import tracing
from wao_core.serving.logs import redact
from wao_predict.errors import MissingExtra, UsageError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver to which traces are sent; `tracing.stop()` sends them."""
    with receiving() as running:
        monkeypatch.setenv(ENDPOINT, running.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20of-the-collector")
        tracing.start("test", "1.2")
        yield running
        tracing.stop()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: ""},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_traces_are_off_unless_an_endpoint_is_set(environ: dict[str, str]) -> None:
    tracing.start("test", "1", environ)
    assert not tracing.enabled()
    with tracing.span("work") as current:
        current.set(a=1)
        current.rename("other")
        current.fail("kind")
        assert not current
    tracing.annotate(a=1)


def test_off_all_spans_are_one_object() -> None:
    assert tracing.span("a") is tracing.span("b")
    assert tracing.server_span("a", {}) is tracing.span("b")


def test_another_protocol_is_refused() -> None:
    environ = {ENDPOINT: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc': only http/protobuf is supported"):
        tracing.start("test", "1", environ)
    assert not tracing.enabled()


def test_missing_packages_are_named_with_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingExtra, match=r"pip install 'wao-predict\[otel\]'"):
        tracing.start("test", "1", {ENDPOINT: "http://127.0.0.1:1"})


def test_a_span_has_its_attributes_its_parent_and_the_name_of_the_server(receiver: Receiver) -> None:
    with tracing.span("outer") as outer:
        outer.set(wao_nodes=3)
        with tracing.span("inner"):
            tracing.annotate(wao_metric="inlet_temp", http_response_status__code=200)
    tracing.stop()
    (outer_span,), (inner_span,) = receiver.spans["outer"], receiver.spans["inner"]
    assert attributes_of(outer_span) == {"wao.nodes": 3}
    assert attributes_of(inner_span) == {"wao.metric": "inlet_temp", "http.response.status_code": 200}
    assert (inner_span.parent_span_id, inner_span.trace_id) == (outer_span.span_id, outer_span.trace_id)
    assert receiver.resources[0]["service.name"] == "wao-test"
    assert receiver.headers[0]["authorization"] == "Bearer of-the-collector"


async def test_spans_of_tasks_that_run_at_the_same_time_have_their_own_parents(receiver: Receiver) -> None:
    async def work(name: str) -> None:
        with tracing.span(name):
            await asyncio.sleep(0)
            with tracing.span(f"in {name}"):
                await asyncio.sleep(0)

    await asyncio.gather(work("a"), work("b"))
    tracing.stop()
    for name in ("a", "b"):
        assert receiver.spans[f"in {name}"][0].parent_span_id == receiver.spans[name][0].span_id


def test_the_message_of_an_exception_is_not_sent(receiver: Receiver) -> None:
    """It could contain a password, for example in a URL."""
    with pytest.raises(ValueError, match="s3cret"), tracing.span("work"):
        raise ValueError("https://user:s3cret@bmc")
    tracing.stop()
    (span,) = receiver.spans["work"]
    assert attributes_of(span) == {"error.type": "ValueError"}
    assert (span.status.code, span.status.message, len(span.events)) == (2, "", 0)
    assert not any(b"s3cret" in body or b"of-the-collector" in body for body in receiver.bodies)


def test_a_long_value_is_cut(receiver: Receiver) -> None:
    with tracing.span("work") as current:
        current.set(long="x" * 10_000)
    tracing.stop()
    assert len(attributes_of(receiver.spans["work"][0])["long"]) == tracing.MOST_CHARACTERS


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on the port: work goes on, and further spans are dropped."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")
    monkeypatch.setattr(tracing, "LAST_SPANS", 0.1)
    tracing.start("test", "1")
    for _ in range(1000):
        with tracing.span("work"):
            pass
    tracing.stop()
    assert not tracing.enabled()


@pytest.mark.parametrize(
    "headers",
    ["x-api-key: planted-key", "x-api-key=Basic planted-key;planted-more", "planted-alone, x=planted%20key\x7f"],
)
def test_what_the_exporter_says_of_its_headers_and_its_url_is_masked_in_logs(
    headers: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It quotes headers of a wrong form, and the URL in its errors."""
    monkeypatch.setenv(ENDPOINT, "nope://collector/planted-path?key=planted-query")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    tracing.start("test", "1")
    with tracing.span("work"):
        pass
    tracing.stop()
    for said in ("planted-path", "planted-query", headers.partition(",")[0].split()[-1].partition(";")[0]):
        assert said in caplog.text
    assert "planted" not in redact(caplog.text)
