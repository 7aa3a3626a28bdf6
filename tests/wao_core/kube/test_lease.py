"""Leader election: one replica leads, a crash is survived, and no answer ends the election."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from tests.waiting import until
from tests.wao_core.kube.scripted import client_of
from wao_core.aio import BackgroundTasks, cancel
from wao_core.kube.client import KubeClient
from wao_core.kube.lease import LeaderElection, LeaseTimes, lead, while_leading
from wao_predict.backoff import Backoff

TIMES = LeaseTimes(duration=1.0, renew_deadline=0.6, retry=0.02)


class Api:
    """Keeps one Lease as an API server does: a PUT of an old version is a conflict."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.answer: web.Response | bytes | int | None = None  # instead of the right one

    async def handle(self, request: web.Request) -> web.Response:
        if isinstance(self.answer, int):
            return web.json_response({"message": "scripted"}, status=self.answer)
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer)
        if request.method == "GET":
            return web.json_response(self.lease or {"message": "none"}, status=200 if self.lease else 404)
        body = json.loads(await request.read())
        if request.method == "PUT" and body["metadata"].get("resourceVersion") != str(self.version):
            return web.json_response({"message": "conflict"}, status=409)
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.lease = body
        return web.json_response(body)

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


@asynccontextmanager
async def site() -> AsyncIterator[tuple[Api, KubeClient, BackgroundTasks]]:
    api = Api()
    async with client_of(api.handle) as client, BackgroundTasks() as tasks:
        yield api, client, tasks


def replica(client: KubeClient, identity: str) -> LeaderElection:
    return LeaderElection(client, "ns", "lease", identity, times=TIMES)


async def test_one_of_two_leads_and_the_other_follows_a_release() -> None:
    async with site() as (api, client, tasks):
        first, second = replica(client, "a"), replica(client, "b")
        running = tasks.supervise("a", first.run)
        await until(first.leading.is_set)
        tasks.supervise("b", second.run)
        renewed = api.version
        await until(lambda: api.version > renewed + 3)
        assert not second.leading.is_set()
        await cancel(running)
        assert first.lost.is_set()
        await until(second.leading.is_set)
        assert (api.holder, api.lease and api.lease["spec"]["leaseTransitions"]) == ("b", 1)


async def test_the_lease_is_released_although_the_stop_is_cancelled_again() -> None:
    async with site() as (api, client, _):
        first = replica(client, "a")
        running = asyncio.create_task(first.run())
        await first.leading.wait()
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0)
        await cancel(running)
        assert api.holder == ""


async def test_a_replica_that_was_paused_does_not_trust_its_lease() -> None:
    """Time passed, and it does not know yet that another replica leads."""
    async with site() as (_, client, tasks):
        now = [100.0]
        first = LeaderElection(client, "ns", "lease", times=TIMES, clock=lambda: now[0])
        assert not first.holds()
        tasks.supervise("first", first.run)
        await first.leading.wait()
        assert first.holds()
        now[0] += TIMES.duration
        assert (first.leading.is_set(), first.holds()) == (True, False)


async def test_the_lease_of_a_crashed_replica_is_taken_over() -> None:
    async with site() as (api, client, tasks):
        spec = {"holderIdentity": "gone", "leaseDurationSeconds": 1, "renewTime": "2020-01-01T00:00:00.000000Z"}
        api.lease = {"metadata": {"resourceVersion": "0"}, "spec": spec}
        waiting = replica(client, "b")
        tasks.supervise("b", waiting.run)
        await until(waiting.leading.is_set)
        assert api.holder == "b"


@pytest.mark.parametrize(
    "answer", [500, b"<html>", b"null", b"[]", b'{"spec":7}', b'{"spec":{"holderIdentity":7}}', b"\xff"]
)
async def test_no_answer_ends_the_election(answer: bytes | int) -> None:
    async with site() as (api, client, tasks):
        one = replica(client, "a")
        tasks.supervise("a", one.run)
        await until(one.leading.is_set)
        api.answer = answer
        await until(one.lost.is_set)
        assert not one.leading.is_set()
        api.answer = None
        await until(one.leading.is_set)
        assert tasks.health() is None


def decided() -> LeaderElection:
    """Return an election that the test decides."""
    return LeaderElection(cast(KubeClient, None), "wao-system", "lease", "us")


async def test_work_runs_while_leading_and_is_cancelled_when_the_lease_is_lost() -> None:
    ours, running = decided(), 0

    async def work() -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    async with BackgroundTasks() as tasks:
        tasks.supervise("leader-work", lambda: while_leading(ours, tasks, {"one": work, "two": work}))
        for _ in range(2):
            assert running == 0
            ours.lost.clear()
            ours.leading.set()
            await until(lambda: running == 2)
            ours.leading.clear()
            ours.lost.set()
            await until(lambda: running == 0)
        assert tasks.health() is None
    assert running == 0


async def test_work_that_fails_is_reported_and_restarted_while_the_rest_goes_on() -> None:
    runs, cancelled = 0, False

    async def fails() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no good")

    async def goes_on() -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        finally:
            cancelled = True

    async with BackgroundTasks(backoff=lambda: Backoff(initial=0.01)) as tasks:
        lead(tasks, decided(), {"bad": fails, "good": goes_on}, elect=False)
        await until(lambda: runs > 2)
        assert tasks.health() == "bad: ValueError: no good"
        assert not cancelled
