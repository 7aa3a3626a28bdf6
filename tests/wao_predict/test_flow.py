"""Flows are driven to their result, and errors of the transport are raised inside them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wao_predict.errors import RemoteError
from wao_predict.flow import Flow, Request, Response, arun, run
from wao_predict.testing import AsyncMockTransport, MockTransport

Drive = Callable[[Flow[Any], Callable[[Request], Response]], Awaitable[Any]]


async def drive_sync(flow: Flow[Any], handler: Callable[[Request], Response]) -> Any:
    return run(flow, MockTransport(handler))


async def drive_async(flow: Flow[Any], handler: Callable[[Request], Response]) -> Any:
    return await arun(flow, AsyncMockTransport(handler))


pytestmark = pytest.mark.parametrize("drive", [drive_sync, drive_async])


def echo(request: Request) -> Response:
    return Response(200, request.url.encode())


def fail(request: Request) -> Response:
    raise RemoteError(f"{request.url}: down")


def read(*urls: str) -> Flow[list[str]]:
    found = []
    for url in urls:
        response = yield Request("GET", url)
        found.append(response.body.decode())
    return found


async def test_each_request_gets_its_response(drive: Drive) -> None:
    assert await drive(read("/a", "/b"), echo) == ["/a", "/b"]


async def test_a_flow_may_need_no_request(drive: Drive) -> None:
    assert await drive(read(), fail) == []


async def test_an_error_is_raised_at_its_request_and_may_be_handled_there(drive: Drive) -> None:
    def patient() -> Flow[list[str]]:
        try:
            found = yield from read("/a")
        except RemoteError as error:
            found = [str(error)]
        more = yield from read("/b")
        return found + more

    answers = iter([fail, echo])
    assert await drive(patient(), lambda request: next(answers)(request)) == ["/a: down", "/b"]


async def test_an_error_that_is_not_handled_ends_the_flow(drive: Drive) -> None:
    ended = []

    def flow() -> Flow[None]:
        try:
            yield Request("GET", "/a")
        finally:
            ended.append(True)

    with pytest.raises(RemoteError, match="/a: down"):
        await drive(flow(), fail)
    assert ended == [True]


async def test_an_error_of_the_flow_itself_is_raised(drive: Drive) -> None:
    def broken() -> Flow[None]:
        yield Request("GET", "/a")
        raise ValueError("no reading")

    with pytest.raises(ValueError, match="no reading"):
        await drive(broken(), echo)
