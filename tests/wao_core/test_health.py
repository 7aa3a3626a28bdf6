"""Health checks: what fails an endpoint, and what is logged."""

import logging

import httpx2
import pytest
from starlette.applications import Starlette

from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes


async def ask(checks: HealthChecks, path: str) -> tuple[int, str]:
    transport = httpx2.ASGITransport(app=Starlette(routes=health_routes(checks)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get(path)
    return response.status_code, response.text


async def test_a_failing_check_names_itself_and_withholds_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    checks = HealthChecks()
    checks.add_ready("sync", lambda: "nodes were never listed from https://10.0.0.1")
    with caplog.at_level(logging.INFO, logger="wao_core"):
        code, text = await ask(checks, "/readyz")
        await ask(checks, "/readyz")
    assert (code, text) == (
        500,
        "[+]ping ok\n[+]shutdown ok\n[-]sync failed: reason withheld\nreadyz check failed\n",
    )
    assert [record.levelname for record in caplog.records] == ["INFO"]  # once, not at every probe
    assert await ask(checks, "/livez") == (200, "ok")
    assert await ask(checks, "/readyz?exclude=sync") == (200, "ok")


async def test_a_check_that_breaks_is_a_failing_check() -> None:
    checks = HealthChecks()
    checks.add_live("loop", lambda: str(1 // 0))
    assert (await ask(checks, "/livez"))[0] == 500


async def test_readiness_fails_first_when_stopping() -> None:
    checks = HealthChecks()
    checks.stopping = True
    assert (await ask(checks, "/readyz"))[0] == 500
    assert await ask(checks, "/livez") == (200, "ok")


async def test_a_check_that_passed_and_fails_is_a_warning_and_its_end_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    reasons: list[str | None] = [None, "stale", "stale", None, None]
    checks = HealthChecks()
    checks.add_ready("sync", lambda: reasons.pop(0))
    for _ in range(5):
        checks.ready()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "health check sync failed: stale"),
        ("INFO", "health check sync passes"),
    ]
