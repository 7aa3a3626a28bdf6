"""A span for each request, while traces are on."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wao_core.tracing import server_span

PROBES = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})
"""Requests of the kubelet and of Prometheus, which have no spans."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PARENT = (b"traceparent", b"tracestate")


def traced(app: ASGIApp) -> ASGIApp:
    """Return the application with a span for each request, a child of the caller's span."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        parent = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _PARENT}
        with server_span(method, parent) as current:
            status = 0

            async def send_and_note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, send_and_note)
            finally:
                current.set(http_request_method=method)
                if (route := route_of(scope)) is not None:
                    current.rename(f"{method} {route}")
                    current.set(http_route=route)
                if status:
                    current.set(http_response_status__code=status)
                if status >= 500:
                    current.fail(str(status))

    return handle


def route_of(scope: Scope) -> str | None:
    """Return the template of the path that answered a request, None if there is none.

    Names in a path are no part of it: callers can invent any number of them.

    Examples
    --------
    >>> route_of({"route": None, "endpoint": None}) is None
    True
    """
    route = getattr(scope.get("route"), "path", None) or getattr(scope.get("endpoint"), "route", None)
    return route if isinstance(route, str) else None
