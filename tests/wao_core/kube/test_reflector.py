"""The reflector under every fault that a watch can have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.waiting import until
from tests.wao_core.kube.scripted import ScriptedServer, bookmark, expired, node, reset, send, serving
from wao_core.cluster.records import Kind
from wao_core.cluster.state import Change, ClusterState
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.reflector import Backoff, Reflector, StateSink
from wao_core.kube.resources import NODES


class Follower:
    """A reflector over nodes, and the changes it made."""

    def __init__(self, client: KubeClient, *, stall: float = 5.0) -> None:
        self.state = ClusterState()
        self.changes: list[Change] = []
        self.state.subscribe([Kind.NODE], self.changes.append)
        backoff = Backoff(first=0.01, most=0.05)
        self.reflector = Reflector(client, NODES, StateSink(self.state, NODES), stall=stall, backoff=backoff)

    @property
    def names(self) -> set[str]:
        return set(self.state.nodes)


@asynccontextmanager
async def following(script: ScriptedServer, *, stall: float = 5.0) -> AsyncIterator[Follower]:
    async with serving(script) as client:
        made = Follower(client, stall=stall)
        task = asyncio.create_task(made.reflector.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_list_in_pages_and_then_changes() -> None:
    steps = [send("ADDED", node("c", 101)), send("MODIFIED", node("a", 102)), send("DELETED", node("b", 103))]
    script = ScriptedServer([node("a", 1), node("b", 2)], watches=[[*steps]], page=1)
    async with following(script) as made:
        await until(lambda: made.names == {"a", "c"})
        assert script.requests[:3] == ["list", "list 1", "watch 100"]
        await until(lambda: "watch 103" in script.requests)


async def test_an_object_in_which_only_the_version_is_new_is_no_change() -> None:
    """Heartbeats and written statuses are most of what a watch brings."""
    script = ScriptedServer([node("a", 1)], watches=[[send("MODIFIED", node("a", 101)), send("ADDED", node("b", 102))]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b"})
        assert [change.key for change in made.changes] == ["a", "b"]
        await until(lambda: "watch 102" in script.requests)


async def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[send("ADDED", node("b", 105))], [send("ADDED", node("c", 106))]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b", "c"})
        assert script.requests[:3] == ["list", "watch 100", "watch 105"]


async def test_bookmarks_move_the_version() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[bookmark(150)]])
    async with following(script) as made:
        await until(lambda: "watch 150" in script.requests)
        assert made.names == {"a"}


@pytest.mark.parametrize("form", ["event", "status"])
async def test_both_forms_of_410_list_again_and_report_what_vanished(form: str) -> None:
    script = ScriptedServer([node("a", 1), node("b", 2)])

    async def change(response: web.StreamResponse) -> None:
        script.items, script.version = [node("b", 2), node("c", 110)], 110

    script.watches = [[change, expired()]] if form == "event" else [[change], 410]
    async with following(script) as made:
        await until(lambda: made.names == {"b", "c"})
        assert [change.key for change in made.changes if change.new is None] == ["a"]
        await until(lambda: "watch 110" in script.requests)


async def test_a_slow_list_leaves_what_was_known_until_it_is_whole() -> None:
    script = ScriptedServer([node("a", 1), node("b", 2)], page=1)

    async def change(response: web.StreamResponse) -> None:
        script.items, script.version = [node("b", 2), node("c", 110)], 110
        script.lists_go_on.clear()

    script.watches = [[change, expired()]]
    async with following(script) as made:
        await until(lambda: script.requests.count("list") == 2)
        assert made.names == {"a", "b"}
        changes = len(made.changes)
        script.lists_go_on.set()
        await until(lambda: made.names == {"b", "c"})
        assert [change.key for change in made.changes[changes:]] == ["a", "c"]


async def test_a_server_that_expires_every_watch_is_not_hammered() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[expired()] for _ in range(500)])
    async with serving(script) as client:
        reflector = Reflector(client, NODES, StateSink(ClusterState(), NODES), backoff=Backoff(first=0.2, most=1.0))
        task = asyncio.create_task(reflector.run())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(script.requests) < 20


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_refusal_is_told_and_tried_again_with_backoff(status: int) -> None:
    script = ScriptedServer([node("a", 1)], lists=[status] * 3)
    async with following(script) as made:
        await until(lambda: made.reflector.problem() is not None)
        assert made.names == set()
        await until(lambda: made.names == {"a"})
        assert made.reflector.problem() is None
        assert made.reflector.stats.errors == 3


async def test_a_broken_connection_goes_on() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[send("ADDED", node("b", 101)), reset]])
    script.watches.append([send("ADDED", node("b", 101)), send("ADDED", node("c", 102))])  # b may have been lost
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b", "c"})


async def test_a_dead_connection_is_noticed_by_its_silence() -> None:
    from tests.wao_core.kube.scripted import silence

    script = ScriptedServer([node("a", 1)], watches=[[silence], [send("ADDED", node("b", 101))]])
    async with following(script, stall=0.2) as made:
        await until(lambda: made.names == {"a", "b"})
        assert made.reflector.stats.errors >= 1


async def test_while_the_server_is_away_the_last_state_stays() -> None:
    script = ScriptedServer([node("a", 1)], watches=[503, 503, 503])
    async with following(script) as made:
        await until(lambda: made.reflector.stats.errors >= 2)
        assert made.names == {"a"}
        assert made.reflector.synced.is_set()


async def test_an_unchanged_object_is_no_change() -> None:
    same = node("a", 1)
    script = ScriptedServer([same], watches=[[send("MODIFIED", same), send("ADDED", node("b", 2))]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b"})
        assert [change.key for change in made.changes] == ["a", "b"]


async def test_an_object_that_cannot_be_read_is_left_out() -> None:
    broken = {"metadata": {"name": "x", "resourceVersion": "101"}, "status": {"capacity": {"cpu": ["many"]}}}
    script = ScriptedServer([node("a", 1)], watches=[[send("ADDED", broken), send("ADDED", node("b", 102))]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b"})


async def test_a_refusal_quotes_the_servers_words() -> None:
    script = ScriptedServer(lists=[403])
    async with serving(script) as client:
        with pytest.raises(KubeError, match="403 scripted") as raised:
            await client.get("/api/v1/nodes")
    assert raised.value.status_code == 403
    assert raised.value.reason == "Scripted"


async def test_a_server_that_is_away_is_told() -> None:
    script = ScriptedServer()
    async with serving(script):
        pass
    async with serving(ScriptedServer()) as client:
        client._api.configuration.host = script.url
        with pytest.raises(KubeError) as raised:
            await client.get("/api/v1/nodes", timeout=1)
    assert raised.value.status_code is None


def test_backoff_doubles_with_jitter_up_to_its_limit() -> None:
    backoff = Backoff(first=1.0, most=8.0, draw=lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    backoff.reset()
    assert backoff.next() == 1.0
