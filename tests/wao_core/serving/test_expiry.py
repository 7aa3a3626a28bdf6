"""Warnings about the serving certificate."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from wao_core.serving.expiry import DAY, expiry_warning
from wao_core.serving.frame import ServerFrame
from wao_core.serving.tls import ServingTls


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (7.5, None),
        (6.5, "expires in 6 days and was not renewed"),
        (0.5, "expires in 0 days and was not renewed"),
        (-2.5, "expired 2 days ago; renew it"),
    ],
)
def test_the_warning_begins_a_week_before_the_expiry(days: float, warning: str | None) -> None:
    assert warning == expiry_warning(days * DAY, 0.0)


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (30.0, "readyz check passed"),
        (3.5, "[!]serving-certificate warning: expires in 3 days and was not renewed"),
        (-1.5, "[!]serving-certificate warning: expired 1 days ago; renew it"),
    ],
)
async def test_readiness_shows_the_expiry_and_the_log_has_it_once(
    days: float, line: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[])
    tls.expires_at = time.time() + days * DAY
    frame = ServerFrame("test", tls)
    transport = httpx2.ASGITransport(app=Starlette(routes=frame.routes()))
    with caplog.at_level(logging.WARNING):
        async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
            for _ in range(2):
                answer = await client.get("/readyz?verbose")
    assert answer.status_code == 200  # the server works; clients that do not verify it can still use it
    assert line in answer.text.splitlines()
    assert (0 if days > 7 else 1) == caplog.text.count("serving-certificate: expire")
