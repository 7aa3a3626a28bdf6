"""The weight service's HTTP side: JSON with ETag and long poll, Envoy EDS, Prometheus gauges."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wao_core.durations import parse_duration
from wao_core.errors import DurationError
from wao_core.serving.health import HealthChecks
from wao_lb.documents import ServiceWeights
from wao_lb.outputs import eds
from wao_lb.service import WeightBook

LONGEST_WAIT = 60.0
"""Seconds that a long poll may ask for."""
MAX_BODY = 1024 * 1024


class WeightMetrics:
    """Weights as gauges: wao_lb_weight{namespace, service, endpoint}."""

    def __init__(self, book: WeightBook) -> None:
        self._book = book

    def collect(self) -> Iterator[Metric]:
        """Return the families."""
        weight = GaugeMetricFamily(
            "wao_lb_weight", "Share of a Service port's traffic [%].", labels=["namespace", "service", "endpoint"]
        )
        increase = GaugeMetricFamily(
            "wao_lb_watt_increase", "Watts of one more request.", labels=["namespace", "service", "endpoint"]
        )
        for weights in self._book.all().values():
            for port in weights.ports:
                for item in port.endpoints:
                    labels = [weights.namespace, weights.service, f"{item.address}:{item.port}"]
                    weight.add_metric(labels, item.weight)
                    if item.watt_increase is not None:
                        increase.add_metric(labels, item.watt_increase)
        yield weight
        yield increase


def create_app(book: WeightBook, checks: HealthChecks, registry: CollectorRegistry) -> FastAPI:
    """Return the weight service as an ASGI application."""
    app = FastAPI(title="WAO load balancer weights", docs_url=None, redoc_url=None, redirect_slashes=False)
    registry.register(WeightMetrics(book))

    async def one(request: Request) -> Response:
        return await _weights(book, request)

    async def listing(request: Request) -> Response:
        found = [_summary(weights) for _, weights in sorted(book.all().items())]
        return JSONResponse({"services": found})

    async def discovery(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_BODY:
            return JSONResponse({"error": "the request is larger than 1 MiB"}, status_code=413)
        answer = eds.answer(body, book.all())
        return Response(answer.body, status_code=answer.status, media_type="application/json")

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    app.add_route("/v1/weights/{namespace}/{service}", one, methods=["GET"])
    app.add_route("/v1/weights", listing, methods=["GET"])
    app.add_route("/v3/discovery:endpoints", discovery, methods=["POST"])
    app.add_route("/metrics", metrics, methods=["GET"])
    for path in ("/healthz", "/livez", "/readyz"):
        app.add_route(path, checks.handle, methods=["GET"])
    return app


async def _weights(book: WeightBook, request: Request) -> Response:
    key = f"{request.path_params['namespace']}/{request.path_params['service']}"
    try:
        wait = min(LONGEST_WAIT, parse_duration(request.query_params.get("wait", "0s")))
    except DurationError as error:
        return JSONResponse({"error": f"wait: {error}"}, status_code=400)
    known = request.headers.get("if-none-match", "").strip('" ')
    weights = await book.wait(key, known, wait) if wait > 0 and known else book.get(key)
    if weights is None:
        chosen = book.settings.proxy_name
        hint = f"; Services are chosen by the label {chosen!r}" if chosen else ""
        return JSONResponse({"error": f"Service {key} is not weighted{hint}"}, status_code=404)
    headers = {"ETag": f'"{weights.version}"', "Cache-Control": "no-cache"}
    if known == weights.version:
        return Response(status_code=304, headers=headers)
    return Response(msgspec.json.encode(weights), media_type="application/json", headers=headers)


def _summary(weights: ServiceWeights) -> dict[str, object]:
    return {
        "namespace": weights.namespace,
        "service": weights.service,
        "rule": weights.rule,
        "reason": weights.reason,
        "version": weights.version,
        "endpoints": sum(len(port.endpoints) for port in weights.ports),
    }
