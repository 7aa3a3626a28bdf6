"""Checks of measurements before training: each finds one mistake, and says what to do. Pure.

A check returns a finding, or None. `check_table` runs all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.features import UNITS
from wao_predict.train.lag import aligned_rows, estimate_lag
from wao_predict.train.table import TrainingTable
from wao_predict.train.ticks import on_grid

BAND = 10
"""Width of a band of load [%]."""

LEAST_IN_BAND = 10
"""Least rows in each band of load for a curve that is not guessed."""

LEAST_ROWS = 50
"""Least rows of a table for a model of its own; a curve through points suits fewer."""

HOTTEST_INLET = 60.0
"""Air at the inlet of a server is never warmer [degC]."""

POSSIBLE_WATTS = (2.0, 50_000.0)
"""Highest power of a server over all loads [W]: below, watts are probably kilowatts; above, milliwatts."""

BIG_STEP = 5.0
"""Change of load [%] that changes the power of a server."""

LOAD_UNIT = "load unit"
"""Name of the check of the unit of the load."""

_LEAST_STEPS = 20
_FAR, _FAR_SHARE = 6.0, 0.1
_DIFFERENT = 0.15


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about a table.

    Attributes
    ----------
    check
        Name of the check.
    text
        What was found, and what to do.
    fatal
        Whether a model trained on the table would be useless.
    rows
        Numbers of the rows that it concerns, if it concerns single rows.
    """

    check: str
    text: str
    fatal: bool = False
    rows: tuple[int, ...] = ()


def check_table(table: TrainingTable) -> list[Finding]:
    """Return what all checks find, fatal findings first."""
    found = [finding for finding in _all(table) if finding is not None]
    return sorted(found, key=lambda finding: not finding.fatal)


def check_units(table: TrainingTable) -> list[Finding]:
    """Return what is found about the units of load, power and temperature."""
    temperature = temperature_unit(table.column("inlet_temp")) if "inlet_temp" in table.features else None
    found = (load_unit(table.column("cpu_usage"), table.watts), power_unit(table.watts), temperature)
    return [finding for finding in found if finding is not None]


def _all(table: TrainingTable) -> Iterator[Finding | None]:
    load, recordings = table.column("cpu_usage"), table.recordings()
    units = check_units(table)
    yield from units
    for name in table.features:
        yield constant(name, table.column(name))
    if not any(finding.fatal and finding.check == LOAD_UNIT for finding in units):
        yield coverage(load)
        # watts that are late look like outliers
        of_load, of_watts = aligned_rows(recordings, estimate_lag(load, table.watts, recordings))
        yield outliers(load[of_load], table.watts[of_watts], numbers=of_load)
    yield mixed_servers(load, table.watts, recordings)
    yield repeated_watts(load, table.watts, recordings)
    yield lag(load, table.watts, recordings)


def load_unit(load: FloatArray, watts: FloatArray) -> Finding | None:
    """Find loads that are a fraction or in cores instead of percent; shapes (n,)."""
    high = float(load.max(initial=0.0))
    whole = bool((load == np.round(load)).all())
    if 0 < high <= 1.5 and not whole:
        return Finding(
            LOAD_UNIT,
            f"cpu_usage is at most {high:.3g}: if it is from 0 to 1 instead of percent, give --load-unit fraction",
            fatal=True,
        )
    if high > 100.5:
        return Finding(
            LOAD_UNIT,
            f"cpu_usage reaches {high:.4g}, more than 100 %: if it is in cores or millicores, give --load-unit cores "
            "(or millicores) and --cores with the number of cores of the server",
            fatal=True,
        )
    if 1.5 < high < 65 and watts.max(initial=0.0) > 1.8 * watts.min(initial=np.inf):
        return Finding(
            LOAD_UNIT,
            f"cpu_usage is at most {high:.3g} %, but power varies by a factor of {watts.max() / watts.min():.2g}: if "
            "the load is in cores, give --load-unit cores and --cores; else measure up to full load",
        )
    return None


