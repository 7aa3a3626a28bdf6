"""Traces by OpenTelemetry, sent as OTLP over HTTP. They are off, and cost nothing, without an OTLP endpoint.

The variables are those of the OpenTelemetry specification: OTEL_EXPORTER_OTLP_ENDPOINT (or
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) turns traces on. OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_* and the
others have their usual meaning. Spans wait in a queue of bounded length for a thread that sends them; a span that finds
the queue full is dropped.

Attributes never contain headers, bodies, query strings or messages of exceptions, as these could contain a credential.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from wao_core.redaction import hide_password
from wao_predict.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
PROTOCOL = "http/protobuf"
LAST_SPANS = 3.0
"""Longest time for which a server that stops waits until its last spans are sent [s]."""
MOST_CHARACTERS = 256
"""Longest value of an attribute; longer ones are cut."""

Value = str | int | float | bool


class Span(Protocol):
    """A part of the work. It is false while traces are off, so that attributes need not be computed."""

    def __bool__(self) -> bool: ...

    def set(self, **attributes: Value) -> None:
        """Set attributes; `_` in a name becomes `.`, and `__` becomes `_`."""
        ...

    def rename(self, name: str) -> None:
        """Give the span another name."""
        ...

    def fail(self, kind: str) -> None:
        """Mark the span as failed, with a short word for the kind of failure."""
        ...


class _Off:
    """The span while traces are off."""

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> _Off:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def set(self, **attributes: Value) -> None:
        return None

    def rename(self, name: str) -> None:
        return None

    def fail(self, kind: str) -> None:
        return None


class _Live:
    """A span that is recorded."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def __bool__(self) -> bool:
        return True

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes({_dotted(name): value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


def _dotted(name: str) -> str:
    return "_".join(part.replace("_", ".") for part in name.split("__"))


_OFF = _Off()
_provider: TracerProvider | None = None
_tracer: Tracer | None = None


def span(name: str) -> AbstractContextManager[Span]:
    """Return a span for the body of a `with` statement, a child of the present one.

    Examples
    --------
    >>> with span("plan") as current:
    ...     if current:
    ...         current.set(wao_services=3)
    """
    return _OFF if _tracer is None else _live(_tracer, name)


def server_span(name: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
    """Return the span of a request, a child of the caller's span in its headers traceparent and tracestate."""
    return _OFF if _tracer is None else _live(_tracer, name, headers)


def annotate(**attributes: Value) -> None:
    """Set attributes of the present span; check `enabled` first where their values cost anything."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        _Live(get_current_span()).set(**attributes)


def enabled() -> bool:
    """Return whether traces are on."""
    return _tracer is not None


def start(component: str, version: str, environ: Mapping[str, str] = os.environ) -> None:
    """Turn traces on if the environment names an OTLP endpoint. There is one set of traces for a process.

    Raises
    ------
    UsageError
        The protocol is another one.
    MissingExtra
        The packages are not installed.
    """
    global _provider, _tracer
    endpoint = next((environ[name] for name in ENDPOINTS if environ.get(name)), "")
    if not endpoint or _provider is not None or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip() == "none":
        return
    for name in PROTOCOLS:
        if (protocol := environ.get(name, "").strip() or PROTOCOL) != PROTOCOL:
            raise UsageError(f"{name} is {protocol!r:.40}: only {PROTOCOL} is supported, usually on port 4318")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise MissingExtra("sending traces", "otel") from None
    _hide_credentials(environ)
    own = {"service.version": version}
    if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        own["service.name"] = f"wao-{component}"
    limits = SpanLimits(max_span_attribute_length=MOST_CHARACTERS)
    _provider = TracerProvider(resource=Resource.create(own), span_limits=limits, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("wao", version)
    log.info("traces are sent by OTLP")  # the endpoint may contain a credential


def _hide_credentials(environ: Mapping[str, str]) -> None:
    """Mask what may be a credential in the logs of the exporter: it quotes headers of a wrong form, and URLs.

    The path of a URL may have one, too. Logs of other parts that name the same path are masked with it.
    """
    for name in HEADERS:
        for pair in environ.get(name, "").split(","):
            value = re.split("[=:]", pair, maxsplit=1)[-1].strip()
            for text in (value, unquote(value), *unquote(value).split()[-1:]):
                hide_password("", text)
    for name in ENDPOINTS:
        try:
            parts = urlsplit(environ.get(name, ""))
        except ValueError:  # the exporter refuses it
            continue
        for text in (parts.query, parts.path.rstrip("/").removesuffix("/v1/traces"), parts.username, parts.password):
            hide_password("", text or "")


def stop() -> None:
    """Send the last spans, within a few seconds, and turn traces off."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        thread = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        thread.start()
        thread.join(LAST_SPANS)


@contextlib.contextmanager
def _live(tracer: Tracer, name: str, headers: Mapping[str, str] | None = None) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind, use_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None if headers is None else TraceContextTextMapPropagator().extract(headers)
    kind = SpanKind.INTERNAL if headers is None else SpanKind.SERVER
    found = tracer.start_span(name, context=context, kind=kind)
    live = _Live(found)
    with use_span(found, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield live
        except BaseException as error:
            live.fail(type(error).__name__)  # the message could contain a credential
            raise
