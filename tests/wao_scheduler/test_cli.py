"""`wao explain` with a rebalancer: why a pod was placed, and why it was evicted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.server_thread import listening
from tests.wao_predict.cli.running import Ran, wao

EVICTION = {
    "at": 0.0,
    "pod": "shop/web-1",
    "uid": "u",
    "node": "a",
    "target": "b",
    "saved": 40.0,
    "drain_saved": 80.0,
    "result": "evicted",
    "reason": "evicted to empty a, which saves 80.0 W with 2 Pods",
}
DECISION: dict[str, Any] = {
    "pod": "shop/web-1",
    "chosen": "a",
    "summary": "a adds 4.0 W by rule lookahead",
    "cpu_cores": 1.0,
    "cpu_source": "request",
    "rule": "lookahead",
    "profile": "default",
    "candidates": 1,
    "nodes": [],
}


async def explain(known: dict[str, Any], *arguments: str) -> Ran:
    """Run the command with one server for both paths, which knows what is given."""

    async def handle(request: web.Request) -> web.StreamResponse:
        found = known.get(request.path)
        return web.json_response(found or {"error": "no such pod is kept"}, status=200 if found else 404)

    async with listening(handle) as url:
        words = [word.replace("URL", url) for word in ("--url", "URL", *arguments)]
        return await asyncio.to_thread(wao, "explain", "shop/web-1", *words)


async def test_an_eviction_is_explained_below_the_decision() -> None:
    ran = await explain({"/v1/decisions": DECISION, "/v1/evictions": EVICTION}, "--rebalance-url", "URL")
    assert "a adds 4.0 W" in ran.out
    assert "1970-01-01T00:00:00Z from a" in ran.out
    assert "evicted to empty a, which saves 80.0 W" in ran.out


@pytest.mark.parametrize("known", [{"/v1/evictions": EVICTION}, {"/v1/decisions": DECISION}])
async def test_one_of_both_is_enough(known: dict[str, Any]) -> None:
    ran = await explain(known, "--rebalance-url", "URL", "--output", "json")
    document = json.loads(ran.out)
    expected = {"decision": None, "eviction": EVICTION} if "/v1/evictions" in known else DECISION
    assert document == expected


async def test_a_pod_that_nobody_knows_is_an_error() -> None:
    ran = await explain({}, "--rebalance-url", "URL")
    assert ran.code == 1
    assert "no such pod is kept" in ran.err