def power_unit(watts: FloatArray) -> Finding | None:
    """Find power in kilowatts or milliwatts; shape (n,)."""
    high = float(watts.max(initial=0.0))
    low_limit, high_limit = POSSIBLE_WATTS
    if not watts.size or low_limit <= high <= high_limit:
        return None
    factor, unit = (1000, "kilowatts") if high < low_limit else (0.001, "milliwatts")
    return Finding(
        "power unit",
        f"watts are at most {high:.4g}, which is no power of a server: if they are {unit}, multiply the column by "
        f"{factor:g}",
        fatal=True,
    )


def temperature_unit(inlet_temp: FloatArray) -> Finding | None:
    """Find temperatures in degrees Fahrenheit or kelvin, and those that no inlet has; shape (n,)."""
    middle = float(np.median(inlet_temp)) if inlet_temp.size else 0.0
    for low, high, unit, option in ((55, 140, "degrees Fahrenheit", "fahrenheit"), (250, 350, "kelvin", "kelvin")):
        if low <= middle <= high and (inlet_temp > 50).all():
            text = f"inlet_temp is around {middle:.0f}: this looks like {unit}; give --temp-unit {option}"
            return Finding("temperature unit", text, fatal=True)
    hot = np.flatnonzero(inlet_temp > HOTTEST_INLET)
    if hot.size:
        return Finding(
            "temperature",
            f"inlet_temp is above {HOTTEST_INLET:g} degC in {_rows(hot)}: this is no inlet (a processor or exhaust "
            "sensor?); choose another sensor, or give --drop-outliers to leave these rows out",
            fatal=hot.size > inlet_temp.size // 2,
            rows=tuple(hot.tolist()),
        )
    return None


def constant(name: str, values: FloatArray) -> Finding | None:
    """Find a feature with the same value in all rows; shape (n,)."""
    if values.size == 0 or np.ptp(values) > 0:
        return None
    value = f"{name} is {values[0]:g} {UNITS.get(name, '')}".rstrip() + " in all rows"
    if name == "cpu_usage":
        return Finding("constant", f"{value}: there is no curve to learn; measure at several loads", fatal=True)
    return Finding(
        "constant", f"{value}: the model does not learn its effect; leave it out with --features, or vary it"
    )


