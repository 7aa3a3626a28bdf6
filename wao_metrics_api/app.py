"""The metrics API's application: the API group as plain ASGI, the rest with FastAPI, errors as metav1.Status."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.serving.api import Responses, made_in_thread, validation_message
from wao_core.serving.direct import with_direct_routes
from wao_core.serving.frame import ServerFrame
from wao_core.serving.metrics import package_version
from wao_core.serving.status import REASONS, StatusError
from wao_metrics_api.delegate import Delegate
from wao_metrics_api.documents import NodeExplanation, explain_node
from wao_metrics_api.endpoints import NOT_ALLOWED, ApiEndpoint, DiscoveryCache, GroupsEndpoint, OpenApiEndpoint
from wao_metrics_api.metrics import RequestTelemetry, node_families
from wao_metrics_api.nodes import NodeMetrics
from wao_metrics_api.paths import in_group, unknown_path
from wao_metrics_api.responses import internal_error
from wao_metrics_api.sensor_documents import MOST_SENSORS, SensorList, sensor_list, sensor_samples

_INVALID: Responses = {422: {"description": "metav1.Status"}}


def create_app(
    state: ClusterState,
    store: SampleStore,
    frame: ServerFrame,
    *,
    delegate: Delegate | None = None,
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """Return the application, without authentication: see `wao_core.serving.auth.guard.Guard`."""
    nodes = NodeMetrics(state, store, clock=clock)
    state.subscribe([Kind.NODE], lambda change: nodes.forget(change.key) if change.new is None else None)
    frame.add_series(*node_families(store, lambda: nodes.unrepresentable))
    documents = DiscoveryCache(nodes, delegate)
    group = ApiEndpoint(nodes, documents, RequestTelemetry(frame.registry), delegate)
    app = FastAPI(
        title="WAO metrics API",
        version=package_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: _http_error,
            RequestValidationError: _validation_error,
            StatusError: _status_error,
            Exception: _crash,
        },
    )
    # a Route with an object, not a function, passes on the plain ASGI call for every method
    for path, endpoint in (
        ("/apis", GroupsEndpoint(documents)),
        ("/apis/", GroupsEndpoint(documents)),
        ("/openapi/{rest:path}", OpenApiEndpoint()),
    ):
        app.router.routes.append(Route(path, endpoint))
    app.router.routes.extend(frame.routes())
    _add_rest(app, state, store)
    return with_direct_routes(app, lambda scope: group if in_group(scope["path"]) else None)


def _add_rest(app: FastAPI, state: ClusterState, store: SampleStore) -> None:
    @app.get("/version")
    async def version() -> dict[str, str]:
        """Return the version in the form of a Kubernetes server."""
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

    @app.get("/debug/nodes/{name}", responses=_INVALID)
    async def explain(name: str) -> NodeExplanation:
        """Explain the metrics of a node: values, ages, and why one is missing."""
        return explain_node(state, store, name)

    @app.get("/v1/sensors", response_model=SensorList, responses=_INVALID)
    async def sensors(
        failing: Annotated[bool, Query(description="only sensors that are not ok")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST_SENSORS, description="maximum number of sensors")] = 1000,
    ) -> Response:
        """List the sensors of all nodes: the result of the last reading, its reason, and the time of the last value."""
        samples = sensor_samples(state.node_configs.values(), store)
        return await made_in_thread(lambda: sensor_list(samples, failing=failing, limit=limit))


async def _http_error(_request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    if code == 404:
        return _status_response(unknown_path())
    if code == 405:
        return _status_response(StatusError(405, NOT_ALLOWED, details={}))
    return _status_response(StatusError(code, REASONS.get(code, "Unknown")))


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _status_response(StatusError(422, validation_message(error)))


async def _status_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StatusError)
    return _status_response(error)


async def _crash(_request: Request, _error: Exception) -> Response:
    return _status_response(internal_error())


def _status_response(error: StatusError) -> Response:
    return Response(
        error.body(), error.code, media_type="application/json", headers={"Cache-Control": "no-cache, private"}
    )
