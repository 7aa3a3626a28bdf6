"""One poller: reads one sensor periodically and puts the value, or the reason of a failure, into the store."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.status import ChosenSensor
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.errors import WaoCoreError
from wao_core.tracing import span
from wao_predict.backoff import Backoff
from wao_predict.errors import RemoteError, WaoError, summary
from wao_predict.sensors.base import Reading

MOST_BACKOFF = 300.0
"""Longest wait after failures [s]."""
REFUSED_BACKOFF = 60.0
"""Shortest wait after a refused password, so that no account is locked [s]."""
MINIMUM_DELAY = 1.0
"""Shortest wait that a server can ask for with Retry-After [s]."""
SKEW = 5.0
"""Tolerated lead of a sensor's clock [s]."""


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
        """Release the connection: the sensor is not read any more."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to read a sensor.

    Parameters
    ----------
    spec
        The sensor.
    node
        The node that gets the reading, empty where several nodes share it.
    seconds
        Duration [s].
    failure
        The kind of failure, empty for none.
    """

    spec: SensorSpec
    node: str
    seconds: float
    failure: str = ""


Observe = Callable[[Attempt], None]


@dataclass(slots=True)
class PollerState:
    """The state of a poller, for the status of the NodeConfig."""

    attempts: int = 0
    failures: int = 0  # in a row
    reason: str = ""


class Poller:
    """Polls one sensor for one or more targets, which may change while it runs.

    Parameters
    ----------
    spec
        The sensor, and how often it is read.
    reader
        Reads the sensor.
    observe
        Called after every attempt.
    """

    def __init__(
        self, spec: SensorSpec, reader: Reader, store: SampleStore, *, targets: frozenset[Target], observe: Observe
    ) -> None:
        self.spec, self.state = spec, PollerState()
        self._store, self._observe = store, observe
        self.reader = reader
        self._backoff = Backoff(initial=1.2 * spec.interval, maximum=1.2 * MOST_BACKOFF)
        self._last: Sample | None = None
        self._targets: frozenset[Target] = frozenset()
        self.retarget(targets)

    @property
    def targets(self) -> frozenset[Target]:
        """The nodes and metrics that get the readings."""
        return self._targets

    def retarget(self, targets: frozenset[Target]) -> None:
        """Deliver to these targets from now on; new ones get the last reading at once."""
        for target in targets - self._targets:
            if self._last is not None:
                self._store.put(target.node, target.metric, self._last)
            elif self._store.get(target.node, target.metric) is None:
                self._store.put(target.node, target.metric, self._waiting())
        self._targets = targets

    async def run(self, first_delay: float) -> None:
        """Poll until cancelled: first after `first_delay` seconds, then every interval, later after failures."""
        loop = asyncio.get_running_loop()
        due = loop.time() + first_delay
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += await self.poll()
            # a missed poll is skipped; the phase stays the same
            if (late := loop.time() - due) > 0:
                due += math.ceil(late / self.spec.interval) * self.spec.interval

    async def poll(self) -> float:
        """Read once and return the seconds until the next time."""
        with span("read sensor") as current:
            delay, kind = await self._poll()
            if current:
                current.set(wao_metric=self.spec.metric, wao_sensor_type=self.spec.endpoint.type, wao_node=self._node())
            if kind:
                current.fail(kind)
        return delay

    async def _poll(self) -> tuple[float, str]:
        """Read once; return the seconds until the next time, and the kind of failure or an empty string."""
        began = time.perf_counter()
        kind = ""
        try:
            reading = await self.reader.read()
            self._succeed(reading)
            delay = self.spec.interval
        except WaoError as error:
            kind = failure_kind(error)
            self._fail(summary(error))
            if self.state.failures == 1:
                _log.warning("%s is not read from %s: %s", self._subject(), self.spec.endpoint.label, error)
            delay = self._delay_after(error, kind)
        except Exception as error:  # a fault of a plug-in must not end the polling
            _log.exception("%s is not read from %s", self._subject(), self.spec.endpoint.label)
            kind = "error"
            self._fail(f"the sensor failed with {type(error).__name__}; the log of the server has the details")
            delay = self._backoff.next()
        self.state.attempts += 1
        self._observe(Attempt(self.spec, self._node(), time.perf_counter() - began, kind))
        return delay, kind

    def _delay_after(self, error: WaoError, kind: str) -> float:
        """Return the seconds until the next attempt: the server's own wish, if it has one."""
        wait = self._backoff.next()
        wish = error.retry_after if isinstance(error, RemoteError) else None
        if wish is not None:
            return min(max(wish, MINIMUM_DELAY), MOST_BACKOFF)
        return max(wait, REFUSED_BACKOFF if kind == "refused" else 0.0)

    def _node(self) -> str:
        """Return the name of the only node that gets the readings, empty for several."""
        names = {target.node for target in self._targets}
        return next(iter(names)) if len(names) == 1 else ""

    def _subject(self) -> str:
        """Return the nodes and the metric for a line of the log."""
        names = sorted({target.node for target in self._targets})
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"node {', '.join(names[:3])}{more}: {self.spec.metric}"

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
            self.spec.endpoint.type,
        )
        if self.state.failures:
            failures, label = self.state.failures, self.spec.endpoint.label
            _log.info("%s is read from %s again, after %d failed attempts", self._subject(), label, failures)
        self.state.failures, self.state.reason = 0, ""
        self._backoff.reset()
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
        return Sample(math.nan, 0.0, None, self.spec.ttl, SampleState.WAITING, "not read yet", self.spec.endpoint.type)


class ReadingError(WaoCoreError):
    """The answer of a sensor is not a reading."""


def sample_time(stated: datetime | None, now: float, ttl: float) -> float:
    """Return the time of a reading [s since the epoch]: the sensor's own, unless its clock is evidently wrong."""
    if stated is None or stated.tzinfo is None:
        return now
    taken = stated.timestamp()
    return min(taken, now) if now - ttl < taken < now + SKEW else now


def failure_kind(error: Exception) -> str:
    """Return a short word for a failure, for the label of a metric."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, RemoteError):
        if error.status_code in (401, 403):
            return "refused"
        return f"http_{error.status_code}" if error.status_code else "connection"
    return "reading"
