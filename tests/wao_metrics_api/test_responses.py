"""Responses have the headers of an API server, whatever is in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from wao_core.serving.status import StatusError
from wao_metrics_api.negotiation import Form
from wao_metrics_api.responses import header, internal_error, send_body, send_form, send_status

AUDIT = (b"audit-id", b"7")


def scope(method: str = "GET", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": method, "headers": list(headers)}


class Sent:
    """Keeps what an application sends."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 0, dict[bytes, bytes](), b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body = message["body"]


async def test_a_body_is_not_cached_and_has_its_length() -> None:
    sent = Sent()
    await send_body(scope("GET", AUDIT), sent, b"{}", headers=[(b"etag", b'"x"')])
    assert (sent.status, sent.body) == (200, b"{}")
    assert sent.headers == {
        b"audit-id": b"7",
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"cache-control": b"no-cache, private",
        b"etag": b'"x"',
    }


async def test_the_answer_to_head_has_the_length_but_no_body() -> None:
    sent = Sent()
    await send_body(scope("HEAD"), sent, b"{}")
    assert (sent.headers[b"content-length"], sent.body) == (b"2", b"")


@pytest.mark.parametrize("given", [(), ((b"audit-id", b"x" * 65),)])
async def test_a_request_without_a_usable_audit_id_gets_one(given: tuple[tuple[bytes, bytes], ...]) -> None:
    first, second = Sent(), Sent()
    for sent in (first, second):
        await send_body(scope("GET", *given), sent, b"")
    assert len(first.headers[b"audit-id"]) == 36
    assert first.headers[b"audit-id"] != second.headers[b"audit-id"]


async def test_a_document_is_sent_in_the_negotiated_form() -> None:
    sent = Sent()
    await send_form(scope(), sent, b'{"items":[1,null]}', Form.YAML)
    assert sent.headers[b"content-type"] == b"application/yaml"
    assert yaml.safe_load(sent.body) == {"items": [1, None]}


@pytest.mark.parametrize(("code", "retry"), [(429, b"1"), (503, None), (404, None)])
async def test_clients_are_asked_to_wait_only_where_they_do_not_retry_ten_times(code: int, retry: bytes | None) -> None:
    sent = Sent()
    await send_status(scope(), sent, StatusError(code, "busy"))
    assert (sent.status, sent.headers.get(b"retry-after")) == (code, retry)
    assert sent.headers[b"content-type"] == b"application/json"


def test_an_unexpected_error_says_nothing_about_its_cause() -> None:
    assert (internal_error().code, internal_error().message) == (500, "Internal error occurred")


@pytest.mark.parametrize(
    ("headers", "value"), [((), ""), (((b"a", b"1"),), "1"), (((b"a", b"1"), (b"b", b"x"), (b"a", b"2")), "1,2")]
)
def test_a_header_that_is_sent_twice_is_joined(headers: tuple[tuple[bytes, bytes], ...], value: str) -> None:
    assert header(scope("GET", *headers), b"a") == value


async def test_a_large_document_is_yaml_in_the_form_of_json() -> None:
    """Converting it would hold the event loop for seconds."""
    body = json.dumps({"items": [{"value": number, "name": f"n{number}"} for number in range(50_000)]}).encode()
    sent = Sent()
    await send_form(scope(), sent, body, Form.YAML)
    assert sent.headers[b"content-type"] == b"application/yaml"
    assert sent.body == body
