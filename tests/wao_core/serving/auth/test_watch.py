"""The ConfigMap with the client authorities is read, followed, and never replaced by unusable data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import until
from tests.wao_core.kube.scripted import ScriptedServer, Step, error, expired, raw, send, serving, silence
from wao_core.aio import BackgroundTasks
from wao_core.serving.auth.trust import Trust
from wao_core.serving.auth.watch import TrustWatch
from wao_predict.backoff import Backoff

NAME = "extension-apiserver-authentication"


def config_map(names: str, version: int = 101) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": "kube-system", "resourceVersion": str(version)}
    return {"metadata": metadata, "data": {"requestheader-allowed-names": names}}


@asynccontextmanager
async def watching(
    script: ScriptedServer, apply: Callable[[Trust], None] = lambda _: None
) -> AsyncIterator[TrustWatch]:
    async with serving(script) as client, BackgroundTasks() as tasks:
        watch = TrustWatch(client, apply, backoff=lambda: Backoff(initial=0.01, maximum=0.05))
        tasks.supervise("trust", watch.run)
        yield watch


async def test_is_not_ready_until_it_has_been_read_and_follows_changes() -> None:
    go = asyncio.Event()

    async def wait(_: object) -> None:
        await go.wait()

    script = ScriptedServer(
        [config_map('["a"]')], watches=[[wait, send("MODIFIED", config_map('["b"]', 108)), silence]]
    )
    script.lists_go_on.clear()
    async with watching(script) as watch:
        assert "not been read yet" in str(watch.health())
        script.lists_go_on.set()
        await until(lambda: watch.health() is None)
        assert watch.trust.allowed_names == {"a"}
        go.set()
        await until(lambda: watch.trust.allowed_names == {"b"})
        assert script.paths == {"/api/v1/namespaces/kube-system/configmaps"}
        assert script.selectors == {f"metadata.name={NAME}"}


async def test_an_expired_watch_reads_again() -> None:
    script = ScriptedServer([config_map('["a"]')])

    async def change(_: object) -> None:
        script.items = [config_map('["c"]')]

    script.watches = [[change, expired()]]
    async with watching(script) as watch:
        await until(lambda: watch.trust.allowed_names == {"c"})


async def test_unusable_data_keeps_the_last_usable_one() -> None:
    seen: list[frozenset[str]] = []

    def apply(trust: Trust) -> None:
        if "bad" in trust.allowed_names:
            raise RuntimeError("authorities cannot be loaded")
        seen.append(trust.allowed_names)

    texts = ["no JSON", '["bad"]', '["d"]']
    script = ScriptedServer(
        [config_map('["a"]')],
        watches=[[*(send("MODIFIED", config_map(text, 101 + i)) for i, text in enumerate(texts)), silence]],
    )
    async with watching(script, apply) as watch:
        await until(lambda: watch.trust.allowed_names == {"d"})
        assert seen == [{"a"}, {"d"}]


async def test_a_deleted_config_map_stays_in_use() -> None:
    script = ScriptedServer([config_map('["a"]')], watches=[[send("DELETED", config_map('["a"]', 103)), silence]])
    async with watching(script) as watch:
        await until(lambda: "watch 100" in script.requests)
        assert watch.health() is None
        assert watch.trust.allowed_names == {"a"}


async def test_a_missing_config_map_is_not_ready_with_the_reason() -> None:
    async with watching(ScriptedServer()) as watch:
        await until(lambda: watch.health() == f"ConfigMap kube-system/{NAME}: it does not exist")


async def test_a_refused_list_is_not_ready_with_the_reason() -> None:
    async with watching(ScriptedServer(lists=[403] * 1000)) as watch:
        await until(lambda: "403 scripted" in str(watch.health()))


@pytest.mark.parametrize(
    "steps", [[], [expired()], [error(500, "x")], [raw(b"<html>\n")]], ids=["end", "410", "500", "html"]
)
async def test_a_server_that_ends_every_watch_at_once_is_not_hammered(steps: list[Step]) -> None:
    script = ScriptedServer([config_map('["a"]')], then=steps)
    async with serving(script) as client, BackgroundTasks() as tasks:
        watch = TrustWatch(client, lambda _: None)
        tasks.supervise("trust", watch.run)
        await until(lambda: watch.health() is None)
        await asyncio.sleep(1.0)
    assert len(script.requests) < 12