def coverage(load: FloatArray) -> Finding | None:
    """Find bands of load [%] with too few rows, shape (n,)."""
    if load.size < LEAST_ROWS:
        return Finding(
            "coverage",
            f"{load.size} rows are few for a model: give at least {LEAST_ROWS}, or use the points as a curve "
            '(load_predictor("points.csv") with the columns cpu_usage and watts)',
        )
    counts = np.bincount(np.clip(load // BAND, 0, 100 // BAND - 1).astype(np.int64), minlength=100 // BAND)
    if on_grid(load):
        if load.max() >= 100 - BAND:
            return None
        return Finding(
            "coverage",
            f"there are no rows above {load.max():g} % CPU: predictions there are guesses; measure at these loads "
            "(`wao record redfish --run-load`)",
        )
    thin = [f"{BAND * at}-{BAND * (at + 1)}" for at, count in enumerate(counts) if count < LEAST_IN_BAND]
    if not thin:
        return None
    return Finding(
        "coverage",
        f"fewer than {LEAST_IN_BAND} rows at {', '.join(thin)} % CPU: predictions there are guesses; measure at these "
        "loads (`wao record redfish --run-load`)",
    )


def outliers(load: FloatArray, watts: FloatArray, *, numbers: IntArray | None = None) -> Finding | None:
    """Find rows far from the other rows at a similar load; shapes (n,).

    Parameters
    ----------
    numbers
        Numbers of the rows to report; default: from 0.
    """
    rows = np.flatnonzero(_far(load, watts))
    if numbers is not None:
        rows = numbers[rows]
    if not rows.size:
        return None
    return Finding(
        "outliers",
        f"watts are far from other rows at the same load in {_rows(rows)}: check them, or give --drop-outliers",
        rows=tuple(rows.tolist()),
    )


def _far(load: FloatArray, watts: FloatArray) -> BoolArray:
    """Return whether each row is 6 robust standard deviations and 10 % from the median of its neighbours in load."""
    far = np.zeros(load.size, dtype=bool)
    if load.size < LEAST_ROWS:
        return far
    order = np.argsort(load, kind="stable")
    for part in np.array_split(order, max(1, load.size // LEAST_ROWS)):
        slope, offset = _line(load[part], watts[part])
        residual = watts[part] - (offset + slope * load[part])
        residual -= np.median(residual)
        spread = max(1.4826 * float(np.median(np.abs(residual))), 1e-9)
        far[part] = (np.abs(residual) > _FAR * spread) & (np.abs(residual) > _FAR_SHARE * watts[part])
    return far


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return slope and offset of a line through the medians of the lower and the upper half."""
    half = x.size // 2
    low, high = float(np.median(x[:half])), float(np.median(x[half:]))
    if high - low < 1e-9:
        return 0.0, float(np.median(y))
    slope = (float(np.median(y[half:])) - float(np.median(y[:half]))) / (high - low)
    return slope, float(np.median(y - slope * x))


def mixed_servers(load: FloatArray, watts: FloatArray, recordings: list[IntArray]) -> Finding | None:
    """Find recordings of servers with different power at the same load; see `repeated_watts` for the parameters."""
    if len(recordings) < 2:
        return None
    spreads = [_spread(load, watts, recordings, low) for low in range(0, 100, BAND)]
    known = [spread for spread in spreads if spread is not None]
    spread = float(np.median(known)) if known else 0.0
    if spread < _DIFFERENT:
        return None
    return Finding(
        "mixed servers",
        f"the {len(recordings)} recordings differ by {100 * spread:.0f} % in power at equal load: they are probably of "
        "different server types; train a model for each (--node)",
    )


def _spread(load: FloatArray, watts: FloatArray, recordings: list[IntArray], low: int) -> float | None:
    """Return how far the recordings' median watts differ in one band of load, relative to the lowest one.

    None if fewer than two recordings have enough rows there.
    """
    parts = [watts[rows][(load[rows] >= low) & (load[rows] < low + BAND)] for rows in recordings]
    middles = [float(np.median(part)) for part in parts if part.size >= LEAST_IN_BAND]
    return max(middles) / min(middles) - 1.0 if len(middles) > 1 else None


def repeated_watts(load: FloatArray, watts: FloatArray, recordings: list[IntArray]) -> Finding | None:
    """Find watts that stay exactly equal while the load changes, because a BMC or meter caches them.

    Parameters
    ----------
    load, watts
        Shapes (n,).
    recordings
        Row numbers of each recording, in order of time.
    """
    runs = [run for rows in recordings for run in _runs(watts[rows])]
    steps = np.concatenate([np.diff(load[rows]) for rows in recordings]) if recordings else np.empty(0)
    same = np.concatenate([np.diff(watts[rows]) == 0 for rows in recordings]) if recordings else np.empty(0, dtype=bool)
    big = np.abs(steps) >= BIG_STEP
    if np.count_nonzero(big) < _LEAST_STEPS or same[big].mean() < 0.4:
        return None
    length = int(np.median([run for run in runs if run > 1]))
    return Finding(
        "repeated watts",
        f"watts stay equal in {100 * same[big].mean():.0f} % of the steps of more than {BIG_STEP:g} % load, in runs of "
        f"{length} rows: the BMC probably caches its reading; record every {length} rows or less often, or give "
        "--drop-repeats",
    )


def _runs(values: FloatArray) -> list[int]:
    """Return the lengths of the runs of equal values."""
    ends = np.flatnonzero(np.diff(values) != 0)
    return np.diff(np.concatenate([[-1], ends, [values.size - 1]])).tolist() if values.size else []


def lag(load: FloatArray, watts: FloatArray, recordings: list[IntArray]) -> Finding | None:
    """Find a delay between load and watts; shapes (n,), with the row numbers of each recording in order of time."""
    rows = estimate_lag(load, watts, recordings)
    if rows == 0:
        return None
    direction = "after" if rows > 0 else "before"
    return Finding(
        "lag",
        f"watts follow the load best {abs(rows)} row{'s' if abs(rows) > 1 else ''} {direction} it: they are shifted by "
        f"this before training; give --lag 0 to keep the rows as they are",
    )


def _rows(rows: IntArray) -> str:
    shown = ", ".join(str(row) for row in rows[:5].tolist())
    return f"{rows.size} row{'s' if rows.size > 1 else ''} (from 0: {shown}{', ...' if rows.size > 5 else ''})"
