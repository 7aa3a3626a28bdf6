"""Accepts connections for uvicorn's protocol, with limits that `loop.create_server` does not have."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from wao_core.serving.connections import Connections
from wao_core.serving.protocol import ServerProtocol

BATCH = 64  # connections accepted in one turn of the event loop
DROPPED = 16  # idle connections that are dropped together when descriptors are exhausted
FREED = 0.02  # seconds until the descriptors of dropped connections are free
BACK_OFF = 0.5  # seconds without accepting, when descriptors or memory are exhausted and no connection is idle


class Acceptor:
    """Accepts connections on a listening socket until `stop`.

    Parameters
    ----------
    new_protocol
        Makes the protocol of one connection.
    tls
        The context of the listener; None accepts plain connections.
    """

    def __init__(
        self,
        listening: socket.socket,
        connections: Connections,
        new_protocol: Callable[[], ServerProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listening, self._connections, self._new_protocol, self._tls = listening, connections, new_protocol, tls
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to accept."""
        self._paused = None
        self._loop.add_reader(self._listening, self._accept)

    def stop(self) -> None:
        """Close the socket and end the handshakes in progress; open connections stay."""
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for task in self._handshakes:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(BATCH):
            try:
                accepted, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._back_off(error)
                return
            if self._connections.make_room():
                self._connect(accepted)
            else:
                accepted.close()

    def _back_off(self, error: OSError) -> None:
        """Free descriptors and pause: the socket stays readable, so accepting again at once would only fail again."""
        self._connections.report("cannot accept connections: %s; those idle for longest are dropped", error.strerror)
        dropped = [self._connections.drop_oldest_idle() for _ in range(DROPPED)]
        self._loop.remove_reader(self._listening)
        self._paused = self._loop.call_later(FREED if any(dropped) else BACK_OFF, self.start)

    def _connect(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol = self._new_protocol()
        protocol.abort_handshake = partial(_shut_down, accepted)
        task = self._loop.create_task(self._hand_over(accepted, protocol))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _hand_over(self, accepted: socket.socket, protocol: ServerProtocol) -> None:
        limits = self._connections.limits
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else limits.head_seconds,
                ssl_shutdown_timeout=None if self._tls is None else limits.close_seconds,
            )
        except OSError:  # no TLS, a refused certificate, a timeout: the client's fault
            self._connections.closed(protocol)
            accepted.close()
        except BaseException:
            self._connections.closed(protocol)
            accepted.close()
            raise


def _shut_down(accepted: socket.socket) -> None:
    """Let the handshake on a socket find the end of the connection.

    Cancelling its task instead would leak the descriptor where the task or the transport has not started yet.
    """
    with suppress(OSError):
        accepted.shutdown(socket.SHUT_RDWR)
