"""Accepting connections: what a client that fails at once, or a lack of descriptors, does to the others."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.fakes.tls_servers import tls_in
from tests.waiting import until
from wao_core.serving.acceptor import BATCH, Acceptor
from wao_core.serving.connections import Connections
from wao_core.serving.limits import ServerLimits
from wao_core.serving.protocol import ServerProtocol

LIMITS = ServerLimits(connections=4, close_seconds=0.1)


class Listening(socket.socket):
    """A listening socket whose next calls of `accept` fail as long as there are `errors`."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.errors: list[OSError] = []
        self.bind(("127.0.0.1", 0))
        self.listen(2 * BATCH)
        self.setblocking(False)

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise self.errors.pop()
        return super().accept()


@dataclass
class Bench:
    """An acceptor of plain or TLS connections, whose protocols answer nothing."""

    limits: ServerLimits = LIMITS
    tls: Any = None
    listening: Listening = field(default_factory=Listening)

    async def __aenter__(self) -> Bench:
        self.connections = Connections(self.limits)
        self.acceptor = Acceptor(self.listening, self.connections, self.protocol, self.tls)
        self.acceptor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.listening.fileno() >= 0:
            self.acceptor.stop()
        self.connections.stop()
        await until(lambda: not len(self.connections))

    def protocol(self) -> ServerProtocol:
        async def app(_scope: object, _receive: object, _send: object) -> None:
            raise AssertionError("no request is sent")

        config = uvicorn.Config(app, log_config=None, lifespan="off")
        config.load()
        return ServerProtocol(config, uvicorn.server.ServerState(), {}, self.connections)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.listening.getsockname())


async def test_every_connection_has_its_place_until_it_ends() -> None:
    async with Bench() as bench:
        clients = [await bench.connect() for _ in range(3)]
        await until(lambda: len(bench.connections) == 3)
        clients[0][1].close()
        await until(lambda: len(bench.connections) == 2)
        for _, writer in clients:
            writer.close()


async def test_a_client_without_tls_gives_its_place_back(tmp_path: Path) -> None:
    async with Bench(tls=tls_in(tmp_path).listener) as bench:
        reader, writer = await bench.connect()
        await until(lambda: len(bench.connections) == 1)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(10):
            assert b"HTTP" not in await reader.read()
        await until(lambda: not len(bench.connections))
        writer.close()


async def test_a_handshake_that_never_ends_gives_its_place_back(tmp_path: Path) -> None:
    async with Bench(replace(LIMITS, head_seconds=0.1), tls_in(tmp_path).listener) as bench:
        reader, writer = await bench.connect()
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        await until(lambda: not len(bench.connections))
        writer.close()


async def test_after_a_lack_of_descriptors_the_client_idle_for_longest_goes_and_new_ones_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Bench() as bench:
        first, first_writer = await bench.connect()
        await until(lambda: len(bench.connections) == 1)
        bench.listening.errors.append(OSError(errno.EMFILE, "Too many open files"))
        _, second_writer = await bench.connect()
        async with asyncio.timeout(10):
            assert await first.read() == b""
        await until(lambda: len(bench.connections) == 1)  # the second one, after the pause
        assert "cannot accept connections: Too many open files" in caplog.text
        for writer in (first_writer, second_writer):
            writer.close()


async def test_a_client_that_left_before_it_was_accepted_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with Bench() as bench:
        bench.listening.errors.append(ConnectionAbortedError())
        _, writer = await bench.connect()
        await until(lambda: len(bench.connections) == 1)
        writer.close()
    assert caplog.text == ""


async def test_after_a_stop_nobody_is_accepted(tmp_path: Path) -> None:
    async with Bench(tls=tls_in(tmp_path).listener) as bench:
        address = bench.listening.getsockname()
        reader, writer = await bench.connect()
        await until(lambda: len(bench.connections) == 1)
        bench.acceptor.stop()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        async with asyncio.timeout(10):  # its handshake was under way
            assert await reader.read() == b""
        writer.close()
