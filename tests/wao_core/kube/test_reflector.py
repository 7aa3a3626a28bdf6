"""The reflector under every fault that a watch can have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.waiting import until
from tests.wao_core.kube.scripted import (
    ScriptedServer,
    Step,
    bookmark,
    error,
    expired,
    node,
    raw,
    reset,
    send,
    serving,
    silence,
)
from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind
from wao_core.cluster.state import Change, ClusterState
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.reflector import Reflector, StateSink
from wao_core.kube.resources import NODES
from wao_core.source.decoders import collection_of
from wao_predict.backoff import Backoff

NODE_COLLECTION = collection_of(NODES)
BROKEN = {"metadata": {"name": "b", "resourceVersion": "101"}, "status": {"capacity": {"cpu": ["many"]}}}


class Follower:
    """A reflector over nodes, and the changes it made."""

    def __init__(self, client: KubeClient, *, stall: float = 5.0, from_cache: bool = False) -> None:
        self.state = ClusterState()
        self.changes: list[Change] = []
        self.state.subscribe([Kind.NODE], self.changes.append)
        self.reflector = Reflector(
            client,
            NODE_COLLECTION,
            StateSink(self.state, Kind.NODE),
            stall=stall,
            from_cache=from_cache,
            backoff=Backoff(initial=0.01, maximum=0.05),
        )

    @property
    def problems(self) -> list[str]:
        return [problem.reason for problem in self.reflector.statistics.problems()]

    @property
    def names(self) -> set[str]:
        return set(self.state.nodes)


@asynccontextmanager
async def following(script: ScriptedServer, *, stall: float = 5.0, from_cache: bool = False) -> AsyncIterator[Follower]:
    async with serving(script) as client:
        made = Follower(client, stall=stall, from_cache=from_cache)
        async with BackgroundTasks() as tasks:
            tasks.supervise("reflector", made.reflector.run)
            yield made


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


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [expired()],
        [error(500, "etcd is away")],
        [send("ADDED", node("a", 101)), expired()],
        [send("ADDED", node("a", 101))],
        [bookmark(101)],
        [raw(b"<html>\n")],
    ],
    ids=["end", "410", "500", "event and 410", "event and end", "bookmark and end", "garbage"],
)
async def test_a_server_that_ends_every_watch_at_once_is_not_hammered(steps: list[Step]) -> None:
    script = ScriptedServer([node("a", 1)], then=steps)
    async with serving(script) as client:
        reflector = Reflector(
            client,
            NODE_COLLECTION,
            StateSink(ClusterState(), Kind.NODE),
            backoff=Backoff(initial=0.2, maximum=1.0, draw=lambda: 1.0),
        )
        async with BackgroundTasks() as tasks:
            tasks.supervise("reflector", reflector.run)
            await until(lambda: len(script.requests) >= 3)
            before = len(script.requests)
            await asyncio.sleep(1.0)
    assert len(script.requests) - before <= 10


async def test_a_watch_that_ends_at_once_without_an_event_is_a_fault() -> None:
    async with following(ScriptedServer([node("a", 1)], then=[])) as made:
        await until(lambda: made.reflector.statistics.errors >= 2)
        assert "very short watch" in made.reflector.statistics.last_error


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_refusal_is_reported_and_tried_again_with_backoff(status: int) -> None:
    script = ScriptedServer([node("a", 1)], lists=[status] * 3)
    async with following(script) as made:
        await until(lambda: bool(made.problems))
        assert made.names == set()
        await until(lambda: made.names == {"a"})
        assert made.problems == []
        assert made.reflector.statistics.errors == 3


GARBAGE = [
    *(b"", b"null", b"[]", b"{}", b"7", b"<html>a proxy</html>", b"\xff\xfe", b'{"items":[{"metadata"', b'{"items":7}'),
    *(b'{"kind":"Status","status":"Failure"}', b'{"items":[]}', b'{"metadata":{"resourceVersion":""},"items":[]}'),
    b'{"metadata":{"resourceVersion":7},"items":[]}',
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_a_list_of_garbage_is_reported_and_changes_nothing(body: bytes) -> None:
    ready = asyncio.Event()  # the watch must not expire before the next lists are scripted

    async def wait(_response: web.StreamResponse) -> None:
        await ready.wait()

    script = ScriptedServer([node("a", 1)], watches=[[wait, expired()]])
    async with following(script) as made:
        await until(lambda: made.names == {"a"})
        script.lists, script.items, script.version = [body, body], [node("a", 1), node("c", 3)], 103
        script.then = [expired()]
        ready.set()
        await until(lambda: made.names == {"a", "c"})
        assert [change.key for change in made.changes] == ["a", "c"]
        assert made.reflector.statistics.errors >= 2


LINES = [
    *(b"<html>a proxy</html>\n", b"\xff\xfe\n", b"null\n", b"[]\n", b"{}\n", b'{"type":"ADDED"}\n', b'{"type":"ADD\n'),
    *(b'{"type":7,"object":{}}\n', b'{"type":"ADDED","object":null}\n', b'{"type":"ADDED","object":[]}\n'),
    *(b'{"type":"ADDED","object":{}}\n', b'{"type":"ERROR","object":{"code":"x"}}\n', b"x" * 1000 + b"\n"),
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
async def test_a_watch_line_of_garbage_is_reported_and_leads_to_a_new_list(line: bytes) -> None:
    script = ScriptedServer([node("a", 1)], watches=[[raw(line), silence]])
    async with following(script) as made:
        await until(lambda: script.requests.count("list") == 2)
        assert made.reflector.statistics.errors == 1
        await until(lambda: script.requests[-1] == "watch 100")
        assert made.names == {"a"}


async def test_a_list_without_an_end_is_given_up() -> None:
    endless = b'{"metadata":{"resourceVersion":"7","continue":"next"},"items":[]}'
    async with following(ScriptedServer(lists=[endless] * 2000, items=[node("a", 1)])) as made:
        await until(lambda: any("no end" in problem for problem in made.problems), 60)


async def test_the_first_list_comes_from_the_watch_cache_and_later_ones_are_consistent() -> None:
    script = ScriptedServer([node("a", 1), node("b", 2)], page=1, watches=[[expired()]])
    async with following(script, from_cache=True):
        await until(lambda: len(script.requests) >= 6)
        assert script.requests[:5] == ["list from cache", "list 1", "watch 100", "list", "list 1"]


@pytest.mark.parametrize(("status", "message"), [(410, "too old"), (504, "Too large resource version: 9, current: 7")])
async def test_a_watch_cache_that_cannot_answer_is_avoided(status: int, message: str) -> None:
    script = ScriptedServer([node("a", 1)], lists=[status], message=message)
    async with following(script, from_cache=True) as made:
        await until(lambda: made.names == {"a"})
        assert script.requests[:2] == ["list from cache", "list"]


async def test_a_version_beyond_the_watch_cache_leads_to_a_new_list() -> None:
    script = ScriptedServer([node("a", 1)], watches=[504], message="Too large resource version: 9, current: 7")
    async with following(script):
        await until(lambda: script.requests[:3] == ["list", "watch 100", "list"])


async def test_a_broken_connection_goes_on() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[send("ADDED", node("b", 101)), reset]])
    script.watches.append([send("ADDED", node("b", 101)), send("ADDED", node("c", 102))])  # b may have been lost
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b", "c"})


async def test_a_dead_connection_is_noticed_by_its_silence() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[silence], [send("ADDED", node("b", 101))]])
    async with following(script, stall=0.2) as made:
        await until(lambda: made.names == {"a", "b"})
        assert made.reflector.statistics.errors >= 1


async def test_while_the_server_is_away_the_last_state_stays() -> None:
    script = ScriptedServer([node("a", 1)], watches=[503, 503, 503])
    async with following(script) as made:
        await until(lambda: made.reflector.statistics.errors >= 2)
        assert made.names == {"a"}
        assert made.reflector.synced.is_set()


async def test_an_unchanged_object_is_no_change() -> None:
    same = node("a", 1)
    script = ScriptedServer([same], watches=[[send("MODIFIED", same), send("ADDED", node("b", 2))]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b"})
        assert [change.key for change in made.changes] == ["a", "b"]


async def test_an_object_that_cannot_be_read_is_skipped_and_reported() -> None:
    script = ScriptedServer([node("a", 1)], watches=[[send("ADDED", BROKEN), send("ADDED", node("c", 102)), silence]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "c"})
        (problem,) = made.problems
        assert problem.startswith("b cannot be read: ")
        assert made.reflector.statistics.decode_errors == 1


@pytest.mark.parametrize("way", ["event", "list"])
async def test_an_object_that_becomes_unreadable_keeps_its_last_state(way: str) -> None:
    script = ScriptedServer([node("a", 1), node("b", 2)])

    async def change(response: web.StreamResponse) -> None:
        script.items, script.version = [BROKEN, node("c", 110)], 110

    script.watches = [[change, expired()]] if way == "list" else [[send("MODIFIED", BROKEN), change, expired()]]
    async with following(script) as made:
        await until(lambda: made.names == {"b", "c"})
        assert made.state.nodes["b"].capacity_cores == 8.0
        assert [problem.startswith("b cannot be read") for problem in made.problems] == [True]


async def test_an_object_that_becomes_readable_again_is_no_problem() -> None:
    script = ScriptedServer([node("a", 1), BROKEN], watches=[[send("MODIFIED", node("b", 102)), silence]])
    async with following(script) as made:
        await until(lambda: made.names == {"a", "b"})
        assert made.problems == []


async def test_an_unreadable_object_can_be_deleted() -> None:
    script = ScriptedServer([node("a", 1), node("b", 2)])
    script.watches = [[send("MODIFIED", BROKEN), send("DELETED", BROKEN), silence]]
    async with following(script) as made:
        await until(lambda: made.names == {"a"})
        assert made.problems == []


async def test_a_refusal_quotes_the_servers_words() -> None:
    script = ScriptedServer(lists=[403])
    async with serving(script) as client:
        with pytest.raises(KubeError, match="403 scripted") as raised:
            await client.get("/api/v1/nodes")
    assert raised.value.status_code == 403
    assert raised.value.reason == "Scripted"


async def test_a_server_that_is_away_is_reported() -> None:
    script = ScriptedServer()
    async with serving(script) as client:
        pass
    with pytest.raises(KubeError) as raised:
        await client.get("/api/v1/nodes", timeout=1)
    await client.close()
    assert raised.value.status_code is None
