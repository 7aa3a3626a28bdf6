"""Cooling plants and prices in a server: read in the background, with a warning and a metric."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wao_core.aio import cancel
from wao_core.prediction.cooling_costs import CoolingCosts, PlantSource
from wao_core.serving.frame import ServerFrame


class CostCollector(Collector):
    """What a further watt costs by group of nodes, with cooling and prices."""

    def __init__(self, costs: CoolingCosts) -> None:
        self._costs = costs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the family; it has no series before the first snapshot."""
        family = GaugeMetricFamily(
            "wao_cost_factor",
            "What a further watt costs in a group of nodes, with cooling and the relative price.",
            labels=["group"],
        )
        for group, factor in self._costs.by_group.items():
            family.add_metric([group], factor)
        yield family


@asynccontextmanager
async def costing(source: PlantSource | None, frame: ServerFrame) -> AsyncIterator[CoolingCosts | None]:
    """Yield the plants of a server, None without a plant file; measured values are read in the background.

    Raises
    ------
    WaoPredictError
        The plant file cannot be read or used.
    """
    if source is None:
        yield None
        return
    costs = source.costs()
    frame.checks.add_warning("cooling", costs.problem)
    frame.registry.register(CostCollector(costs))
    await costs.read()
    reading = frame.tasks.supervise("cooling", costs.keep_reading)
    try:
        yield costs
    finally:
        await cancel(reading)
