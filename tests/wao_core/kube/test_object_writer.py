"""Writes of objects: how many requests run at a time, which writes are remembered, and which failures count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.object_writer import WATCH_DELAY, ObjectWriter
from wao_core.kube.resources import NODE_CONFIGS

FOLDER = "/apis/node.waok8s.github.io/v1beta1/namespaces/w/nodeconfigs"


class Bench:
    """A writer, and the API server that it writes to: it keeps the requests, and raises `errors` by name."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.errors: dict[str, KubeError] = {}
        self.running = self.most = 0
        self.now = 0.0
        self.writer: ObjectWriter[int] = ObjectWriter(
            cast(KubeClient, self), NODE_CONFIGS, manager="us", concurrency=4, clock=lambda: self.now
        )

    async def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> bytes:
        assert (body, manager) == ({"spec": {}}, "us")
        return await self.send("APPLY", path)

    async def send(self, method: str, path: str) -> bytes:
        self.requests.append((method, path))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        name = path.rpartition("/")[2]
        if name in self.errors:
            raise self.errors[name]
        return b""

    async def write(self, *names: str) -> int:
        applied = [self.writer.apply(f"w/{name}", {"spec": {}}, number) for number, name in enumerate(names)]
        return await self.writer.send(applied)


async def test_the_number_of_requests_at_a_time_is_bounded() -> None:
    bench = Bench()
    assert await bench.write(*(f"n{number}" for number in range(20))) == 0
    assert bench.requests[0] == ("APPLY", f"{FOLDER}/n0")
    assert (len(bench.requests), bench.most) == (20, 4)


async def test_a_write_is_remembered_until_the_watch_delivers_it_or_should_have() -> None:
    bench = Bench()
    await bench.write("a", "b")
    assert bench.writer.undelivered() == {"w/a": 0, "w/b": 1}
    bench.writer.delivered("w/a")
    bench.now = WATCH_DELAY - 0.1
    assert bench.writer.undelivered() == {"w/b": 1}
    bench.now = WATCH_DELAY
    assert bench.writer.undelivered() == {}


async def test_a_refused_write_is_counted_logged_and_not_remembered(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.errors["a"] = KubeError("the webhook refused it", status_code=400)
    assert await bench.write("a", "b") == 1
    assert caplog.messages == ["NodeConfig was not written: the webhook refused it"]
    assert bench.writer.undelivered() == {"w/b": 1}


@pytest.mark.parametrize(("status", "failed"), [(404, 0), (409, 1), (None, 1)])
async def test_deleting_what_is_deleted_already_is_no_failure(status: int | None, failed: int) -> None:
    bench = Bench()
    bench.errors["a"] = KubeError("refused", status_code=status)
    assert await bench.writer.send([bench.writer.delete("w/a")]) == failed
    assert bench.requests == [("DELETE", f"{FOLDER}/a")]
    assert bench.writer.undelivered() == ({} if failed else {"w/a": None})
