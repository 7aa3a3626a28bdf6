"""What every server has in common: routes, metrics, and background tasks that cannot end unnoticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from tests.waiting import until
from wao_core.serving.frame import ServerFrame
from wao_core.serving.metrics import SeriesFamily
from wao_core.serving.options import ServerOptions
from wao_core.serving.tls import ServingTls
from wao_predict.errors import UsageError


def client(frame: ServerFrame) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=Starlette(routes=frame.routes()))
    return httpx2.AsyncClient(transport=transport, base_url="http://server")


def test_the_expiry_of_the_certificate_is_shown_and_follows_a_renewal(tmp_path: Path) -> None:
    tls = ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[])
    frame = ServerFrame("test", tls)
    for _ in range(2):
        assert tls.expires_at == frame.registry.get_sample_value("wao_serving_cert_expiry_timestamp_seconds")
        tls.expires_at += 1000


async def test_series_added_after_the_routes_are_shown() -> None:
    frame = ServerFrame("test")
    async with client(frame) as session:
        frame.add_series(SeriesFamily("late", "Late.", lambda: [((), 1.0)]))
        assert "\nlate 1.0\n" in (await session.get("/metrics")).text


async def test_liveness_fails_while_a_task_has_ended_and_recovers_when_it_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frame, failing, runs = ServerFrame("test"), asyncio.Event(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        await failing.wait()
        failing.clear()
        raise ValueError("no good")

    async with frame.tasks, client(frame) as session:
        frame.tasks.supervise("watch", work)
        assert (await session.get("/livez")).status_code == 200
        failing.set()
        await until(lambda: frame.tasks.health() is not None)
        answer = await session.get("/livez?verbose")
        assert answer.status_code == 500
        assert "[-]background-tasks failed: reason withheld" in answer.text
        assert "no good" not in answer.text
        assert "health check background-tasks failed: watch: ValueError: no good" in caplog.text
        await until(lambda: runs == 2)
        await until(lambda: frame.tasks.health() is None)
        assert (await session.get("/livez")).status_code == 200


def test_a_certificate_that_cannot_be_used_is_reported_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("no certificate")
    options = ServerOptions(tls_cert_file=tmp_path / "pem", tls_private_key_file=tmp_path / "pem")
    with pytest.raises(UsageError, match="cannot be used"):
        ServerFrame.from_options("test", options)
