"""The FastAPI application: the group's paths by a plain ASGI endpoint, the rest by FastAPI, errors as metav1.Status."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.routing import Route

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.health import HealthChecks
from wao_core.serving.direct import DirectApp
from wao_core.serving.health import health_routes
from wao_core.serving.metrics import SeriesFamily, metrics_endpoint, new_registry, package_version
from wao_core.serving.status import REASONS, StatusError
from wao_metrics_api.endpoints import NOT_ALLOWED, ApiEndpoint, DiscoveryCache, GroupsEndpoint, OpenApiEndpoint
from wao_metrics_api.metrics import RequestTelemetry, node_families
from wao_metrics_api.nodes import NodeMetrics
from wao_metrics_api.paths import in_group, unknown_path
from wao_metrics_api.responses import internal_error


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of; the registry is there for others to add their metrics."""

    store: SampleStore
    checks: HealthChecks
    registry: CollectorRegistry


def new_parts(store: SampleStore) -> Parts:
    """Return the parts around a store."""
    return Parts(store, HealthChecks(), new_registry("metrics-api"))


def create_app(
    state: ClusterState, parts: Parts, *, families: Iterable[SeriesFamily] = (), clock: Callable[[], float] = time.time
) -> DirectApp:
    """Return the application, without authentication: see `wao_metrics_api.auth.guard.Guard`."""
    nodes = NodeMetrics(state, parts.store, clock=clock)
    state.subscribe([Kind.NODE], lambda change: nodes.forget(change.key) if change.new is None else None)
    documents = DiscoveryCache(nodes)
    group = ApiEndpoint(nodes, documents, RequestTelemetry(parts.registry))
    app = DirectApp(
        lambda scope: group if in_group(scope["path"]) else None,
        title="wao-metrics-api",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _http_error, StatusError: _status_error, Exception: _crash},
    )
    # a Route around an object, not a function, hands it the bare ASGI call: any method, no Request object
    for path, endpoint in (
        ("/apis", GroupsEndpoint(documents)),
        ("/apis/", GroupsEndpoint(documents)),
        ("/openapi/{rest:path}", OpenApiEndpoint()),
    ):
        app.router.routes.append(Route(path, endpoint))
    app.router.routes.extend(health_routes(parts.checks))
    shown = [*node_families(parts.store, lambda: nodes.unrepresentable), *families]
    app.add_route("/metrics", metrics_endpoint(parts.registry, shown), methods=["GET"])
    _add_rest(app, state, parts.store)
    return app


def _add_rest(app: FastAPI, state: ClusterState, store: SampleStore) -> None:
    @app.get("/version")
    async def version() -> dict[str, str]:
        return {
            "major": "",
            "minor": "",
            "gitVersion": f"v{package_version()}",
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": "",
            "goVersion": "",
            "compiler": f"python{platform.python_version()}",
            "platform": f"{platform.system().lower()}/{platform.machine()}",
        }

    @app.get("/debug/nodes/{name}")
    async def explain(name: str) -> dict[str, object]:
        """Tell what is known of a node's metrics, and why one is missing."""
        return explain_node(state, store, name)


def explain_node(state: ClusterState, store: SampleStore, name: str) -> dict[str, object]:
    """Return every metric of a node with its state, its age in seconds and the reason when it has no fresh value."""
    now = time.time()
    metrics: dict[str, object] = {}
    for metric in store.metrics():
        sample = store.get(name, metric)
        if sample is not None:
            metrics[metric] = {
                "value": sample.value if sample.measured else None,
                "age_seconds": round(now - sample.time, 3) if sample.measured else None,
                "ttl_seconds": sample.ttl,
                "fresh": sample.fresh(now),
                "state": sample.state.value,
                "reason": sample.reason,
                "source": sample.source,
            }
    return {"node": name, "known": name in state.nodes, "metrics": metrics}


async def _http_error(_request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    if code == 404:
        return _status_response(unknown_path())
    if code == 405:
        return _status_response(StatusError(405, NOT_ALLOWED, details={}))
    return _status_response(StatusError(code, REASONS.get(code, "Unknown")))


async def _status_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StatusError)
    return _status_response(error)


async def _crash(_request: Request, _error: Exception) -> Response:
    return _status_response(internal_error())


def _status_response(error: StatusError) -> Response:
    return Response(
        error.body(), error.code, media_type="application/json", headers={"Cache-Control": "no-cache, private"}
    )
