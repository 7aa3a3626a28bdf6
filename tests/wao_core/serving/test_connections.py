"""Which connections are closed, and which are kept, by a server with short limits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wao_core.serving.limits import ServerLimits
from wao_core.serving.server import Server
from wao_core.serving.tls import ServingTls

GET = b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
PATIENT = ServerLimits(connections=3, head_seconds=60, body_seconds=60, close_seconds=0.1)


class Client:
    """A plain connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        """Return the status line of the response."""
        self.writer.write(request)
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            if b"content-length: 2\r\n" in head:
                await self.reader.readexactly(2)
        return head.partition(b"\r\n")[0].removeprefix(b"HTTP/1.1 ")

    async def is_closed(self) -> bool:
        """Return whether the server closes the connection; waits for it."""
        try:
            async with asyncio.timeout(10):
                return await self.reader.read() == b""
        except ConnectionError:
            return True


class Bed:
    """A server whose /slow waits for `release`."""

    def __init__(self) -> None:
        self.release, self.started = asyncio.Event(), asyncio.Event()
        self.url = ""
        self.clients: list[Client] = []

    def app(self) -> Starlette:
        async def now(_request: Request) -> Response:
            return PlainTextResponse("ok")

        async def slow(_request: Request) -> Response:
            self.started.set()
            await self.release.wait()
            return PlainTextResponse("ok")

        async def body(request: Request) -> Response:
            return PlainTextResponse(str(len(await request.body()))[:2])

        routes = [Route("/now", now), Route("/slow", slow), Route("/body", body, methods=["POST"])]
        return Starlette(routes=routes)

    async def client(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))))
        return self.clients[-1]


@asynccontextmanager
async def serving(limits: ServerLimits) -> AsyncIterator[Bed]:
    bed = Bed()
    async with Server(bed.app(), limits=limits) as server:
        bed.url = server.url
        try:
            yield bed
        finally:
            for client in bed.clients:
                client.writer.close()


async def test_a_further_connection_replaces_the_one_idle_for_longest() -> None:
    async with serving(PATIENT) as bed:
        first, second, third = [await bed.client() for _ in range(3)]
        for client in (second, third, first):
            assert await client.ask(GET) == b"200 OK"
        further = await bed.client()
        assert await further.ask(GET) == b"200 OK"
        assert await second.is_closed()
        for client in (first, third):
            assert await client.ask(GET) == b"200 OK"


@pytest.mark.parametrize("secure", [False, True])
async def test_connections_that_are_replaced_before_their_handshake_starts_are_closed(
    secure: bool, tmp_path: Path
) -> None:
    """All of them arrive together, so that most are replaced in the same turn of the event loop."""
    tls = ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[]) if secure else None
    async with Server(Bed().app(), tls=tls, limits=PATIENT) as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        sockets = [socket.create_connection(address) for _ in range(20)]
        clients = [Client(*await asyncio.open_connection(sock=each)) for each in sockets]
        assert all(await asyncio.gather(*(client.is_closed() for client in clients[: -PATIENT.connections])))
        for client in clients:
            client.writer.close()


async def test_connections_with_a_request_in_progress_are_kept() -> None:
    """Such as long polls."""
    async with serving(replace(PATIENT, connections=1)) as bed:
        polling = await bed.client()
        waiting = asyncio.create_task(polling.ask(GET.replace(b"now", b"slow")))
        await bed.started.wait()
        assert await (await bed.client()).is_closed()
        bed.release.set()
        assert await waiting == b"200 OK"


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
async def test_a_silent_connection_is_closed(sent: bytes) -> None:
    async with serving(replace(PATIENT, head_seconds=0.1)) as bed:
        client = await bed.client()
        client.writer.write(sent)
        await client.reader.read()


@pytest.mark.parametrize("sent", [GET[:-2], BODY + b"{"])
async def test_an_unfinished_request_is_answered_and_closed(sent: bytes) -> None:
    async with serving(replace(PATIENT, head_seconds=0.2, body_seconds=0.2)) as bed:
        assert await (await bed.client()).ask(sent) == b"408 Request Timeout"


async def test_the_time_of_a_later_head_begins_with_its_first_byte() -> None:
    async with serving(replace(PATIENT, head_seconds=0.2)) as bed:
        client = await bed.client()
        assert await client.ask(GET) == b"200 OK"
        assert await client.ask(b"G") == b"408 Request Timeout"


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(replace(PATIENT, idle_seconds=0.1)) as bed:
        client = await bed.client()
        assert await client.ask(GET) == b"200 OK"
        assert await client.is_closed()


async def test_a_slow_application_has_all_the_time_it_wants() -> None:
    async with serving(replace(PATIENT, head_seconds=0.1, body_seconds=0.1, idle_seconds=0.1)) as bed:
        client, other = await bed.client(), await bed.client()
        waiting = asyncio.create_task(client.ask(GET.replace(b"now", b"slow")))
        await bed.started.wait()
        assert await other.is_closed()  # two sweeps have passed
        bed.release.set()
        assert await waiting == b"200 OK"


async def test_the_oldest_unfinished_body_makes_room_for_later_ones() -> None:
    async with serving(replace(PATIENT, bodies=1_200_000)) as bed:
        old, new = await bed.client(), await bed.client()
        old.writer.write(BODY + b" " * 900_000)
        await old.writer.drain()
        assert await new.ask(BODY + b" " * 1_000_000) == b"200 OK"
        assert await old.ask(b" ") == b"503 Service Unavailable"


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving(PATIENT) as bed:
        client = await bed.client()
        for request in (GET * 3 + GET[:7], GET[7:]):
            client.writer.write(request)
            await client.writer.drain()
        async with asyncio.timeout(10):
            for _ in range(4):
                assert (await client.reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 OK\r\n")
