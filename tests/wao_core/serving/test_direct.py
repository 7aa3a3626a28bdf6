"""Endpoints that bypass an application."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from wao_core.serving.direct import with_direct_routes

DIRECT = PlainTextResponse("direct")


def find(scope: Scope) -> ASGIApp | None:
    return DIRECT if scope["path"] == "/busy" else None


@pytest.mark.parametrize(
    ("path", "status", "text"), [("/busy", 200, "direct"), ("/other", 200, "app"), ("/x", 404, "Not Found")]
)
async def test_a_request_goes_to_its_own_endpoint_or_to_the_application(path: str, status: int, text: str) -> None:
    async def other(_: Any) -> PlainTextResponse:
        return PlainTextResponse("app")

    app = with_direct_routes(Starlette(routes=[Route("/other", other), Route("/busy", other)]), find)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server") as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.text) == (status, text)


async def test_the_lifespan_stays_with_the_application() -> None:
    scopes: list[str] = []

    async def app(scope: Scope, _receive: Any, _send: Any) -> None:
        scopes.append(scope["type"])

    def must_not_be_called(scope: Scope) -> ASGIApp | None:
        raise AssertionError(scope)

    await with_direct_routes(app, must_not_be_called)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert scopes == ["lifespan"]
