"""Turns what a NodeConfig says about a sensor into a function that reads it once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Reader, Reading
from wao_core.collector.secrets import SecretBook
from wao_core.collector.status import ChosenSensor
from wao_core.collector.transport import PollingSession, PollingTransport
from wao_predict.connection import TlsPolicy
from wao_predict.errors import RemoteError, UsageError, WaoError
from wao_predict.flow import AsyncTransport, Flow, Request, Response, arun

POLLS = 500  # at a time
DISCOVERIES = 200  # at a time: each is some ten requests, one after the other, of up to a second on a slow BMC
AT_ONCE = 8  # requests to a server that is no BMC: it answers for many nodes
POLL_TIME = 8.0  # seconds for one request
DISCOVERY_TIME = 60.0  # seconds for all requests of a first reading
_log = logging.getLogger(__name__)


class Sensor(Protocol):
    """What is used of `wao_predict.sensors.base.Sensor`."""

    @property
    def base_url(self) -> str:
        """Origin that the requests go to; "" when there are none."""
        ...

    def flow(self) -> Flow[Any]:
        """Describe the requests of one reading; the sensor remembers what it found out."""
        ...


class _Key(NamedTuple):
    """What makes two sensors share a transport."""

    base_url: str
    secret: str
    tls: TlsPolicy
    at_once: int


@dataclass(slots=True)
class _Shared:
    transport: PollingTransport
    users: int = 0


def _key(spec: SensorSpec, base_url: str) -> _Key:
    return _Key(base_url, spec.secret, tls_policy(spec.option("tls")), 1 if spec.type == "Redfish" else AT_ONCE)


class SensorReaders:
    """Makes readers that share one session, one transport per BMC, and one book of Secrets.

    Parameters
    ----------
    session
        Where requests go.
    secrets
        Where credentials come from.
    build
        Makes the sensor of a term; raises `WaoError` for a term that cannot be used.
    """

    def __init__(
        self,
        session: PollingSession,
        secrets: SecretBook,
        *,
        build: Callable[[SensorSpec], Sensor],
    ) -> None:
        self._session, self._secrets, self._build = session, secrets, build
        self._polls, self._discoveries = asyncio.Semaphore(POLLS), asyncio.Semaphore(DISCOVERIES)
        # the sensors of one BMC share its transport, and so its one request at a time and its one login
        self._transports: dict[_Key, _Shared] = {}

    def reader(self, spec: SensorSpec) -> Reader:
        """Return what reads this sensor; for a term that cannot be used, what tells why."""
        try:
            sensor = self._build(spec)
            return _SensorReader(self, spec, sensor, self.acquire(spec, sensor.base_url))
        except WaoError as error:
            return _Unusable(error)
        except Exception as error:  # a fault of a plug-in must not stop the sensors of other nodes
            _log.exception("cannot make a sensor of type %s", spec.type)
            return _Unusable(
                UsageError(f"a sensor of type {spec.type} cannot be made: {type(error).__name__}: {error}")
            )

    def acquire(self, spec: SensorSpec, base_url: str) -> PollingTransport | None:
        """Return the transport to a sensor's BMC until `release`, None for a sensor that asks nobody."""
        if not base_url:
            return None
        key = _key(spec, base_url)
        shared = self._transports.get(key)
        if shared is None:
            if key.tls.insecure:
                _log.warning("the certificate of %s is not verified: insecureSkipVerify is set", base_url)
            timeout = min(POLL_TIME, max(2.0, 0.8 * spec.interval))
            made = self._session.transport(base_url, tls=key.tls, timeout=timeout, at_once=key.at_once)
            shared = self._transports[key] = _Shared(made)
        shared.users += 1
        return shared.transport

    def release(self, spec: SensorSpec, base_url: str) -> None:
        """Give a transport back; the last one to do so ends its login and its connection."""
        key = _key(spec, base_url)
        shared = self._transports[key]
        shared.users -= 1
        if not shared.users:
            del self._transports[key]
            self._session.retire(shared.transport)

    async def drive(self, spec: SensorSpec, sensor: Sensor, transport: PollingTransport | None) -> Reading:
        """Read a sensor once, with credentials; a refused password is looked up once more."""
        if transport is None:
            reading: Reading = await arun(sensor.flow(), _NoTransport())
            return reading
        transport.credentials = await self._secrets.get(spec.secret)
        try:
            return await arun(sensor.flow(), transport)
        except RemoteError as error:
            if error.status_code != 401 or not spec.secret:
                raise
            fresh = await self._secrets.get(spec.secret, refused=True)
            if fresh == transport.credentials:
                raise
            transport.credentials = fresh
        return await arun(sensor.flow(), transport)

    def gate(self, *, cold: bool) -> asyncio.Semaphore:
        """Return what bounds how many read at a time: fewer may discover than poll."""
        return self._discoveries if cold else self._polls


class _SensorReader:
    """One sensor and its transport; the first successful reading makes it warm."""

    def __init__(
        self, readers: SensorReaders, spec: SensorSpec, sensor: Sensor, transport: PollingTransport | None
    ) -> None:
        self._readers, self._spec, self._sensor, self._transport = readers, spec, sensor, transport
        self._cold = transport is not None
        self._open = transport is not None

    def close(self) -> None:
        if self._open:
            self._open = False
            self._readers.release(self._spec, self._sensor.base_url)

    def chosen(self) -> ChosenSensor | None:
        choice = getattr(self._sensor, "choice", None)  # sensors that discover have one
        if choice is None:
            return None
        return ChosenSensor(choice.shown_uri, choice.name, choice.confidence)

    async def read(self) -> Reading:
        async with self._readers.gate(cold=self._cold):
            try:
                # one poll is bounded by its request's own timeout
                async with asyncio.timeout(DISCOVERY_TIME if self._cold else None):
                    reading = await self._readers.drive(self._spec, self._sensor, self._transport)
            except RemoteError as error:
                self._cold = self._cold or error.status_code == 404
                raise
        self._cold = False
        return reading


class _Unusable:
    """In place of a sensor whose term cannot be used: every reading tells why."""

    def __init__(self, error: WaoError) -> None:
        self._error = error

    def chosen(self) -> ChosenSensor | None:
        return None

    def close(self) -> None:
        return None

    async def read(self) -> Reading:
        raise self._error.with_traceback(None)  # raised again and again, it would collect frames for ever


class _NoTransport(AsyncTransport):
    """For sensors that need no network; asking for it anyway is a fault of the sensor."""

    async def send(self, request: Request) -> Response:
        raise RemoteError(f"{request.url}: this sensor needs an endpoint", endpoint=request.url)

    async def close(self) -> None:
        return None


def tls_policy(option: object) -> TlsPolicy:
    """Return the TLS policy of a term's `tls` option."""
    given: Mapping[str, Any] = option if isinstance(option, Mapping) else {}
    return TlsPolicy(
        ca_data=given.get("caBundle") or None,
        fingerprint=given.get("fingerprint") or None,
        insecure=bool(given.get("insecureSkipVerify")),
    )


def options_of(spec: SensorSpec) -> dict[str, Any]:
    """Return a spec's options as a dictionary."""
    options = json.loads(spec.options)
    if not isinstance(options, dict):
        raise UsageError("the options of a sensor must be a mapping")
    return options
