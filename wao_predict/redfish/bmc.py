"""Discover a BMC once for all of its sensors, and continue where an attempt was cut short.

BMCs can take seconds for one answer. So all sensors of a BMC share one discovery, which keeps the resources that it has
read: when its time is up, the next attempt continues. No I/O.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from wao_predict.flow import Flow
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.explorer import Bounds, Explorer
from wao_predict.redfish.poll import Quantity

SHARED_FOR = 30.0
"""Age up to which sensors use the result of another sensor's discovery [s]."""
PROVISIONAL_FOR = 600.0
"""Time after which a discovery with faults is repeated although it found a sensor [s]."""
STOPGAP_FOR = 3600.0
"""Time after which a discovery is repeated that found only a stopgap for the inlet's sensor [s]."""
ATTEMPT = Bounds(seconds=45.0)
"""Limits of one attempt; the next one continues it."""


class BmcDiscovery:
    """The discovery of one BMC and one System.

    Parameters
    ----------
    system
        The node's System where the BMC has several.
    bounds
        Limits of one attempt.
    clock
        Returns seconds of a monotonic clock.
    """

    def __init__(
        self, *, system: str | None = None, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.system = system
        self._bounds, self._clock = bounds or ATTEMPT, clock
        self._wanted: set[Quantity] = set()
        self._explorer: Explorer | None = None
        self._result: Discovery | None = None
        self._covered: frozenset[Quantity] = frozenset()
        self._began = self._ended = self._explored = 0.0
        self._running = False

    def want(self, quantity: Quantity) -> None:
        """Look for this quantity as well, from the next discovery on."""
        self._wanted.add(quantity)

    @property
    def running(self) -> bool:
        """Whether an attempt is under way."""
        return self._running

    def due(self, result: Discovery | None) -> bool:
        """Return whether a result that a sensor uses is provisional and old enough to be replaced."""
        if result is None or self._running or (result.transient is None and not result.has_stopgap):
            return False
        replaced = self._result is not None and self._result is not result
        lasts = STOPGAP_FOR if result.transient is None else PROVISIONAL_FOR
        return replaced or self._clock() - self._began > lasts

    def find(self, quantity: Quantity, *, outdated: Discovery | None = None) -> Flow[Discovery]:
        """Return what the BMC offers, from a recent discovery or from another attempt.

        Parameters
        ----------
        outdated
            A result that is known to be wrong by now.

        Raises
        ------
        RemoteError
            The BMC does not answer, refuses the credentials, or does not speak Redfish.
        """
        result = self._result
        if result is not None and result is not outdated and quantity in self._covered and self._is_recent(result):
            return result
        wanted = frozenset(self._wanted | {quantity})
        self._began = self._clock()
        explorer = self._continued() if outdated is None else self._new()
        self._running = True
        try:
            found = yield from discover(
                want_inlet="inlet_temp" in wanted,
                want_power="power_watts" in wanted,
                system=self.system,
                explorer=explorer,
            )
        finally:
            self._running = False
        if found.transient is None:
            self._explorer = None  # complete: the documents are not needed any more
        self._result, self._covered, self._ended = found, wanted, self._clock()
        return found

    def _continued(self) -> Explorer:
        """Return the explorer of the attempt before, unless its documents are old."""
        if self._explorer is None or self._clock() - self._explored > PROVISIONAL_FOR:
            return self._new()
        self._explorer.resume()
        return self._explorer

    def _new(self) -> Explorer:
        self._explorer, self._explored = Explorer(self._bounds, self._clock), self._clock()
        return self._explorer

    def _is_recent(self, result: Discovery) -> bool:
        return result.transient is None and self._clock() - self._ended < SHARED_FOR
