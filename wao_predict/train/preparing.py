"""Preparation of measurements for training, as the options of `wao train` ask for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wao_predict.arrays import BoolArray
from wao_predict.errors import FeatureError, UsageError
from wao_predict.train.checks import BIG_STEP, check_table
from wao_predict.train.lag import MOST_ROWS, aligned_rows, estimate_lag
from wao_predict.train.table import TrainingTable

LoadUnit = Literal["percent", "fraction", "cores", "millicores"]
TempUnit = Literal["celsius", "fahrenheit", "kelvin"]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What to change in a table.

    Attributes
    ----------
    load_unit, cores
        Unit of cpu_usage; with cores or millicores, the number of cores of the server.
    temp_unit
        Unit of inlet_temp.
    lag
        Rows by which watts are behind the load; None: estimate it.
    drop_repeats, drop_outliers
        Leave out rows whose watts a BMC repeated after the load changed, and rows that the check of outliers finds.
    """

    load_unit: LoadUnit = "percent"
    cores: float | None = None
    temp_unit: TempUnit = "celsius"
    lag: int | None = None
    drop_repeats: bool = False
    drop_outliers: bool = False

    def __post_init__(self) -> None:
        in_cores = self.load_unit in ("cores", "millicores")
        if in_cores != (self.cores is not None):
            raise UsageError(
                "--cores is the number of cores of the server: give it with --load-unit cores or millicores"
            )
        if self.cores is not None and not 0 < self.cores <= 4096:
            raise UsageError(f"--cores {self.cores:g}: give the number of cores of the server")
        if self.lag is not None and abs(self.lag) > MOST_ROWS:
            raise UsageError(f"--lag {self.lag}: give at most {MOST_ROWS} rows")


def in_units(table: TrainingTable, how: Preparation) -> TrainingTable:
    """Return the table with load in percent and temperature in degC.

    Raises
    ------
    FeatureError
        A load is above 100 % then.
    """
    factor = {"percent": 1.0, "fraction": 100.0, "cores": 100.0, "millicores": 0.1}[how.load_unit] / (how.cores or 1.0)
    load = factor * table.column("cpu_usage")
    # a counter of CPU time may exceed its capacity by a little
    if load.max(initial=0.0) > 102.0 and how.load_unit != "percent":
        raise FeatureError(
            f"cpu_usage reaches {load.max():.4g} % with --load-unit {how.load_unit}"
            + (f" and {how.cores:g} cores" if how.cores else "")
            + ": correct the unit or the number of cores"
        )
    if how.load_unit != "percent":
        load = np.minimum(load, 100.0)
    table = table.with_column("cpu_usage", load)
    if "inlet_temp" in table.features and how.temp_unit != "celsius":
        given = table.column("inlet_temp")
        celsius = (given - 32.0) / 1.8 if how.temp_unit == "fahrenheit" else given - 273.15
        table = table.with_column("inlet_temp", celsius)
    return table


def prepared(table: TrainingTable, how: Preparation) -> TrainingTable:
    """Return the rows to train on: watts shifted to the load that caused them, without what is to be dropped.

    Parameters
    ----------
    table
        In units of the model, see `in_units`.
    """
    lag = estimated_lag(table) if how.lag is None else how.lag
    if lag:
        table = _aligned(table, lag)
    if how.drop_repeats:
        table = table.take(_current(table))
    if how.drop_outliers:
        rows = [row for finding in check_table(table) for row in finding.rows]
        keep = np.ones(len(table), dtype=bool)
        keep[rows] = False
        table = table.take(keep)
    if not len(table):
        raise FeatureError(f"{table.path}: no row is left to train on; drop less")
    return table


def estimated_lag(table: TrainingTable) -> int:
    """Return the delay of a table's watts [rows]."""
    return estimate_lag(table.column("cpu_usage"), table.watts, table.recordings())


def _aligned(table: TrainingTable, lag: int) -> TrainingTable:
    load, watts = aligned_rows(table.recordings(), lag)
    return replace(table.take(load), watts=table.watts[watts])


def _current(table: TrainingTable) -> BoolArray:
    """Return whether the watts of each row can belong to its load.

    They do not where they are the same as in the row before, although the load changed since they were new.
    """
    load = table.column("cpu_usage")
    keep = np.ones(len(table), dtype=bool)
    for rows in table.recordings():
        starts = np.concatenate([[0], np.flatnonzero(np.diff(table.watts[rows]) != 0) + 1])
        new = load[rows][np.repeat(starts, np.diff([*starts, rows.size]))]
        keep[rows] = np.abs(load[rows] - new) < BIG_STEP
    return keep
