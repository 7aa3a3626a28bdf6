"""The application of standby: health, metrics, and the last decision for people and programs."""

from __future__ import annotations

from fastapi import FastAPI

from wao_core.serving.api import ApiError, errors, new_api
from wao_core.serving.frame import ServerFrame
from wao_fleet.standby.documents import StandbyDocument, standby_document
from wao_fleet.standby.sources import Sources


def create_app(sources: Sources, frame: ServerFrame, *, acting: bool) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    acting
        Whether decisions are carried out, or only recommended.
    """
    app = new_api(frame, "WAO standby")

    @app.get("/v1/standby", responses=errors(503))
    async def standby() -> StandbyDocument:
        """Show the last decision: state and savings of each node, what is done with it and why, and what forbids it."""
        plan = sources.controller.plan
        if plan is None:
            why = "the first one is being made" if sources.leading() else "another replica leads"
            raise ApiError(503, f"there is no decision yet: {why}")
        return standby_document(sources, plan, acting=acting)

    return app
