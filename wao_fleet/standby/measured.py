"""What sleeping nodes save by the power that is measured: before they slept, and now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from wao_core.collector.metrics_feed import list_values
from wao_core.errors import WaoCoreError
from wao_core.kube.client import KubeClient
from wao_fleet.standby.progress import Phase, Progress

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two reads."""


class MeasuredPower:
    """Reads `power_watts` of all nodes once a minute; nodes without a power meter, and failures, give no values."""

    def __init__(self, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._due = 0.0
        self._problem = ""
        self._awake: dict[str, float] = {}
        self._asleep: dict[str, float] = {}

    async def refresh(self, progress: Mapping[str, Progress]) -> None:
        """Read the values if they are due, and take them for the nodes that run and for those that sleep."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY
        try:
            listed = await list_values(self._client, "power_watts")
        except WaoCoreError as error:
            if str(error) != self._problem:
                log.info("savings are not measured: %s", error)
            self._problem, self._asleep = str(error), {}
            return
        self._problem = ""
        phases = {name: held.phase for name, held in progress.items()}
        self._awake = {name: watts for name, watts in self._awake.items() if name in phases}
        self._awake |= {name: each.value for name, each in listed.items() if phases.get(name) is Phase.RUNNING}
        self._asleep = {name: each.value for name, each in listed.items() if phases.get(name) is Phase.ASLEEP}

    def saved(self, asleep: Iterable[str]) -> dict[str, float]:
        """Return the power before the sleep less the power now of each node where both were measured [W]."""
        known = [name for name in asleep if name in self._awake and name in self._asleep]
        return {name: self._awake[name] - self._asleep[name] for name in known}
