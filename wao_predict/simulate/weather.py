"""A day of weather as conditions of a simulation, with set points that stay or that follow the weather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wao_predict.cooling.groups import EVERY_OTHER, Cooling, Plant
from wao_predict.cooling.servers import server_table
from wao_predict.cooling.set_points import Limits, Recommendation, optimize
from wao_predict.cooling.site import Site
from wao_predict.fleet_table import FleetColumns
from wao_predict.simulate.run import Conditions


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather from a time [s] on: outdoor temperature [degC] and relative humidity [%]."""

    at: float
    outdoor_temp: float
    outdoor_humidity: float = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Hour:
    """The conditions from a time on, and the recommendation that led to them, None where set points stay."""

    conditions: Conditions
    recommendation: Recommendation | None


def follow_weather(
    columns: FleetColumns, plant: Plant, weather: Sequence[Weather], *, load: float = 0.5, limits: Limits | None = None
) -> list[Hour]:
    """Return the conditions of each weather in turn, for one plant that cools all nodes.

    Parameters
    ----------
    columns
        The nodes, with inlet temperatures and pressures at the present set points.
    plant
        The plant with its present set points.
    weather
        Weather, ascending in time.
    load
        Load for which set points are chosen, as a fraction of the CPU of each node.
    limits
        Limits of set points that are chosen for each weather; ramps are from one weather to the next. Without limits,
        the present set points stay.

    Raises
    ------
    UsageError
        The plant has no set points, or its power is unknown in a weather.
    """
    servers = server_table(columns.with_usage(load * columns.capacity_cores), plant)
    points = {point.name: float(plant.state.value(point)) for point in plant.model.set_points}
    hours = []
    for now in weather:
        state = replace(plant.state, outdoor_temp=now.outdoor_temp, outdoor_humidity=now.outdoor_humidity)
        site = Site(replace(plant, state=state), servers)
        found = None
        if limits is not None:
            found = optimize(site, limits, start=points)
            points = dict(found.recommended)
        curves = columns.at(*site.change_at(points)).fleet().curves
        cooled = replace(plant, state=state.with_set_points(points))
        hours.append(Hour(Conditions(now.at, curves, Cooling({EVERY_OTHER: cooled})), found))
    return hours
