"""HAProxy's agent-check: one line of request and one of response over plain TCP.

HAProxy sends the `agent-send` text of a server, here "namespace/service:port address:port", and reads its weight in
percent of the configured weight. `wao_lb.outputs.clusters` describes the first word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from wao_core.cluster.addresses import canonical_address
from wao_core.serving.short import ShortConnections
from wao_lb.documents import ServiceWeights
from wao_lb.outputs.clusters import ports_named, service_of
from wao_predict.errors import UsageError

log = logging.getLogger(__name__)

LONGEST_LINE = 512
MAX_CONNECTIONS = 256
REQUEST_TIMEOUT = 5.0  # seconds
END_OF_REQUEST = 0.05
"""Seconds after which a request without a newline is complete: HAProxy sends exactly the configured text, at once."""
DRAIN = b"drain\n"


def reply(line: str, weights: Mapping[str, ServiceWeights]) -> bytes:
    """Return the response to one agent check.

    The best endpoint of a port and family has 100 %. The response includes "ready", as a server would otherwise stay
    drained after "drain". Unknown endpoints and those without traffic drain.
    """
    cluster, _, endpoint = line.strip().partition(" ")
    address, _, number = endpoint.strip().rpartition(":")
    wanted = (canonical_address(address.removeprefix("[").removesuffix("]")), number)
    found = weights.get(service_of(cluster))
    for port in () if found is None else ports_named(cluster, found):
        for item in port.endpoints:
            if (item.address, str(item.port)) == wanted and item.weight > 0.0:
                best = max(other.weight for other in port.endpoints)
                return f"ready up {max(1, round(100.0 * item.weight / best))}%\n".encode()
    return DRAIN


async def read_request(reader: asyncio.StreamReader) -> str:
    """Return the request up to its newline, its end, or the first pause; a text without newline has no other end."""
    received = await reader.read(LONGEST_LINE)
    while received and b"\n" not in received and len(received) < LONGEST_LINE:
        try:
            async with asyncio.timeout(END_OF_REQUEST):
                more = await reader.read(LONGEST_LINE)
        except TimeoutError:
            break
        if not more:
            break
        received += more
    return received.partition(b"\n")[0].decode(errors="replace")


class AgentCheckServer:
    """Answers agent checks; use as `async with`.

    Parameters
    ----------
    weights
        The current weights by "namespace/name".
    ready
        Whether they are known. Until then connections are closed without a response, and HAProxy keeps its weights.
    """

    def __init__(
        self,
        weights: Mapping[str, ServiceWeights],
        host: str,
        port: int,
        *,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._weights, self._ready = weights, ready
        self._host, self._port = host, port
        self._connections = ShortConnections(MAX_CONNECTIONS, REQUEST_TIMEOUT)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> AgentCheckServer:
        try:
            self._server = await asyncio.start_server(self._answer, self._host, self._port, limit=LONGEST_LINE)
        except OSError as error:
            where = f"{self._host} port {self._port}"
            raise UsageError(
                f"cannot answer agent checks on {where}: {error.strerror}; choose another --agent-check-port"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._connections.limited(writer):
                request = await read_request(reader)
                if self._ready():
                    writer.write(reply(request, self._weights))
                    await writer.drain()
        except (TimeoutError, OSError) as error:
            log.debug("agent check: %s", error or f"not done within {REQUEST_TIMEOUT:g} s")
