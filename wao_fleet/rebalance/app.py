"""The rebalancer's application: the plan and the reasons of evictions, for people and programs."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import FastAPI, Query

from wao_core.serving.api import ApiError, errors, new_api
from wao_core.serving.frame import ServerFrame
from wao_fleet.rebalance.documents import (
    EvictionDocument,
    EvictionList,
    PlanDocument,
    eviction_document,
    plan_document,
)
from wao_fleet.rebalance.rebalancer import Rebalancer


def create_app(rebalancer: Rebalancer, frame: ServerFrame) -> FastAPI:
    """Return the rebalancer as an ASGI application."""
    app = new_api(frame, "WAO rebalancer")

    @app.get("/v1/plan", responses=errors(503))
    async def plan() -> PlanDocument:
        """Show the last plan: Pods that would cost less elsewhere, and why other nodes keep theirs."""
        if rebalancer.plan is None:
            raise ApiError(503, f"there is no plan yet: {rebalancer.problem or 'the first one is being made'}")
        return plan_document(rebalancer, rebalancer.plan, time.time())

    @app.get("/v1/evictions", responses=errors(404))
    async def evictions(
        pod: Annotated[str | None, Query(description="namespace/name; without it the last evictions")] = None,
        limit: Annotated[int, Query(ge=1, le=2000, description="maximum number of evictions")] = 50,
    ) -> EvictionDocument | EvictionList:
        """Explain why a Pod was evicted, or list the last evictions."""
        if pod is None:
            latest = [eviction_document(record) for record in rebalancer.history.latest(limit)]
            return EvictionList(leading=rebalancer.leading(), evictions=latest)
        found = rebalancer.history.of(pod)
        if found is None:
            raise ApiError(404, f"no eviction of pod {pod!r:.200} is kept")
        return eviction_document(found)

    return app
