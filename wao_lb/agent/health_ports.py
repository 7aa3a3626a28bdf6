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
RETRY_INTERVAL = 5.0
"""Seconds between two attempts to open a port that is in use, by kube-proxy for example, which stops using it later."""


@dataclass(frozen=True, slots=True)
class LocalEndpoints:
    """The answer of one port: the Service and the number of its ready endpoints on this node."""

    namespace: str
    name: str
    count: int


class HealthPorts:
    """One server per Service; `update` starts and stops them, and `run` starts those that could not be started.

    Parameters
    ----------
    healthy
        Whether the agent is healthy; load balancers avoid the node while it is not.
    """

    def __init__(
        self, healthy: Callable[[], bool], *, host: str | None = None, retry_interval: float = RETRY_INTERVAL
    ) -> None:
        self._healthy, self._host, self._retry_interval = healthy, host, retry_interval
        self._counts: dict[int, LocalEndpoints] = {}
        self._servers: dict[int, asyncio.Server] = {}
        self._failed: dict[int, str] = {}
        self._lock = asyncio.Lock()
        self._connections = ShortConnections(MAX_CONNECTIONS, REQUEST_TIMEOUT)

    async def update(self, wanted: Mapping[int, LocalEndpoints]) -> dict[int, str]:
        """Listen on these ports and no others; return the ports that failed, with the reason."""
        self._counts = dict(wanted)
        async with self._lock:
            for port in self._servers.keys() - self._counts.keys():
                await _close(self._servers.pop(port))
            before, self._failed = self._failed, {}
            for port in self._counts.keys() - self._servers.keys():
                await self._open(port, before.get(port))
            return dict(self._failed)

    async def run(self) -> None:
        """Retry the ports that could not be opened, until cancelled."""
        while True:
            await asyncio.sleep(self._retry_interval)
            if self._failed:
                await self.update(self._counts)

    async def _open(self, port: int, before: str | None) -> None:
        """Start the server of a port; log a failure when its reason is another than `before`."""
        try:
            self._servers[port] = await asyncio.start_server(
                lambda reader, writer: self._serve(port, reader, writer), self._host, port, limit=MAX_HEAD
            )
        except OSError as error:
            why = self._failed[port] = f"healthCheckNodePort {port} cannot be opened: {error.strerror}"
            if why != before:
                log.warning("%s; retrying every %g s", why, self._retry_interval)
        else:
            if before is not None:
                log.info("healthCheckNodePort %d is open now", port)

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
