"""JSON APIs: one form of error, and an OpenAPI document that describes all bodies."""

from __future__ import annotations

import json
import re
import threading
from typing import Annotated

import httpx2
import msgspec
import pytest
from fastapi import FastAPI, Query, Request, Response
from starlette.types import Message

from wao_core.serving.api import ApiDocument, ApiError, Time, errors, json_body, made_in_thread, new_api
from wao_core.serving.bodies import bounded_body
from wao_core.serving.frame import ServerFrame


class Part(msgspec.Struct):
    size: int


class Whole(msgspec.Struct, rename="camel"):
    all_parts: tuple[Part, ...]


@pytest.fixture
def app() -> FastAPI:
    app = new_api(ServerFrame("test"), "Test", Whole)

    @app.get("/whole", response_model=None, responses={**json_body(Whole), **errors(409)})
    async def whole(size: Annotated[int, Query(ge=1)]) -> Response:
        if size > 100:
            raise ApiError(409, "too large; give less than 100", headers={"Retry-After": "1"})
        return Response(msgspec.json.encode(Whole((Part(size),))), media_type="application/json")

    return app


@pytest.fixture
def client(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test")


async def test_an_error_is_a_status_with_a_message(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/whole?size=101")
    assert (409, {"error": "too large; give less than 100"}) == (answer.status_code, answer.json())
    assert "1" == answer.headers["retry-after"]


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_the_server(app: FastAPI) -> None:
    sent: list[Message] = []

    @app.post("/body")
    async def body(request: Request) -> None:
        await bounded_body(request.scope, request.receive, 100)

    messages = iter(({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/body", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert 400 == sent[0]["status"]


async def test_a_wrong_parameter_is_named(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/whole?size=0")
    assert (422, {"error": "query.size: Input should be greater than or equal to 1"}) == (
        answer.status_code,
        answer.json(),
    )


async def test_the_document_describes_what_msgspec_encodes(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert ["allParts"] == list(schemas["Whole"]["properties"])
    references = set(re.findall(r'"#/components/schemas/(\w+)"', (await client.get("/openapi.json")).text))
    assert {"Whole", "Part", "ErrorBody"} <= references <= set(schemas)
    assert ["/whole"] == list(document["paths"])


async def test_the_routes_of_the_frame_are_served(client: httpx2.AsyncClient) -> None:
    assert "ok" == (await client.get("/readyz")).text
    assert "wao_build_info" in (await client.get("/metrics")).text


class Made(ApiDocument):
    by_thread: str
    at: Time


async def test_a_document_can_be_made_outside_of_the_event_loop() -> None:
    answer = await made_in_thread(lambda: Made(by_thread=threading.current_thread().name, at=0.5))
    found = json.loads(bytes(answer.body))
    assert found.pop("byThread") != threading.current_thread().name
    assert (answer.media_type, found) == ("application/json", {"at": "1970-01-01T00:00:00.500000Z"})
