"""`filter` and `prioritize` over HTTP: plain ASGI, as kube-scheduler waits for each answer before its next step."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wao_core import tracing
from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Pod, Workload
from wao_core.cluster.source import ObjectRef, Source
from wao_core.serving.bodies import bounded_body
from wao_core.serving.peercert import STATE_KEY
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import DecisionLog, PlacementDecision, explain
from wao_scheduler.metrics import ExtenderMetrics
from wao_scheduler.spread_rule import BadRate
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
"""Largest request [bytes]: 5,000 whole Node objects are 45 MB; with nodeCacheCapable a body is some 200 kB."""
NO_CERTIFICATE = (
    "a client certificate is required; set certFile and keyFile in the tlsConfig of kube-scheduler's extender"
)
MOST_TASKS = 256
"""Background tasks at a time, above which Events are dropped."""


@dataclass
class ExtenderState:
    """The parts that the endpoints share."""

    engine: DecisionEngine
    source: Source
    metrics: ExtenderMetrics
    decisions: DecisionLog
    tasks: BackgroundTasks
    decoder: ArgsDecoder = field(default_factory=ArgsDecoder)
    encoder: ScoreEncoder = field(default_factory=ScoreEncoder)

    def send_event(self, about: ObjectRef, *, reason: str, message: str, warning: bool) -> None:
        """Send an Event in the background, or drop it while `MOST_TASKS` are being sent."""
        if self.tasks.running < MOST_TASKS:
            event = self.source.event(about, reason=reason, message=message, warning=warning)
            self.tasks.spawn("event", event)


Answer = Callable[[ExtenderState, ExtenderArgs, str], bytes]


class Verbs:
    """Finds the endpoint of a path: `/filter`, `/prioritize`, `/PROFILE/filter` and `/PROFILE/prioritize`."""

    def __init__(self, state: ExtenderState, *, authenticated: bool = False) -> None:
        self._endpoints = {
            verb: VerbEndpoint(state, verb, answer, authenticated=authenticated)
            for verb, answer in (("filter", _filter), ("prioritize", _prioritize))
        }

    def __call__(self, scope: Scope) -> ASGIApp | None:
        """Return the endpoint, or None for another path."""
        above, _, verb = scope["path"].rpartition("/")
        return self._endpoints.get(verb) if above != "/" and above.rfind("/") <= 0 else None


class VerbEndpoint:
    """Answers POST of ExtenderArgs to one verb; the profile is the first of two parts of the path, else "default"."""

    def __init__(self, state: ExtenderState, verb: str, answer: Answer, *, authenticated: bool) -> None:
        self._state, self._verb, self._answer, self._authenticated = state, verb, answer, authenticated
        self._duration = state.metrics.duration.labels(verb)
        self.route = f"/{verb}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        profile = scope["path"].rpartition("/")[0][1:] or "default"
        answer: bytes | Response | None = self._refusal(scope, profile)
        if answer is None:
            try:
                body = await bounded_body(scope, receive, MAX_BODY)
            except ClientDisconnect:
                return  # kube-scheduler does not wait any more
            answer = self._too_large(profile) if body is None else self._decide(body, profile)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
        else:
            length = str(len(answer)).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": answer})

    def _refusal(self, scope: Scope, profile: str) -> Response | None:
        """Return the error of a request whose body is not read, or None."""
        if scope["method"] != "POST":
            return Response("POST ExtenderArgs\n", status_code=405, headers={"Allow": "POST"}, media_type="text/plain")
        if self._authenticated and scope.get("state", {}).get(STATE_KEY) is None:
            return self._refuse("unknown", 401, NO_CERTIFICATE)
        engine = self._state.engine
        if engine.profile(profile) is None:
            known = ", ".join(engine.settings.profiles)
            return self._refuse("unknown", 404, f"no profile {profile!r:.60}; there are: {known}")
        return None

    def _too_large(self, profile: str) -> Response:
        return self._refuse(profile, 413, f"the body is larger than {MAX_BODY >> 20} MiB; set nodeCacheCapable")

    def _decide(self, body: bytes, profile: str) -> bytes | Response:
        state, begin = self._state, time.perf_counter()
        try:
            content = self._answer(state, state.decoder.decode(body), profile)
        except ExtenderRequestError as error:
            return self._refuse(profile, 400, str(error))
        except LookupError as error:
            return self._refuse(profile, 503, str(error))
        except Exception:  # kube-scheduler does not report it, so it is counted here
            log.exception("%s failed", self._verb)
            return self._refuse(profile, 500, "internal error; see the log of the extender")
        self._duration.observe(time.perf_counter() - begin)
        state.metrics.requests.labels(self._verb, profile, "200").inc()
        return content

    def _refuse(self, profile: str, status: int, message: str) -> Response:
        """Return an error: kube-scheduler reads the status, people read the text."""
        self._state.metrics.requests.labels(self._verb, profile, str(status)).inc()
        log.warning("%s refused: %s", self._verb, message)
        if self._verb != "filter":
            return JSONResponse({"error": message}, status_code=status)
        return Response(encode_filter_error(message), status_code=status, media_type="application/json")


def _prioritize(state: ExtenderState, args: ExtenderArgs, profile: str) -> bytes:
    decision = state.engine.prioritize(args.pod, args.names, profile)
    _report_bad_rate(state, args.pod, decision.bad_rate)
    _decided(state, decision)
    return state.encoder.encode(decision.names, decision.scores, decision.rows, decision.snapshot.names)


def _filter(state: ExtenderState, args: ExtenderArgs, profile: str) -> bytes:
    result = state.engine.filter(args.pod, args.names, profile)
    _report_bad_rate(state, args.pod, result.bad_rate)
    if result.only is not None:
        _decided(state, result.only)
    elif result.keep is None:  # kube-scheduler sends the same nodes to prioritize next
        asyncio.get_running_loop().call_soon(state.engine.prepare, args.names)
    return encode_filter(args, result.keep, result.failed)


def _report_bad_rate(state: ExtenderState, pod: Pod, bad: BadRate | None) -> None:
    if bad is not None and state.engine.is_known(f"{pod.namespace}/{pod.name}", pod.uid):
        state.send_event(_about(bad), reason="PodSpread", message=bad.reason, warning=True)


def _decided(state: ExtenderState, decision: PlacementDecision) -> None:
    if tracing.enabled():
        namespace, name = decision.pod.split("/", 1)
        tracing.annotate(
            k8s_namespace_name=namespace,
            k8s_pod_name=name,
            wao_profile=decision.profile,
            wao_candidates=len(decision.names),
            wao_outcome=decision.outcome,
            wao_node=decision.chosen or "",
        )
    asyncio.get_running_loop().call_soon(_remember, state, decision)


def _remember(state: ExtenderState, decision: PlacementDecision) -> None:
    """Count the decision, keep it for explain, and send an Event about the pod; runs after the answer is sent."""
    state.metrics.inflight.set(len(state.engine.assumed_pods))
    state.metrics.unknown_nodes.set(int(np.isnan(decision.increase).sum()) - len(decision.avoided))
    if decision.outcome in ("no_node_known", "all_overloaded"):
        state.metrics.fallback.labels(decision.outcome).inc()
    explanation = explain(decision)
    state.decisions.add(explanation)
    known = state.engine.is_known(decision.pod, decision.uid)
    if known and state.engine.settings.events and decision.outcome != "not_ours":
        namespace, name = decision.pod.split("/", 1)
        about = ObjectRef("Pod", name, namespace, decision.uid)
        state.send_event(about, reason="MinimizePower", message=explanation.summary(), warning=False)


def _about(bad: BadRate) -> ObjectRef:
    about = bad.about
    kind = about.kind if isinstance(about, Workload) else "Pod"
    return ObjectRef(
        kind, about.name, about.namespace, about.uid, api_version="apps/v1" if isinstance(about, Workload) else "v1"
    )
