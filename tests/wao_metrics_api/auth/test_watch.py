"""The ConfigMap with the client authorities is read, followed, and never replaced by something unusable."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.waiting import until
from wao_core.errors import SourceError
from wao_metrics_api.auth.trust import Trust
from wao_metrics_api.auth.watch import TrustWatch


def config_map(names: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version}, "data": {"requestheader-allowed-names": names}}


class Api:
    """Serves one ConfigMap and a queue of watch lines; None in the queue ends the watch."""

    def __init__(self, current: dict[str, Any] | Exception) -> None:
        self.current = current
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.queries: list[dict[str, str]] = []
        self.reads = 0

    async def get(self, path: str) -> bytes:
        assert path == "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
        self.reads += 1
        if isinstance(self.current, Exception):
            raise self.current
        return json.dumps(self.current).encode()

    @asynccontextmanager
    async def lines(self, path: str, *, query: Any, stall: float) -> AsyncIterator[AsyncIterator[bytes]]:
        self.queries.append(dict(query))
        yield self._lines()

    async def _lines(self) -> AsyncIterator[bytes]:
        while (line := await self.events.get()) is not None:
            yield line

    def send(self, kind: str, value: dict[str, Any]) -> None:
        self.events.put_nowait(json.dumps({"type": kind, "object": value}).encode())


@asynccontextmanager
async def watching(api: Api, apply: Callable[[Trust], None] = lambda _trust: None) -> AsyncIterator[TrustWatch]:
    watch = TrustWatch(api, apply)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_is_not_ready_until_it_was_read_and_follows_changes() -> None:
    api = Api(config_map('["a"]', "7"))
    async with watching(api) as watch:
        assert "not read yet" in str(watch.health())
        await until(lambda: watch.health() is None)
        assert watch.trust.allowed_names == {"a"}
        await until(lambda: len(api.queries) == 1)
        assert api.queries[0]["fieldSelector"] == "metadata.name=extension-apiserver-authentication"
        assert api.queries[0]["resourceVersion"] == "7"
        api.send("MODIFIED", config_map('["b"]', "8"))
        await until(lambda: watch.trust.allowed_names == {"b"})


async def test_an_expired_watch_reads_again() -> None:
    api = Api(config_map('["a"]'))
    async with watching(api) as watch:
        await until(lambda: watch.health() is None)
        api.current = config_map('["c"]')
        api.send("ERROR", {"code": 410})
        await until(lambda: watch.trust.allowed_names == {"c"})


async def test_unusable_data_keeps_what_was_there() -> None:
    def refuse(trust: Trust) -> None:
        if "bad" in trust.allowed_names:
            raise ValueError("authorities cannot be loaded")

    api = Api(config_map('["a"]'))
    async with watching(api, refuse) as watch:
        await until(lambda: watch.health() is None)
        api.send("MODIFIED", config_map("no JSON"))
        api.send("MODIFIED", config_map('["bad"]'))
        api.send("MODIFIED", config_map('["d"]'))
        await until(lambda: watch.trust.allowed_names == {"d"})


async def test_a_missing_config_map_is_not_ready_and_told() -> None:
    api = Api(SourceError("GET configmaps: 404 not found", status_code=404))
    async with watching(api) as watch:
        await until(lambda: api.reads > 0)
        assert watch.health() == (
            "ConfigMap kube-system/extension-apiserver-authentication: GET configmaps: 404 not found"
        )
