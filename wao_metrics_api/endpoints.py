"""The endpoints of the API group as plain ASGI callables that send prebuilt bytes (decision 7)."""

from __future__ import annotations

import time
from typing import TypeGuard
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from wao_core import tracing
from wao_core.serving.status import StatusError
from wao_metrics_api.delegate import Delegate
from wao_metrics_api.discovery import Discovery, Document, MetricResource, discovery
from wao_metrics_api.metrics import RequestTelemetry
from wao_metrics_api.names import CUSTOM_METRICS, GroupVersion
from wao_metrics_api.negotiation import DISCOVERY_TYPE, Form, negotiate
from wao_metrics_api.nodes import NodeMetrics, not_found
from wao_metrics_api.openapi import not_modified, openapi_v2, openapi_v3, openapi_v3_index
from wao_metrics_api.paths import ApiRequest, GroupRequest, MetricRequest, ResourcesRequest, parse_path, unknown_path
from wao_metrics_api.responses import header, internal_error, send_body, send_form, send_status
from wao_metrics_api.selectors import Selector, SelectorError, parse_selector

NOT_ALLOWED = "the server does not allow this method on the requested resource"
NOT_NAMESPACED = (
    "nodes belong to no namespace, so they cannot be listed in one: request nodes/*/METRIC without "
    "namespaces/NAMESPACE, which needs rights in the whole cluster, or request one node by its name"
)
NOTHING = Selector()
NO_VERSION = GroupVersion("", "")  # of requests with an unknown path


class DiscoveryCache:
    """The discovery documents of the current metrics, rebuilt only when the names change."""

    def __init__(self, nodes: NodeMetrics, delegate: Delegate | None = None) -> None:
        self._nodes, self._delegate = nodes, delegate
        self._made: tuple[_Inputs, Discovery] | None = None

    def current(self) -> Discovery:
        """Return the documents."""
        more = {} if self._delegate is None else self._delegate.resources
        inputs = tuple(self._nodes.names()), tuple(more.items())
        # the tuples of the delegate are the same ones until it is read again: then, comparing them is quick
        if self._made is None or self._made[0] != inputs:
            self._made = inputs, discovery(inputs[0], dict(inputs[1]))
        return self._made[1]


_Inputs = tuple[tuple[str, ...], tuple[tuple[GroupVersion, tuple[MetricResource, ...]], ...]]


class ApiEndpoint:
    """GET /apis/GROUP and everything below it, for both groups."""

    route = "/apis/{group}"

    def __init__(
        self,
        nodes: NodeMetrics,
        documents: DiscoveryCache,
        telemetry: RequestTelemetry,
        delegate: Delegate | None = None,
    ) -> None:
        self._nodes, self._documents, self._telemetry, self._delegate = nodes, documents, telemetry, delegate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        api, metric = NO_VERSION, ""
        code, began = 200, time.perf_counter()
        try:
            request = parse_path(scope["path"])
            require_get(scope)
            if isinstance(request, MetricRequest):
                api, metric = request.api, request.metric
            accept = header(scope, b"accept")
            form = Form.JSON if accept == "" else negotiate(accept)
            answer: bytes | Document
            if self._delegate is not None and self._is_foreign(request):
                metric = ""  # the delegate's names are not ours to count
                query = scope["query_string"]
                _selectors(query)  # an error in them is the caller's
                answer = await self._delegate.get(request, query, header(scope, b"via"))
            else:
                answer = self._answer(request, scope)
        except StatusError as error:
            code = error.code
            await send_status(scope, send, error)
        except Exception:  # raised again, as uvicorn logs it
            code = 500
            await send_status(scope, send, internal_error())
            raise
        else:
            await send_form_or_document(scope, send, answer, form)
        finally:
            self._telemetry.observe(api, metric, code, time.perf_counter() - began)

    def _is_foreign(self, request: ApiRequest) -> TypeGuard[MetricRequest]:
        """Return whether the delegate answers: for all that is not a metric of ours on nodes."""
        if not isinstance(request, MetricRequest) or request.api.group != CUSTOM_METRICS:
            return False
        if request.resource == "nodes" and request.name == "*" and request.namespace is not None:
            return False  # refused, whoever has the metric
        return request.resource != "nodes" or not self._nodes.knows(request.metric)

    def _answer(self, request: ApiRequest, scope: Scope) -> bytes | Document:
        if isinstance(request, MetricRequest):
            return self._metric(request, scope["query_string"])
        documents = self._documents.current()
        return documents.group[request.group] if isinstance(request, GroupRequest) else documents.resources[request.api]

    def _metric(self, request: MetricRequest, query: bytes) -> bytes:
        if tracing.enabled():
            tracing.annotate(wao_metric=request.metric, k8s_node_name=request.name)
        labels, selector = _selectors(query) if query else (NOTHING, NOTHING)
        wildcard = request.name == "*"
        if wildcard and b"fieldSelector=" in query and parse_qs(query.decode("latin-1")).get("fieldSelector"):
            raise StatusError(400, "field selectors are not supported for metrics; use labelSelector")
        if request.resource != "nodes":
            raise not_found(request.metric, request.resource, "" if wildcard else request.name, str(selector))
        if wildcard:
            if request.namespace is not None:  # rights in one namespace must not show the whole cluster
                raise StatusError(403, NOT_NAMESPACED, details={})
            return self._nodes.many(request.api, request.metric, labels=labels, selector=selector)
        return self._nodes.one(request.api, request.name, request.metric, selector=selector)


