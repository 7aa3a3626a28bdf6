"""Makes the reader of each sensor: what reads it once, through the connections that all sensors share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakValueDictionary

from wao_core.collector.endpoints import Endpoints, EndpointTransport
from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Reader
from wao_core.collector.sensors import build_sensor
from wao_core.collector.status import ChosenSensor
from wao_predict.connection import TlsPolicy
from wao_predict.errors import RemoteError, RemoteTimeout, UsageError, WaoError
from wao_predict.flow import arun
from wao_predict.plugins import concurrency
from wao_predict.sensors.base import Reading, Sensor

POLLS = 500
"""Polls at a time."""
DISCOVERIES = 200
"""First readings at a time: each is about ten requests in sequence, of up to a second on a slow BMC."""
POLL_TIME = 10.0
"""Limit for one request [s]; slow BMCs take 7 s."""
DISCOVERY_TIME = 90.0
"""Limit for all requests of a first reading [s]; the sensors of BMCs stop earlier, and continue the next time."""
_log = logging.getLogger(__name__)


class SensorReaders:
    """Makes readers that share connections and limits.

    Parameters
    ----------
    endpoints
        Opens the connections.
    build
        Makes the sensor of a poller; raises `WaoError` for an endpoint that cannot be used.
    """

    def __init__(self, endpoints: Endpoints, *, build: Callable[[SensorSpec], Sensor] = build_sensor) -> None:
        self._endpoints, self._build = endpoints, build
        self._polls, self._discoveries = asyncio.Semaphore(POLLS), asyncio.Semaphore(DISCOVERIES)
        self._servers: WeakValueDictionary[tuple[str, str, TlsPolicy], _Server] = WeakValueDictionary()

    def reader(self, spec: SensorSpec) -> Reader:
        """Return the reader of a sensor; for an endpoint that cannot be used, one whose readings report why."""
        try:
            sensor = self._build(spec)
            server = self._server(spec, sensor.base_url)
            share = getattr(sensor, "share", None)  # see `wao_predict.endpoint`
            if share is not None:
                share(server.state)
            timeout = min(POLL_TIME, max(2.0, 0.8 * spec.interval))
            transport = self._endpoints.connect(
                spec.endpoint, sensor.base_url, concurrency=concurrency(sensor), timeout=timeout
            )
        except WaoError as error:
            return _Unusable(error)
        except Exception as error:  # a fault of a plug-in must not stop the sensors of other nodes
            _log.exception("cannot make a sensor of type %s", spec.endpoint.type)
            return _Unusable(
                UsageError(f"a sensor of type {spec.endpoint.type} cannot be made: {type(error).__name__}")
            )
        return _SensorReader(self, sensor, transport, server)

    def _server(self, spec: SensorSpec, base_url: str) -> _Server:
        key = (base_url, spec.endpoint.secret, spec.endpoint.tls)
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = _Server()
        return server

    def limit(self, *, cold: bool) -> asyncio.Semaphore:
        """Return the limit of readings at a time: it is lower for those that discover."""
        return self._discoveries if cold else self._polls


class _Server:
    """What the sensors at one server with the same credentials have in common."""

    __slots__ = ("__weakref__", "discovering", "state")

    def __init__(self) -> None:
        self.discovering = asyncio.Lock()
        self.state: dict[str, object] = {}


class _SensorReader:
    """One sensor and its transport; it discovers until the first reading succeeds."""

    def __init__(self, readers: SensorReaders, sensor: Sensor, transport: EndpointTransport, server: _Server) -> None:
        self._readers, self._sensor, self._transport, self._server = readers, sensor, transport, server
        self._cold = transport.remote

    def close(self) -> None:
        self._transport.release()

    def chosen(self) -> ChosenSensor | None:
        choice = getattr(self._sensor, "choice", None)  # sensors that discover have one
        if choice is None:
            return None
        return ChosenSensor(choice.shown_uri, choice.name, choice.confidence)

    async def read(self) -> Reading:
        if self._cold:
            return await self._discover()
        async with self._readers.limit(cold=False):
            try:
                # each request has its own limit of time
                reading: Reading = await arun(self._sensor.flow(), self._transport)
            except RemoteError as error:
                self._cold = error.status_code == 404
                raise
        return reading

    async def _discover(self) -> Reading:
        """Return the first reading, while no other sensor discovers the same server."""
        async with self._server.discovering, self._readers.limit(cold=True):
            try:
                async with asyncio.timeout(DISCOVERY_TIME):
                    reading: Reading = await arun(self._sensor.flow(), self._transport)
            except TimeoutError as error:
                if isinstance(error, RemoteError):
                    raise
                where = self._sensor.base_url
                raise RemoteTimeout(f"{where}: no reading within {DISCOVERY_TIME:g} s", endpoint=where) from error
        self._cold = False
        return reading


class _Unusable:
    """In place of a sensor whose endpoint cannot be used: every reading reports why."""

    def __init__(self, error: WaoError) -> None:
        self._error = error

    def chosen(self) -> ChosenSensor | None:
        return None

    def close(self) -> None:
        return None

    async def read(self) -> Reading:
        raise self._error.with_traceback(None)  # raised repeatedly, it would collect frames without end
