"""Answers that no API server should give: one table for the fake API server and for the proxy before a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
ITEM = {"metadata": {"name": "x", "namespace": "default", "resourceVersion": "7"}}


def is_watch(request: web.Request) -> bool:
    """Return whether a request opens a watch."""
    return request.query.get("watch") in ("true", "1")


def _body(content: bytes, status: int = 200, kind: str = JSON, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=content, status=status, headers={"Content-Type": kind, **fields})

    return answer


def _status(code: int, reason: str, **headers: str) -> Answer:
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}
    return _body(json.dumps(status).encode(), code, **headers)


def _json(value: object) -> Answer:
    return _body(json.dumps(value).encode())


async def _close(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": "100000"})
    await response.prepare(request)
    await response.write(b'{"kind":"List","metadata":{"resourceVersion":"7"},"items":[')
    return await _close(request)


async def hang(_: web.Request) -> web.StreamResponse:
    """Answer nothing for an hour."""
    await asyncio.sleep(3600)
    return web.Response()


async def _end_at_once(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON})
    await response.prepare(request)
    return response


WRONG: Mapping[str, Answer] = {
    "HTML with status 200": _body(b"<html><body>Please log in</body></html>", kind="text/html"),
    "cut JSON": _body(b'{"kind":"List","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"na'),
    "bad UTF-8": _body(b'{"kind":"\xff\xfe","metadata":{"resourceVersion":"7"},"items":[]}'),
    "null": _body(b"null"),
    "an empty body": _body(b""),
    "wrong types": _json({"type": 5, "object": [], "metadata": "x", "items": {"a": 1}}),
    "items that are no objects": _json({"metadata": {"resourceVersion": "7"}, "items": [None, 5, "x", []]}),
    "no resource version": _json({"metadata": {}, "items": [ITEM]}),
    "a list without an end": _json({"metadata": {"resourceVersion": "7", "continue": "again"}, "items": []}),
    "deep nesting": _body(b"[" * 100_000),
    "a long number": _body(b'{"metadata":{"resourceVersion":' + b"9" * 100_000 + b"}}"),
    "garbage encoding": _body(b"\x1f\x8bnot gzip", Content_Encoding="gzip"),
    "400": _status(400, "BadRequest"),
    "401": _status(401, "Unauthorized"),
    "403": _status(403, "Forbidden"),
    "404": _status(404, "NotFound"),
    "410": _status(410, "Expired"),
    "429": _status(429, "TooManyRequests", Retry_After="1"),
    "429 with a wrong Retry-After": _status(429, "TooManyRequests", Retry_After="Wed, 21 Oct"),
    "500": _status(500, "InternalError"),
    "503 without JSON": _body(b"upstream connect error", 503, "text/plain"),
    "a redirect": _body(b"", 302, Location="http://127.0.0.1:1/elsewhere"),
    "a closed connection": _close,
    "an answer that is cut off": _cut_off,
    "no answer": hang,
}
"""Answers to any request. Those of `WRONG_LINES` are for watches only."""


def _lines(*lines: bytes) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(request)
        for line in lines:
            await response.write(line + b"\n")
        return await hang(request)

    return answer


def _event(kind: object, item: object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode()


WRONG_LINES: Mapping[str, Answer] = {
    "a garbage line": _lines(b"garbage"),
    "a line of bad UTF-8": _lines(b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}}}'),
    "a null line": _lines(b"null"),
    "an event without an object": _lines(b'{"type":"MODIFIED"}'),
    "an event with a null object": _lines(_event("MODIFIED", None)),
    "an event of wrong types": _lines(_event(5, {"metadata": 7})),
    "an unknown event": _lines(_event("RENAMED", ITEM)),
    "410 as an event": _lines(_event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})),
    "500 as an event": _lines(_event("ERROR", {"kind": "Status", "code": 500, "message": "etcd"})),
    "an error that is no Status": _lines(_event("ERROR", "x")),
    "a line of 9 MiB": _lines(b'{"type":"' + b"x" * 9 * 2**20),
    "a watch that ends at once": _end_at_once,
}
"""Answers to a watch, while lists are answered as they should be."""
