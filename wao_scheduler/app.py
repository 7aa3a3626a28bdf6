"""The extender's application: kube-scheduler's verbs by plain ASGI, explain and what-if through FastAPI."""

from __future__ import annotations

import asyncio

from fastapi import Query
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as PydanticField
from starlette.requests import Request
from starlette.responses import Response

from wao_core.cluster.source import Source
from wao_core.serving.direct import DirectApp
from wao_predict import UsageError
from wao_scheduler import whatif
from wao_scheduler.config import Cores
from wao_scheduler.decisions import DecisionLog
from wao_scheduler.engine import Engine
from wao_scheduler.metrics import ExtenderMetrics, InputCollector
from wao_scheduler.verbs import ExtenderState, Verbs, bounded_body


def create_app(engine: Engine, source: Source, registry: CollectorRegistry) -> DirectApp:
    """Return the extender as an ASGI application."""
    state = ExtenderState(engine, source, ExtenderMetrics(registry), DecisionLog(engine.settings.decisions))
    app = DirectApp(Verbs(state), title="WAO scheduler extender", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.extender = state
    registry.register(InputCollector(lambda: engine.snapshot))
    _add_explain(app, state)
    _add_what_if(app, state)
    return app


def _add_explain(app: DirectApp, state: ExtenderState) -> None:
    async def decisions(
        pod: str | None = Query(None, description="namespace/name; without it the last decisions in short"),
        limit: int = Query(50, ge=1, le=10_000, description="nodes of a decision, or decisions"),
    ) -> JSONResponse:
        if pod is None:
            latest = state.decisions.latest(limit)
            return JSONResponse({"decisions": [{**item.as_dict(1)} for item in latest]})
        found = state.decisions.of(pod)
        if found is None:
            message = f"no decision on pod {pod!r:.200} is kept; {len(state.decisions)} others are"
            return JSONResponse({"error": message}, status_code=404)
        return JSONResponse(found.as_dict(limit))

    app.add_api_route("/v1/decisions", decisions, methods=["GET"], response_class=JSONResponse)


class WhatIfRequest(BaseModel):
    """Body of `POST /v1/what-if`."""

    model_config = ConfigDict(extra="forbid")

    cpu: Cores = PydanticField(description='CPU of one pod, such as "500m" or 0.5')
    count: int = PydanticField(1, ge=1, le=10_000, description="number of equal pods")
    nodes: list[str] | None = PydanticField(None, description="only these nodes")


def _add_what_if(app: DirectApp, state: ExtenderState) -> None:
    async def what_if(request: Request) -> Response:
        body = await bounded_body(request.scope, request.receive)
        if body is None:
            return JSONResponse({"error": "the body is too large"}, status_code=413)
        try:
            asked = WhatIfRequest.model_validate_json(body)
            fleet = whatif.fleet(state.engine, asked.nodes)
            answer = await asyncio.to_thread(whatif.answer, fleet, asked.cpu, asked.count)
        except ValidationError as error:
            wrong = [
                f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}" for item in error.errors()
            ]
            return JSONResponse({"error": "; ".join(wrong)}, status_code=422)
        except UsageError as error:
            return JSONResponse({"error": str(error)}, status_code=422)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, status_code=503)
        return JSONResponse(answer)

    app.add_route("/v1/what-if", what_if, methods=["POST"])
