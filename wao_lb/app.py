"""The weight service's HTTP side: JSON with ETag and long poll, Envoy EDS, Prometheus gauges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wao_core.cluster.durations import parse_duration
from wao_core.errors import DurationError
from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes
from wao_core.serving.metrics import metrics_endpoint
from wao_lb.entries import Entry
from wao_lb.metrics import families
from wao_lb.outputs import eds
from wao_lb.settings import PROXY_LABEL
from wao_lb.weight_book import WeightBook

LONGEST_WAIT = 60.0
"""Seconds that a long poll may ask for."""
MAX_BODY = 1024 * 1024

Handler = Callable[[Request], Awaitable[Response]]


def create_app(
    book: WeightBook, checks: HealthChecks, registry: CollectorRegistry, ready: Callable[[], bool] = lambda: True
) -> FastAPI:
    """Return the weight service as an ASGI application.

    Parameters
    ----------
    ready
        Whether weights are known. Until then readers get 503 and keep what they have: an empty answer would take
        all endpoints from them at every restart.
    """
    checks.at_stop(book.changes.end)
    app = FastAPI(title="WAO load balancer weights", docs_url=None, redoc_url=None, redirect_slashes=False)

    def when_ready(handler: Callable[[WeightBook, Request], Awaitable[Response]]) -> Handler:
        async def handle(request: Request) -> Response:
            if not ready():
                refusal = {"error": "the cluster is not read yet; keep the weights that you have"}
                return JSONResponse(refusal, status_code=503, headers={"Retry-After": "1"})
            return await handler(book, request)

        return handle

    app.add_route("/v1/weights/{namespace}/{service}", when_ready(_weights), methods=["GET"])
    app.add_route("/v1/weights", when_ready(_Listing().answer), methods=["GET"])
    app.add_route("/v3/discovery:endpoints", when_ready(_discovery), methods=["POST"])
    app.add_route("/metrics", metrics_endpoint(registry, families(book)), methods=["GET"])
    app.router.routes.extend(health_routes(checks))
    return app


async def _weights(book: WeightBook, request: Request) -> Response:
    key = f"{request.path_params['namespace']}/{request.path_params['service']}"
    try:
        wait = _wait_of(request)
    except DurationError as error:
        return JSONResponse({"error": f"wait: {error}"}, status_code=400)
    known = _known(request)
    weights = await book.wait(key, known, wait) if wait > 0 and known else book.get(key)
    if weights is None:
        value = book.settings.proxy_name
        hint = f"; Services are chosen by the label {PROXY_LABEL}: {value}" if value else ""
        return JSONResponse({"error": f"Service {key} is not weighted{hint}"}, status_code=404)
    headers = _headers(book, weights.version)
    if known == weights.version:
        return Response(status_code=304, headers=headers)
    return Response(msgspec.json.encode(weights), media_type="application/json", headers=headers)


class _Listing:
    """The version of every Service, so that one long poll is enough to follow all of them.

    Every node's agent asks for it after every change, so it is made once a version.
    """

    def __init__(self) -> None:
        self._version, self._body = "", b""

    async def answer(self, book: WeightBook, request: Request) -> Response:
        try:
            wait = _wait_of(request)
        except DurationError as error:
            return JSONResponse({"error": f"wait: {error}"}, status_code=400)
        known = _known(request)
        if wait > 0 and known:
            await book.wait_for_any(known, wait)
        entries, version = book.entries(), book.changes.version
        if known == version:
            return Response(status_code=304, headers=_headers(book, version))
        if version != self._version:
            services = [_summary(entry) for _, entry in sorted(entries.items())]
            self._version, self._body = version, msgspec.json.encode({"version": version, "services": services})
        return Response(self._body, media_type="application/json", headers=_headers(book, version))


async def _discovery(book: WeightBook, request: Request) -> Response:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return JSONResponse({"error": "the request is larger than 1 MiB"}, status_code=413)
    answer = eds.answer(bytes(body), book)
    return Response(answer.body, status_code=answer.status, media_type="application/json")


def _wait_of(request: Request) -> float:
    return min(LONGEST_WAIT, parse_duration(request.query_params.get("wait", "0s")))


def _known(request: Request) -> str:
    return request.headers.get("if-none-match", "").removeprefix("W/").strip('" ')


def _headers(book: WeightBook, version: str) -> dict[str, str]:
    # a reader that stays on its connection would not come to another replica before this one is gone
    closing = {"Connection": "close"} if book.changes.ended else {}
    return {"ETag": f'"{version}"', "Cache-Control": "no-cache", **closing}


def _summary(entry: Entry) -> dict[str, object]:
    return {
        "namespace": entry.service.namespace,
        "service": entry.service.name,
        "rule": entry.rule,
        "reason": entry.reason,
        "version": entry.version,
        "endpoints": sum(len(group) for group in entry.groups.values()),
    }
