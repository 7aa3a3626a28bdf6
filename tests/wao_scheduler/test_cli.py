"""`wao explain`: why a pod was placed, and why it was evicted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.server_thread import listening
from tests.wao_predict.cli.running import Ran, wao
from wao_scheduler.cli import show_decision

EVICTION = {
    "at": "1970-01-01T00:00:00Z",
    "pod": "shop/web-1",
    "uid": "u",
    "node": "a",
    "target": "b",
    "saved": 40.0,
    "drainSaved": 80.0,
    "result": "evicted",
    "reason": "evicted to empty a, which saves 80.0 W with 2 Pods",
}
PLACED: dict[str, Any] = {
    "pod": "shop/web-1",
    "chosen": "a",
    "summary": "a adds 4.0 W by rule lookahead",
    "cpuCores": 1.0,
    "cpuSource": "request",
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
    ran = await explain({"/v1/decisions": PLACED, "/v1/evictions": EVICTION}, "--rebalance-url", "URL")
    assert "a adds 4.0 W" in ran.out
    assert "1970-01-01T00:00:00Z from a" in ran.out
    assert "evicted to empty a, which saves 80.0 W" in ran.out


@pytest.mark.parametrize("known", [{"/v1/evictions": EVICTION}, {"/v1/decisions": PLACED}])
async def test_one_of_both_is_enough(known: dict[str, Any]) -> None:
    ran = await explain(known, "--rebalance-url", "URL", "--output", "json")
    document = json.loads(ran.out)
    expected = {"decision": None, "eviction": EVICTION} if "/v1/evictions" in known else PLACED
    assert document == expected


async def test_a_pod_that_nobody_knows_is_an_error() -> None:
    ran = await explain({}, "--rebalance-url", "URL")
    assert ran.code == 1
    assert "no such pod is kept" in ran.err


def node(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "node": name,
        "score": 10,
        "wattsBefore": 1_234.56,
        "wattsAfter": 1_240.11,
        "increase": 3.21,
        "usageCores": 17.25,
        "assumedCores": 0.5,
        "floorCores": 1.0,
        "inletTemp": 27.04,
        "deltaP": 3.3,
        "usageAge": 12.6,
        "reason": "",
        **fields,
    }


DECISION = {
    "pod": "default/web-0",
    "chosen": "rack-7-edge-lenovo-01",
    "summary": "rack-7-edge-lenovo-01 adds 3.21 W",
    "cpuCores": 0.5,
    "cpuSource": "request",
    "rule": "lookahead",
    "profile": "default",
    "candidates": 2,
    "nodes": [
        node("rack-7-edge-lenovo-01"),
        node("rack-7-edge-lenovo-02", score=9, wattsBefore=None, reason="no recent CPU sample"),
    ],
}


def test_a_decision_fits_80_columns_and_states_the_reasons_below(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_decision(DECISION)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    header = next(line for line in lines if line.startswith("node"))
    row = lines[lines.index(header) + 1]
    assert header.split() == ["node", "score", "W", "before", "W", "after", "increase", "CPU", "inlet", "age"]
    assert row.split() == ["rack-7-edge-lenovo-01", "10", "1,234.6", "1,240.1", "3.21", "17.2", "27.0", "12.6"]
    assert "rack-7-edge-lenovo-02: no recent CPU sample" in lines


def test_the_wide_form_has_all_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_decision(DECISION, wide=True)
    shown = capsys.readouterr().out
    assert "assumed" in shown
    assert "residual (measured - predicted) in W" in shown
    assert "no recent CPU sample" in shown


@pytest.mark.parametrize(("rule", "words"), [("lookahead", "not after - before"), ("marginal", ": after - before")])
def test_one_line_says_what_the_scored_increase_is(rule: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_decision({**DECISION, "rule": rule})
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("increase: "))
    assert words in line
