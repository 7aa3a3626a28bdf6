"""The HTTP servers on `healthCheckNodePort`, by which load balancers find the nodes with endpoints of a Service.

Responses equal those of kube-proxy (kubernetes pkg/proxy/healthcheck/service_health.go): 200 or 503, JSON, and the
number of local endpoints in a header, by which load balancers can weigh nodes. They use plain HTTP/1.0.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wao_core.serving.short import ShortConnections

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
MAX_HEAD = 8192
REQUEST_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class LocalEndpoints:
    """The answer of one port: the Service and the number of its ready endpoints on this node."""

    namespace: str
    name: str
    count: int


class HealthPorts:
    """One server per Service; `update` starts and stops them.

    Parameters
    ----------
    healthy
        Whether the agent is healthy; load balancers avoid the node while it is not.
    """

    def __init__(self, healthy: Callable[[], bool], *, host: str | None = None) -> None:
        self._healthy, self._host = healthy, host
        self._counts: dict[int, LocalEndpoints] = {}
        self._servers: dict[int, asyncio.Server] = {}
        self._connections = ShortConnections(MAX_CONNECTIONS, REQUEST_TIMEOUT)

    async def update(self, wanted: Mapping[int, LocalEndpoints]) -> dict[int, str]:
        """Listen on these ports and no others; return the ports that failed, with the reason."""
        self._counts = dict(wanted)
        for port in self._servers.keys() - wanted.keys():
            await _close(self._servers.pop(port))
        failed = {}
        for port in wanted.keys() - self._servers.keys():
            try:
                self._servers[port] = await asyncio.start_server(
                    lambda reader, writer, port=port: self._serve(port, reader, writer),  # type: ignore[misc]
                    self._host,
                    port,
                    limit=MAX_HEAD,
                )
            except OSError as error:
                failed[port] = f"healthCheckNodePort {port} cannot be opened: {error.strerror}"
        return failed

    async def close(self) -> None:
        """Stop all servers."""
        await self.update({})

    def answer(self, port: int) -> bytes:
        """Return the HTTP response of a port."""
        endpoints = self._counts.get(port, LocalEndpoints("", "", 0))
        healthy = self._healthy()
        service = {"namespace": endpoints.namespace, "name": endpoints.name}
        fields = {"service": service, "localEndpoints": endpoints.count, "serviceProxyHealthy": healthy}
        body = json.dumps(fields, indent="\t").encode()
        status = "200 OK" if endpoints.count and healthy else "503 Service Unavailable"
        head = [
            f"HTTP/1.0 {status}",
            "Content-Type: application/json",
            "X-Content-Type-Options: nosniff",
            f"X-Load-Balancing-Endpoint-Weight: {endpoints.count}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        return "\r\n".join([*head, "", ""]).encode() + body

    async def _serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._connections.limited(writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer(port))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no complete request: no response


async def _close(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
