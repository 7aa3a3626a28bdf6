"""The health endpoints answer in the form of a Kubernetes server."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette

from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes


async def ask(checks: HealthChecks, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=Starlette(routes=health_routes(checks)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


def checks_of(**ready: str | None) -> HealthChecks:
    checks = HealthChecks()
    for name, reason in ready.items():
        checks.add_ready(name, lambda reason=reason: reason)  # type: ignore[misc]
    return checks


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_an_endpoint_whose_checks_pass_answers_ok_and_is_not_cached(path: str) -> None:
    answer = await ask(checks_of(sync=None), path)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["cache-control"] == "no-cache, private"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_failing_readiness_check_fails_readyz_only() -> None:
    checks = checks_of(sync="nodes were never listed")
    assert [(await ask(checks, path)).status_code for path in ("/healthz", "/livez", "/readyz")] == [200, 200, 500]


@pytest.mark.parametrize("query", ["?verbose", "?verbose=", "?verbose=true"])
async def test_verbose_lists_every_check_also_when_all_pass(query: str) -> None:
    assert (await ask(checks_of(), f"/livez{query}")).text == "[+]ping ok\nlivez check passed\n"


async def test_several_checks_can_be_excluded() -> None:
    checks = checks_of(sync="stale", curves="missing")
    assert (await ask(checks, "/readyz?exclude=sync")).status_code == 500
    assert (await ask(checks, "/readyz?exclude=sync&exclude=curves")).status_code == 200
