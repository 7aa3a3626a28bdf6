"""The agent's HTTP side: health as kube-proxy answers it, readiness and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes
from wao_core.serving.metrics import metrics_endpoint
from wao_lb.agent.sync import Syncer


def create_app(
    syncer: Syncer, weights: Callable[[], str], checks: HealthChecks, registry: CollectorRegistry
) -> Starlette:
    """Return the agent's ASGI application; `weights` tells where the weights come from."""

    async def healthz(request: Request) -> Response:
        """503 also when the node is about to be deleted: load balancers should go elsewhere."""
        eligible, problem = not syncer.view.leaving, syncer.health()
        body: dict[str, object] = {"lastSyncSecondsAgo": _ago(syncer), "nodeEligible": eligible}
        body |= {"healthy": problem is None, "weights": weights()}
        return JSONResponse(body, status_code=200 if eligible and problem is None else 503)

    async def livez(request: Request) -> Response:
        """503 when changes do not reach the kernel; a node about to be deleted needs no restart of the agent."""
        problem = syncer.health()
        return JSONResponse({"lastSyncSecondsAgo": _ago(syncer)}, status_code=200 if problem is None else 503)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/livez", livez),
            *(route for route in health_routes(checks) if route.path == "/readyz"),
            Route("/metrics", metrics_endpoint(registry)),
        ]
    )


def _ago(syncer: Syncer) -> float | None:
    return round(time.monotonic() - syncer.timestamps.synced, 3) if syncer.synced else None
