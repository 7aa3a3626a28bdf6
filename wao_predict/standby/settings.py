"""Settings of standby. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from wao_predict.errors import UsageError


@dataclass(frozen=True, slots=True)
class StandbySettings:
    """How much capacity stays free, and how often nodes may be switched.

    Attributes
    ----------
    spare_percent
        Free part of the running capacity, of each resource [%].
    spare_cores
        Free CPU [cores]. The larger of both amounts applies.
    reserve_largest
        Whether the capacity of the largest running node is kept free in addition, for its failure.
    hysteresis_percent
        Free part of the running capacity that must be left in addition after a stop, but causes no start [%].
    empty_seconds
        Time that a node must be empty before it is stopped [s].
    on_seconds, off_seconds
        Least time in operation before a stop, and least time off before a start [s]. A pod that waits does not wait
        for `off_seconds`.
    starts_at_once, stops_at_once
        Most nodes that start, and that stop, at the same time.
    starts_per_hour, stops_per_hour
        Most starts and stops within an hour.
    nodes_per_group, nodes_per_zone
        Least number of running nodes in each group and in each zone.

    Raises
    ------
    UsageError
        A value is out of its range.

    Examples
    --------
    >>> StandbySettings(spare_percent=120)
    Traceback (most recent call last):
    ...
    wao_predict.errors.UsageError: spare_percent is 120: give a number from 0 to 100
    """

    spare_percent: float = 10.0
    spare_cores: float = 16.0
    reserve_largest: bool = False
    hysteresis_percent: float = 2.0
    empty_seconds: float = 900.0
    on_seconds: float = 900.0
    off_seconds: float = 300.0
    starts_at_once: int = 10
    stops_at_once: int = 5
    starts_per_hour: int = 60
    stops_per_hour: int = 30
    nodes_per_group: int = 1
    nodes_per_zone: int = 1

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            most = 100.0 if item.name.endswith("_percent") else np.inf
            if not (0 <= value <= most and np.isfinite(value)):
                wanted = "from 0 to 100" if most == 100.0 else "of at least 0"
                raise UsageError(f"{item.name} is {value:g}: give a number {wanted}")
