"""Plain ASGI endpoints for the busiest paths of an application (measured in docs/decisions/0007-http-frameworks.md)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


def with_direct_routes(app: ASGIApp, find: Callable[[Scope], ASGIApp | None]) -> ASGIApp:
    """Return an application that bypasses `app` for the requests that have an endpoint of their own.

    Parameters
    ----------
    find
        Returns the endpoint of a request, or None to pass the request to `app`. An endpoint answers its own errors.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = find(scope) if scope["type"] == "http" else None
        scope["endpoint"] = endpoint  # as routers of Starlette do
        await (app if endpoint is None else endpoint)(scope, receive, send)

    return handle