class GroupsEndpoint:
    """GET /apis: the groups, or the aggregated discovery document for clients that accept it."""

    def __init__(self, documents: DiscoveryCache) -> None:
        self._documents = documents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        try:
            require_get(scope)
            form = negotiate(header(scope, b"accept"), discovery=True)
        except StatusError as error:
            await send_status(scope, send, error)
            return
        documents = self._documents.current()
        vary = [(b"vary", b"Accept")]
        if form is Form.DISCOVERY:
            await send_document(scope, send, documents.aggregated, content_type=DISCOVERY_TYPE.encode(), headers=vary)
        elif form is Form.YAML:
            await send_form(scope, send, documents.groups.body, form)
        else:
            await send_document(scope, send, documents.groups, headers=vary)


class OpenApiEndpoint:
    """GET /openapi/v2, /openapi/v3 and /openapi/v3/apis/{group}/{version}."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        try:
            document = self._document(scope["path"].rstrip("/"))
            require_get(scope)
        except StatusError as error:
            await send_status(scope, send, error)
            return
        await send_document(scope, send, document)

    @staticmethod
    def _document(path: str) -> Document:
        if path == "/openapi/v2":
            return openapi_v2()
        if path == "/openapi/v3":
            return openapi_v3_index()
        request = parse_path(path.removeprefix("/openapi/v3"))
        if isinstance(request, ResourcesRequest):
            return openapi_v3(request.api)
        raise unknown_path()


def require_get(scope: Scope) -> None:
    """Raise a `StatusError` of 405 for every method except GET."""
    if scope["method"] != "GET":
        raise StatusError(405, NOT_ALLOWED, details={})


async def send_form_or_document(scope: Scope, send: Send, answer: bytes | Document, form: Form) -> None:
    """Send bytes, or a document with its ETag, in the negotiated format."""
    body = answer.body if isinstance(answer, Document) else answer
    if form is not Form.JSON:
        await send_form(scope, send, body, form)
    elif isinstance(answer, Document):
        await send_document(scope, send, answer)
    else:
        await send_body(scope, send, body)


async def send_document(
    scope: Scope,
    send: Send,
    document: Document,
    *,
    content_type: bytes = b"application/json",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a document with its ETag, or 304 to a client that has this version."""
    more = [(b"etag", document.etag.encode()), *(headers or ())]
    if not_modified(document, header(scope, b"if-none-match")):
        await send_body(scope, send, b"", status=304, content_type=content_type, headers=more)
    else:
        await send_body(scope, send, document.body, content_type=content_type, headers=more)


def _selectors(query: bytes) -> tuple[Selector, Selector]:
    try:
        values = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=64)
        labels, metric = (parse_selector(values.get(key, [""])[0]) for key in ("labelSelector", "metricLabelSelector"))
    except SelectorError as error:
        raise StatusError(400, str(error)) from None
    except ValueError:
        raise StatusError(400, "the query has too many parameters") from None
    return labels, metric
