"""Responses in the form of a Kubernetes API server: bodies and the headers that all of them have."""

from __future__ import annotations

import json
import random
from typing import Any

import yaml
from starlette.types import Scope, Send

from wao_core.serving.status import StatusError
from wao_metrics_api.negotiation import Form
from wao_predict.json_values import NOT_JSON

_FIXED = [(b"cache-control", b"no-cache, private")]
_JSON = b"application/json"
MOST_BLOCKS = 64 * 1024
"""Bytes of a document that is sent as blocks of YAML: converting a large one would hold the event loop."""
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def internal_error() -> StatusError:
    """Return the 500 of an unexpected error, without details: those are in the log."""
    return StatusError(500, "Internal error occurred")


def header(scope: Scope, name: bytes) -> str:
    """Return a request header with all its values joined by commas, or "" without one."""
    found = [value for key, value in scope["headers"] if key == name]
    return (found[0] if len(found) == 1 else b",".join(found)).decode("latin-1")


async def send_body(
    scope: Scope,
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    content_type: bytes = _JSON,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a whole response; for HEAD only the headers."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"audit-id", _audit_id(scope)),
                (b"content-type", content_type),
                (b"content-length", str(len(body)).encode()),
                *_FIXED,
                *(headers or ()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def send_form(scope: Scope, send: Send, body: bytes, form: Form) -> None:
    """Send a JSON document in the negotiated form."""
    if form is Form.YAML:
        body = _as_yaml(body)
    await send_body(scope, send, body, content_type=form.value.encode())


def _as_yaml(body: bytes) -> bytes:
    """Return JSON as YAML: a small document as blocks, another one as it is, because JSON is YAML."""
    if len(body) > MOST_BLOCKS:
        return body
    try:
        return yaml.dump(json.loads(body), Dumper=_DUMPER, sort_keys=False, encoding="utf-8")
    except NOT_JSON:  # a delegate chooses what is in its lists
        return body


async def send_status(scope: Scope, send: Send, error: StatusError) -> None:
    """Send an error as metav1.Status, always JSON."""
    # only with 429: Go clients retry a 5xx that has Retry-After ten times
    headers = [(b"retry-after", b"1")] if error.code == 429 else None
    await send_body(scope, send, error.body(), status=error.code, headers=headers)


def _audit_id(scope: Scope) -> bytes:
    for key, value in scope["headers"]:
        if key == b"audit-id" and len(value) <= 64:
            return bytes(value)
    # a version 4 UUID; not secret, so without the system call of uuid4, and the class UUID takes three times as long
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}".encode()
