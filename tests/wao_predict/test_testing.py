"""The public fakes: transports that answer with a function."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

import wao_predict.testing
from wao_predict import flow, remote
from wao_predict.errors import RemoteTimeout
from wao_predict.flow import Request
from wao_predict.redfish import login, mock
from wao_predict.testing import AsyncMockTransport, MockTransport, json_response, serve_documents

GET = Request("GET", "/redfish/v1/")


@pytest.mark.parametrize("module", [wao_predict.testing, mock, login, flow, remote])
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0


def test_documents_are_served_by_path_and_other_paths_are_404() -> None:
    transport = MockTransport(serve_documents({"/redfish/v1": {"a": 1}, "/broken": b"<html>"}))
    assert transport.send(GET).body == b'{"a": 1}'
    assert transport.send(Request("GET", "/broken")).body == b"<html>"
    assert transport.send(Request("GET", "/missing")).status == 404
    assert transport.urls == ["/redfish/v1/", "/broken", "/missing"]


async def test_a_handler_may_raise_what_a_transport_raises() -> None:
    def hang(request: Request) -> object:
        raise RemoteTimeout(f"{request.url}: no answer in time")

    transport = AsyncMockTransport(hang)  # type: ignore[arg-type]
    with pytest.raises(RemoteTimeout):
        await transport.send(GET)
    await transport.close()
    assert transport.closed
    assert transport.requests == [GET]


def test_a_response_has_status_and_headers() -> None:
    response = json_response({}, status=503, headers={"retry-after": "2"})
    assert (response.status, response.headers["retry-after"]) == (503, "2")
