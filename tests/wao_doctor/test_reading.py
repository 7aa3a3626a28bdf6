"""Bounded reads, and the reasons of those that fail."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import ScriptedServer, client_of, node
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient, KubeError
from wao_doctor import wire
from wao_doctor.facts import Missing
from wao_doctor.reading import GRANT, Reader, fact, missing

NODES = "/api/v1/nodes"


def reader(client: KubeClient) -> Reader:
    return Reader(client, 5.0)


async def test_a_list_is_read_page_by_page_and_unreadable_objects_are_reported() -> None:
    server = ScriptedServer(items=[node(f"n{row}", row) for row in range(5)], page=2)
    server.items[3] = {"metadata": {"name": "n3", "labels": 5}}
    async with client_of(server.handle) as client:
        listed = await reader(client).list(NODES, wire.Node)
    assert [item.name for item in listed.objects] == ["n0", "n1", "n2", "n4"]
    assert list(listed.unreadable) == ["n3"]
    assert not listed.truncated


async def test_a_list_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wao_doctor.reading.MOST", 3)
    server = ScriptedServer(items=[node(f"n{row}", row) for row in range(9)], page=2)
    async with client_of(server.handle) as client:
        listed = await reader(client).list(NODES, wire.Node)
    assert (len(listed.objects), listed.truncated) == (4, True)


async def test_an_object_may_not_exist_or_be_something_else() -> None:
    answers = [web.json_response({}, status=404), web.Response(text="<html>"), web.json_response({"metadata": 5})]

    async def handle(request: web.Request) -> web.StreamResponse:
        return answers.pop(0)

    async with client_of(handle) as client:
        assert await reader(client).get(f"{NODES}/n", wire.Node) is None
        for _ in range(2):
            with pytest.raises(SourceError, match="the answer is not a Node"):
                await reader(client).get(f"{NODES}/n", wire.Node)


async def test_a_read_that_hangs_is_missing() -> None:
    found = await fact(asyncio.Event().wait(), 0.01)
    assert isinstance(found, Missing)
    assert found.reason == "no answer within 0.01 s"


async def test_a_fault_of_a_read_is_missing_with_its_type() -> None:
    async def broken() -> int:
        raise ZeroDivisionError("x")

    found = await fact(broken(), 5.0)
    assert isinstance(found, Missing)
    assert found.reason == "unexpected ZeroDivisionError: x"


@pytest.mark.parametrize(
    ("status", "begin"),
    [(403, GRANT), (401, "The API server refuses"), (503, "Check the API server"), (None, "Check the network")],
)
def test_the_remedy_fits_the_status(status: int | None, begin: str) -> None:
    assert missing(KubeError("GET /x: refused", status_code=status)).remedy.startswith(begin)
