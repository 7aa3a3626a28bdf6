"""One poller: reads one sensor again and again, and puts what it reads, or why it could not, into the store."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.status import ChosenSensor
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.errors import WaoCoreError
from wao_predict.errors import RemoteError, WaoError

MOST_BACKOFF = 300.0  # seconds
REFUSED_BACKOFF = 60.0  # seconds at least after a refused password, so that no account gets locked
SKEW = 5.0  # seconds that a sensor's clock may be ahead


class Reading(Protocol):
    """What a sensor returns (`wao_predict.sensors.base.Reading`)."""

    @property
    def value(self) -> float:
        """The number, in the metric's unit."""
        ...

    @property
    def time(self) -> datetime | None:
        """When it was measured, if the sensor says."""
        ...


_log = logging.getLogger(__name__)


class Reader(Protocol):
    """Reads one sensor."""

    async def read(self) -> Reading:
        """Return one reading; raises `WaoError`."""
        ...

    def chosen(self) -> ChosenSensor | None:
        """Return the sensor that discovery chose, None before it did."""
        ...

    def close(self) -> None:
        """Give back what was held for the sensor: it is read no more."""
        ...


Observe = Callable[[SensorSpec, float, str], None]  # spec, seconds, "" or the kind of failure


@dataclass(slots=True)
class PollerState:
    """How a poller is doing: for the NodeConfig's status."""

    attempts: int = 0
    failures: int = 0  # in a row
    reason: str = ""
    last_success: float = 0.0  # seconds since the epoch


class Poller:
    """Polls one sensor for one or more targets, which may change while it runs.

    Parameters
    ----------
    spec
        What is read, and how often.
    reader
        Reads the sensor.
    observe
        Told of every attempt.
    """

    def __init__(
        self, spec: SensorSpec, reader: Reader, store: SampleStore, *, targets: frozenset[Target], observe: Observe
    ) -> None:
        self.spec, self.state = spec, PollerState()
        self._store, self._observe = store, observe
        self.reader = reader
        self._last: Sample | None = None
        self._targets: frozenset[Target] = frozenset()
        self.retarget(targets)

    @property
    def targets(self) -> frozenset[Target]:
        """Where the readings go."""
        return self._targets

    def retarget(self, targets: frozenset[Target]) -> None:
        """Deliver to these targets from now on; a new one has the last reading at once."""
        for target in targets - self._targets:
            if self._last is not None:
                self._store.put(target.node, target.metric, self._last)
            elif self._store.get(target.node, target.metric) is None:
                self._store.put(target.node, target.metric, self._waiting())
        self._targets = targets

    async def run(self, first_delay: float) -> None:
        """Poll for ever: first after `first_delay` seconds, then every interval, later after failures."""
        loop = asyncio.get_running_loop()
        due = loop.time() + first_delay
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += await self.poll()
            # a tick that was missed is skipped, not made up for; the phase stays
            if (late := loop.time() - due) > 0:
                due += math.ceil(late / self.spec.interval) * self.spec.interval

    async def poll(self) -> float:
        """Read once and return the seconds until the next time."""
        began = time.perf_counter()
        kind = ""
        try:
            reading = await self.reader.read()
            self._succeed(reading)
            delay = self.spec.interval
        except WaoError as error:
            kind = failure_kind(error)
            self._fail(str(error))
            delay = backoff(self.spec.interval, self.state.failures, refused=kind == "refused")
        except Exception as error:  # a plug-in's fault must not end the polling of its sensor
            _log.exception("the sensor of type %s at %s broke", self.spec.type, self.spec.endpoint)
            kind = "error"
            self._fail(f"{type(error).__name__}: {error}")
            delay = backoff(self.spec.interval, self.state.failures)
        self.state.attempts += 1
        self._observe(self.spec, time.perf_counter() - began, kind)
        return delay

    def _succeed(self, reading: Reading) -> None:
        if not math.isfinite(reading.value):
            raise ReadingError(f"the sensor's value {reading.value} is not a usable number")
        now = time.time()
        self._last = Sample(
            reading.value,
            sample_time(reading.time, now, self.spec.ttl),
            0.0,
            self.spec.ttl,
            SampleState.OK,
            "",
            self.spec.type,
        )
        self.state.failures, self.state.reason, self.state.last_success = 0, "", now
        for target in self._targets:
            self._store.put(target.node, target.metric, self._last)

    def _fail(self, reason: str) -> None:
        self.state.failures += 1
        self.state.reason = reason
        for target in self._targets:
            self._store.fail(target.node, target.metric, reason, ttl=self.spec.ttl)
        if self._targets:
            first = next(iter(self._targets))
            self._last = self._store.get(first.node, first.metric)

    def _waiting(self) -> Sample:
        return Sample(math.nan, 0.0, None, self.spec.ttl, SampleState.WAITING, "not read yet", self.spec.type)


class ReadingError(WaoCoreError):
    """A sensor answered with something that is no reading."""


def sample_time(stated: datetime | None, now: float, ttl: float) -> float:
    """Return when a reading was taken [s since the epoch]: as the sensor says, unless its clock is evidently wrong."""
    if stated is None or stated.tzinfo is None:
        return now
    taken = stated.timestamp()
    return min(taken, now) if now - ttl < taken < now + SKEW else now


def backoff(interval: float, failures: int, *, refused: bool = False) -> float:
    """Return the seconds to wait after so many failures in a row: doubled each time, with jitter, at most 5 minutes."""
    wait = min(MOST_BACKOFF, interval * 2.0 ** min(failures - 1, 10))
    if refused:
        wait = max(wait, REFUSED_BACKOFF)
    return wait * random.uniform(0.8, 1.2)


def failure_kind(error: Exception) -> str:
    """Return a short word for a failure, fit for a metric's label."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, RemoteError):
        if error.status_code in (401, 403):
            return "refused"
        return f"http_{error.status_code}" if error.status_code else "connection"
    return "reading"
