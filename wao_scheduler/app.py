"""The extender's application: the verbs of kube-scheduler as plain ASGI, decisions and what-if with FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import ValidationError
from starlette.types import ASGIApp

from wao_core.cluster.source import Source
from wao_core.serving.api import ApiError, errors, json_body, made_in_thread, new_api, validation_message
from wao_core.serving.bodies import bounded_body
from wao_core.serving.direct import with_direct_routes
from wao_core.serving.frame import ServerFrame
from wao_predict.cooling.what_if import CooledWhatIf, what_if_cooled
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet, WhatIf
from wao_predict.predictor import AsyncPredictor, Predictor
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import DecisionLog, Explanation
from wao_scheduler.documents import DecisionDocument, DecisionList, FleetDocument, WhatIfAnswer, WhatIfRequest
from wao_scheduler.estimator_api import add_estimator
from wao_scheduler.measured_fleet import fleet_document, measured_fleet
from wao_scheduler.metrics import ExtenderMetrics, InputCollector
from wao_scheduler.node_documents import NodesDocument, nodes_document
from wao_scheduler.spread_saving import Saving
from wao_scheduler.verbs import ExtenderState, Verbs

MAX_QUESTION = 512 * 1024
"""Largest what-if request [bytes]: 5,000 node names are some 200 kB."""


Predictors = Mapping[str, Predictor | AsyncPredictor]


def create_app(
    engine: DecisionEngine,
    source: Source,
    frame: ServerFrame,
    *,
    predictors: Callable[[], Predictors] = dict,
    saving: Callable[[], Saving | None] = lambda: None,
) -> ASGIApp:
    """Return the extender as an ASGI application.

    Parameters
    ----------
    predictors
        Returns the open models by label.
    saving
        Returns the last comparison with the spread baseline.
    """
    decisions = DecisionLog(engine.settings.decisions)
    state = ExtenderState(engine, source, ExtenderMetrics(frame.registry), decisions, frame.tasks)
    frame.registry.register(InputCollector(lambda: engine.snapshot))
    app = new_api(frame, "WAO scheduler extender", NodesDocument)
    _add_decisions(app, decisions)
    _add_fleet(app, engine)
    _add_nodes(app, lambda: nodes_document(engine, predictors(), saving()))
    _add_what_if(app, engine)
    add_estimator(app, engine)
    authenticated = frame.tls is not None and frame.tls.asks_clients
    return with_direct_routes(app, Verbs(state, authenticated=authenticated))


def _add_decisions(app: FastAPI, kept: DecisionLog) -> None:
    @app.get("/v1/decisions", response_model=DecisionDocument | DecisionList, responses=errors(404))
    async def decisions(
        pod: Annotated[str | None, Query(description="namespace/name; without it the last decisions")] = None,
        limit: Annotated[
            int, Query(ge=1, le=10_000, description="maximum number of nodes of a decision, or of decisions")
        ] = 50,
    ) -> Response:
        """Explain the last decision on a pod, or list the last decisions."""
        if pod is None:
            latest = kept.latest(limit)
            return await made_in_thread(lambda: DecisionList(decisions=[_document(each, 1) for each in latest]))
        found = kept.of(pod)
        if found is None:
            raise ApiError(404, f"no decision on pod {pod!r:.200} is kept; {len(kept)} others are")
        return await made_in_thread(partial(_document, found, limit))


def _document(decision: Explanation, nodes: int) -> DecisionDocument:
    return DecisionDocument.model_validate(decision.as_dict(nodes))


async def _what_if_request(request: Request) -> WhatIfRequest:
    body = await bounded_body(request.scope, request.receive, MAX_QUESTION)
    if body is None:
        raise ApiError(413, "the body is too large")
    try:
        return WhatIfRequest.model_validate_json(body)
    except ValidationError as error:
        raise ApiError(422, validation_message(error)) from None


def _add_fleet(app: FastAPI, engine: DecisionEngine) -> None:
    @app.get("/v1/fleet", response_model=FleetDocument, responses=errors(422, 503))
    async def fleet(
        group_label: Annotated[
            str | None,
            Query(alias="groupLabel", max_length=317, description="node label whose value is `group` of a node"),
        ] = None,
        pods: Annotated[bool, Query(description="also return the pods that run on the nodes")] = False,
    ) -> Response:
        """Return the measured nodes with their power curves, present load and the load that stays."""
        try:
            found = measured_fleet(engine)  # not in the thread, as it reads what changes with each decision
            document = partial(fleet_document, engine, found, label=group_label, pods=pods)
            return await made_in_thread(lambda: FleetDocument.model_validate(document()))
        except UsageError as error:
            raise ApiError(422, str(error)) from None
        except LookupError as error:
            raise ApiError(503, str(error)) from None


def _add_nodes(app: FastAPI, document: Callable[[], NodesDocument]) -> None:
    @app.get("/v1/nodes", responses={**json_body(NodesDocument), **errors(503)}, response_class=Response)
    async def nodes() -> Response:
        """Return all nodes with the inputs of decisions, their ages, power curves, and the models in use."""
        try:
            body = msgspec.json.encode(document())
        except LookupError as error:
            raise ApiError(503, str(error)) from None
        return Response(body, media_type="application/json")


def _add_what_if(app: FastAPI, engine: DecisionEngine) -> None:
    # the body is read with a limit and whatever its content type, so FastAPI does not see it as a parameter
    schema = WhatIfRequest.model_json_schema()
    described: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": True}}

    @app.post("/v1/what-if", responses=errors(413, 503), openapi_extra=described, response_model_exclude_none=True)
    async def what_if(wanted: Annotated[WhatIfRequest, Depends(_what_if_request)]) -> WhatIfAnswer:
        """Show the minimum power increase for additional identical pods, and where they would go."""
        try:
            fleet = measured_fleet(engine, wanted.nodes)
            answer = await asyncio.to_thread(_least_increase, engine, fleet, wanted.cpu, wanted.count)
        except UsageError as error:
            raise ApiError(422, str(error)) from None
        except LookupError as error:
            raise ApiError(503, str(error)) from None
        return WhatIfAnswer.model_validate(answer.as_dict())


def _least_increase(engine: DecisionEngine, fleet: Fleet, cores: float, count: int) -> WhatIf | CooledWhatIf:
    if engine.costs is None:
        return fleet.what_if(cores, count)
    return what_if_cooled(fleet, cores, count, engine.costs.cooling())
