"""The HTTP side of the node agent: health in the form of kube-proxy, readiness and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wao_core.serving.frame import ServerFrame
from wao_lb.agent.sync import Syncer


def create_app(syncer: Syncer, weights: Callable[[], str], frame: ServerFrame) -> Starlette:
    """Return the agent's ASGI application.

    Parameters
    ----------
    weights
        Returns a description of where the weights come from.
    """
    frame.checks.add_live("sync", syncer.health)
    frame.checks.add_ready("first-sync", lambda: None if syncer.synced else "the rules are not written yet")

    async def healthz(request: Request) -> Response:
        """Return 503 with the reason when load balancers should not use this node."""
        ineligible, outdated = syncer.view.ineligible(), syncer.health() is not None
        reason = "changes do not reach the kernel" if outdated else ineligible
        body: dict[str, object] = {"lastSyncSecondsAgo": _ago(syncer), "nodeEligible": ineligible is None}
        body |= {"healthy": not outdated, "reason": reason, "weights": weights()}
        return JSONResponse(body, status_code=200 if reason is None else 503)

    async def livez(request: Request) -> Response:
        """Return 503 when the agent should be restarted: changes do not reach the kernel, or a task has ended."""
        alive = frame.checks.live().healthy
        return JSONResponse({"lastSyncSecondsAgo": _ago(syncer)}, status_code=200 if alive else 503)

    # the first route that matches is used, so kube-proxy's forms of /healthz and /livez take precedence
    return Starlette(routes=[Route("/healthz", healthz), Route("/livez", livez), *frame.routes()])


def _ago(syncer: Syncer) -> float | None:
    return round(time.monotonic() - syncer.timestamps.synced, 3) if syncer.synced else None
