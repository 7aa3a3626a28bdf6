"""An application whose busiest paths skip the framework: its layers cost several times what their endpoints do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class DirectApp(FastAPI):
    """FastAPI for all requests but those that have an endpoint of their own.

    Parameters
    ----------
    direct
        Returns the ASGI endpoint of a request, which answers its own errors too, or None to leave it to FastAPI.
    """

    def __init__(self, direct: Callable[[Scope], ASGIApp | None], **options: Any) -> None:
        super().__init__(**options)
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan."""
        endpoint = self._direct(scope) if scope["type"] == "http" else None
        if endpoint is None:
            await super().__call__(scope, receive, send)
        else:
            await endpoint(scope, receive, send)
