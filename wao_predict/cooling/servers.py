"""Tables of server power over inlet temperature and pressure, from the models of a fleet."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.cooling.groups import Plant
from wao_predict.cooling.plant import AirModel
from wao_predict.cooling.site import ServerTable
from wao_predict.curves import PowerCurves
from wao_predict.errors import OutOfRangeWarning, UsageError
from wao_predict.fleet import Fleet, curves_of_models
from wao_predict.fleet_table import FleetColumns

MOST_CURVES = 20_000
"""Curves that are predicted for a table; the steps of a large fleet of different nodes are wider."""
MOST_CELLS = 1000
"""Cells of a table, fewer where the power of one takes long."""
QUICK_WORK = 2_000_000
"""Work for the exact placement of pods in one cell, see `Fleet.what_if`."""
RATIOS = 9


def watts_of_servers(fleet: Fleet) -> float:
    """Return the power of a fleet at its present load [W]."""
    return float(fleet.watts().sum())


def watts_with_pods(cores: float, count: int) -> Callable[[Fleet], float]:
    """Return the power of a fleet after the best placement of further pods [W]."""

    def watts(fleet: Fleet) -> float:
        answer = fleet.what_if(cores, count, exact_work=QUICK_WORK)
        return answer.watts_before + answer.total_increase

    return watts


def server_table(
    columns: FleetColumns,
    plant: Plant,
    watts: Callable[[Fleet], float] = watts_of_servers,
    *,
    most_cells: int = MOST_CELLS,
) -> ServerTable:
    """Return the power of a fleet over what the plant can change at its inlets.

    Parameters
    ----------
    columns
        The nodes that the plant cools.
    plant
        The plant in its present state.
    watts
        Returns the power of a fleet [W].
    most_cells
        Approximate number of cells; with fewer cells the steps of temperature and pressure are wider.

    Raises
    ------
    UsageError
        The plant has no set points, or a model needs a value that a node does not have.
    """
    if not isinstance(plant.model, AirModel) or not plant.model.set_points:
        raise UsageError(
            f"a plant of {type(plant.model).__name__} has no set points: use the type published or chiller"
        )
    kinds, index = _kinds(columns)
    shifts, ratios = _reach(columns, plant, plant.model)
    cells = min(most_cells, MOST_CURVES // max(len(kinds.names), 1))
    if cells < shifts.size * ratios.size / 4:  # pressure matters less than temperature
        ratios = np.unique([ratios[0], 1.0, ratios[-1]])
    fewer = max(1, int(np.ceil(shifts.size * ratios.size / max(cells, 1))))
    shifts = np.unique(np.append(shifts[::fewer], [0.0, shifts[-1]]))
    curves = _curves(kinds, shifts, ratios)
    table = np.empty((shifts.size, ratios.size))
    for row in range(shifts.size):
        for column in range(ratios.size):
            there = PowerCurves(curves.knots, curves.watts[row, column][index])
            table[row, column] = watts(
                Fleet(columns.names, there, columns.capacity_cores, columns.usage_cores, columns.groups)
            )
    known = columns.inlet_temp[np.isfinite(columns.inlet_temp)]
    return ServerTable(shifts, ratios, table, float(known.max()) if known.size else float("nan"))


class _Curves:
    """Curves of each kind of node in each cell, shape (shifts, ratios, kinds, knots)."""

    def __init__(self, knots: FloatArray, watts: FloatArray) -> None:
        self.knots, self.watts = knots, watts


def _curves(kinds: FleetColumns, shifts: FloatArray, ratios: FloatArray) -> _Curves:
    shape = (shifts.size, ratios.size, len(kinds.names))
    inlet = np.broadcast_to(kinds.inlet_temp + shifts[:, None, None], shape).reshape(-1)
    pressure = np.broadcast_to(kinds.delta_p * ratios[:, None], shape).reshape(-1)
    with warnings.catch_warnings():  # the search must look beyond the present; the limits are those of the plant
        warnings.simplefilter("ignore", OutOfRangeWarning)
        curves = curves_of_models(kinds.models * (shifts.size * ratios.size), inlet, pressure)
    return _Curves(curves.knots, curves.watts.reshape((*shape, curves.knots.size)))


def _kinds(columns: FleetColumns) -> tuple[FleetColumns, IntArray]:
    """Return one node of each kind, with the same model and conditions, and the kind of each node, shape (n,)."""
    keys = list(zip(columns.models, columns.inlet_temp.tolist(), columns.delta_p.tolist(), strict=True))
    texts = [repr(key) for key in keys]  # NaN differs from itself
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    order = {text: place for place, text in enumerate(first)}
    rows = list(first.values())
    return columns.rows(rows), np.array([order[text] for text in texts])


def _reach(columns: FleetColumns, plant: Plant, model: AirModel) -> tuple[FloatArray, FloatArray]:
    """Return the changes of inlet temperature and the ratios of pressure that set points can cause."""
    present = columns.fleet()
    watts = np.array([float(present.curves.watts[:, 0].sum()), float(present.curves.watts[:, -1].sum())])
    ends = np.meshgrid(*([point.low, point.high] for point in plant.model.set_points))
    corners = {point.name: end.reshape(-1, 1) for point, end in zip(plant.model.set_points, ends, strict=True)}
    state = plant.state.with_set_points(corners)
    now = float(model.supply_air_temp(float(present.watts().sum()), plant.state))
    change = model.supply_air_temp(watts, state) - now
    shifts = np.arange(np.floor(min(change.min(), 0.0)), np.ceil(max(change.max(), 0.0)) + 1.0)
    pressure = model.pressure_ratio(state, plant.state)
    low, high = min(float(pressure.min()), 1.0), max(float(pressure.max()), 1.0)
    return shifts, np.unique(np.append(np.linspace(low, high, RATIOS), 1.0))
