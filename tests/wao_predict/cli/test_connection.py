"""Answers of servers that commands show: of the wrong form, of any size, with text that is not to be obeyed."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from tests.fakes.server_thread import listening
from tests.wao_predict.cli.running import wao
from wao_predict.cli.connection import Tls, get_json, naming_server
from wao_predict.errors import RemoteError, UsageError

COMMANDS = {
    "what-if": ["what-if", "--url"],
    "explain": ["explain", "default/web", "--url"],
    "rebalance plan": ["rebalance", "plan", "--url"],
    "standby plan": ["standby", "plan", "--url"],
    "simulate": ["simulate", "--from-cluster"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
@pytest.mark.parametrize("body", ["{}", "[]", "1", '{"nodes": 5, "drains": null, "knots": {}}', "[" * 100_000])
async def test_an_naming_server_another_form_is_one_line_that_names_the_server(arguments: list[str], body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    async with listening(answer) as url:
        done = await asyncio.to_thread(wao, *arguments, url)
    assert done.code == 1
    assert "unexpected" not in done.err
    assert url in done.err or "GET /v1/fleet" in done.err


def test_our_own_errors_stay_as_they_are_and_others_name_the_server() -> None:
    with pytest.raises(UsageError, match="ours"), naming_server("https://x"):
        raise UsageError("ours")
    with (
        pytest.raises(RemoteError, match=r"https://x: .*KeyError 'nodes'.*right application"),
        naming_server("https://x"),
    ):
        raise KeyError("nodes")


async def test_a_long_error_of_a_server_is_cut() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps({"error": "x" * 1_000_000}), status=500)

    async with listening(answer) as url:
        with pytest.raises(RemoteError) as raised:
            await asyncio.to_thread(get_json, url, "/", Tls().connection())
    assert len(str(raised.value)) < 1200
