"""The extender's HTTP side: hot routes as plain Starlette endpoints, the rest through FastAPI."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as PydanticField
from starlette.requests import Request
from starlette.responses import Response

from wao_core.records import Workload
from wao_core.source.base import ObjectRef, Source
from wao_predict import UsageError
from wao_scheduler import whatif
from wao_scheduler.config import Cores
from wao_scheduler.decisions import Decision, DecisionLog, explain
from wao_scheduler.engine import Engine
from wao_scheduler.podspread import BadRate
from wao_scheduler.telemetry import ExtenderMetrics, InputCollector
from wao_scheduler.wire import (
    ArgsDecoder,
    ExtenderArgs,
    ExtenderRequestError,
    ScoreEncoder,
    encode_filter,
    encode_filter_error,
)

log = logging.getLogger("wao.scheduler")

MAX_BODY = 64 * 1024 * 1024
"""5,000 whole Node objects are 45 MB; with nodeCacheCapable a body is some 200 kB."""


@dataclass
class ExtenderState:
    """What the endpoints share."""

    engine: Engine
    source: Source
    metrics: ExtenderMetrics
    decisions: DecisionLog
    decoder: ArgsDecoder = field(default_factory=ArgsDecoder)
    encoder: ScoreEncoder = field(default_factory=ScoreEncoder)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    told: dict[str, float] = field(default_factory=dict)

    def in_background(self, work: Awaitable[None]) -> None:
        """Run something after the answer; a bounded number at once, the rest is dropped."""
        if len(self.tasks) >= 256:
            if asyncio.iscoroutine(work):
                work.close()
            return
        task = asyncio.ensure_future(_logged(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background work failed")


Verb = Callable[[ExtenderState, ExtenderArgs, str], bytes]


def create_app(engine: Engine, source: Source, registry: CollectorRegistry) -> FastAPI:
    """Return the extender as an ASGI application."""
    app = FastAPI(title="WAO scheduler extender", docs_url=None, redoc_url=None, redirect_slashes=False)
    state = ExtenderState(engine, source, ExtenderMetrics(registry), DecisionLog(engine.settings.decisions))
    app.state.extender = state
    registry.register(InputCollector(lambda: engine.snapshot))
    for verb, answer in (("prioritize", _prioritize), ("filter", _filter)):
        endpoint = _endpoint(state, verb, answer)
        app.add_route(f"/{verb}", endpoint, methods=["POST"])
        app.add_route(f"/{{profile}}/{verb}", endpoint, methods=["POST"])
    _add_explain(app, state)
    _add_what_if(app, state)
    return app


def _endpoint(state: ExtenderState, verb: str, answer: Verb) -> Callable[[Request], Awaitable[Response]]:
    duration = state.metrics.duration.labels(verb)

    async def endpoint(request: Request) -> Response:
        profile = request.path_params.get("profile", "default")
        if state.engine.profile(profile) is None:
            known = ", ".join(state.engine.settings.profiles)
            return _refusal(state, verb, "unknown", 404, f"no profile {profile!r:.60}; there are: {known}")
        body = await _bounded_body(request)
        if body is None:
            return _refusal(state, verb, profile, 413, f"the body is over {MAX_BODY >> 20} MiB: set nodeCacheCapable")
        begin = time.perf_counter()
        try:
            content = answer(state, state.decoder.decode(body), profile)
        except ExtenderRequestError as error:
            return _refusal(state, verb, profile, 400, str(error))
        except LookupError as error:
            return _refusal(state, verb, profile, 503, str(error))
        duration.observe(time.perf_counter() - begin)
        state.metrics.requests.labels(verb, profile, "200").inc()
        return Response(content, media_type="application/json")

    return endpoint


async def _bounded_body(request: Request) -> bytes | None:
    """Return the whole body, or None when it is larger than `MAX_BODY`."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        return None
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _refusal(state: ExtenderState, verb: str, profile: str, status: int, message: str) -> Response:
    """Answer an error: kube-scheduler reads the status, a person the text."""
    state.metrics.requests.labels(verb, profile, str(status)).inc()
    log.warning("%s refused: %s", verb, message)
    content = encode_filter_error(message) if verb == "filter" else b""
    if verb != "filter":
        return JSONResponse({"error": message}, status_code=status)
    return Response(content, status_code=status, media_type="application/json")


def _prioritize(state: ExtenderState, args: ExtenderArgs, profile: str) -> bytes:
    decision = state.engine.prioritize(args.pod, args.names, profile)
    _decided(state, decision)
    return state.encoder.encode(decision.names, decision.scores, decision.rows, decision.snapshot.names)


def _filter(state: ExtenderState, args: ExtenderArgs, profile: str) -> bytes:
    result = state.engine.filter(args.pod, args.names, profile)
    if result.bad_rate is not None:
        _tell(state, _about(result.bad_rate), reason="PodSpread", message=result.bad_rate.reason, warning=True)
    if result.only is not None:
        _decided(state, result.only)
    return encode_filter(args, result.keep, result.failed)


def _decided(state: ExtenderState, decision: Decision) -> None:
    asyncio.get_running_loop().call_soon(_remember, state, decision)


def _remember(state: ExtenderState, decision: Decision) -> None:
    """Count the decision, keep it for explain, and tell the pod's owner by an Event; after the answer was sent."""
    state.metrics.inflight.set(len(state.engine.inflight))
    state.metrics.unknown_nodes.set(int(np.isnan(decision.increase).sum()))
    if decision.outcome in ("no_node_known", "all_overloaded"):
        state.metrics.fallback.labels(decision.outcome).inc()
    explanation = explain(decision)
    state.decisions.add(explanation)
    if state.engine.settings.events and decision.outcome != "not_ours":
        namespace, name = decision.pod.split("/", 1)
        about = ObjectRef("Pod", name, namespace, decision.uid)
        _tell(state, about, reason="MinimizePower", message=explanation.summary(), warning=False)


def _about(bad: BadRate) -> ObjectRef:
    about = bad.about
    kind = about.kind if isinstance(about, Workload) else "Pod"
    return ObjectRef(
        kind, about.name, about.namespace, about.uid, api_version="apps/v1" if isinstance(about, Workload) else "v1"
    )


EVENT_PERIOD = 300.0
"""Seconds before the same object gets an Event of the same reason again."""


def _tell(state: ExtenderState, about: ObjectRef, *, reason: str, message: str, warning: bool) -> None:
    now = time.monotonic()
    key = f"{about.kind}/{about.namespace}/{about.name}/{reason}"
    if now - state.told.get(key, -EVENT_PERIOD) < EVENT_PERIOD:
        return
    if len(state.told) > 10_000:
        state.told.clear()
    state.told[key] = now
    state.in_background(state.source.event(about, reason=reason, message=message, warning=warning))


def _add_explain(app: FastAPI, state: ExtenderState) -> None:
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


def _add_what_if(app: FastAPI, state: ExtenderState) -> None:
    async def what_if(request: Request) -> Response:
        body = await _bounded_body(request)
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
