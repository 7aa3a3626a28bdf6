"""What a table of measurements is checked for, one mistake at a time."""

from pathlib import Path

import numpy as np
import pytest

from wao_predict.arrays import FloatArray
from wao_predict.train.checks import (
    Finding,
    check_table,
    constant,
    coverage,
    lag,
    load_unit,
    mixed_servers,
    outliers,
    power_unit,
    repeated_watts,
    temperature_unit,
)
from wao_predict.train.table import TrainingTable

RANDOM = np.random.default_rng(0)
LOAD = np.clip(50 + np.cumsum(RANDOM.normal(0, 6, 600)) % 100 - 50, 0, 100)
WATTS = 100 + 1.5 * LOAD + RANDOM.normal(0, 1, 600)
ALL = [np.arange(600)]


def said(finding: Finding | None) -> str:
    return "" if finding is None else ("error: " if finding.fatal else "warning: ") + finding.text


def of(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("load", "watts", "expected"),
    [
        (of(0.02, 0.5, 1.0), of(100, 150, 200), "error: cpu_usage is at most 1: if it is from 0 to 1"),
        (of(0, 1, 1), of(100, 101, 100), ""),  # an idle server, in whole percent
        (of(0, 150, 3200), of(100, 150, 200), "error: cpu_usage reaches 3200, more than 100 %"),
        (
            of(0, 12.5, 31.9),
            of(100, 180, 260),
            "warning: cpu_usage is at most 31.9 %, but power varies by a factor of 2.6",
        ),
        (of(0, 12.5, 31.9), of(100, 120, 140), ""),
        (of(0, 50, 100), of(100, 200, 300), ""),
        (of(0, 50, 100.2), of(100, 200, 300), ""),  # rounding
    ],
)
def test_the_unit_of_the_load(load: FloatArray, watts: FloatArray, expected: str) -> None:
    assert said(load_unit(load, watts)).startswith(expected) or expected == ""
    assert (load_unit(load, watts) is None) == (expected == "")


@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        (
            of(0.1, 0.29),
            "error: watts are at most 0.29, which is no power of a server: if they are kilowatts, multiply",
        ),
        (of(1e5, 3e5), "error: watts are at most 3e+05, which is no power of a server: if they are milliwatts, "),
        (of(2.5, 6.4), ""),  # a single-board computer
        (of(4000, 14300), ""),  # eight accelerators
    ],
)
def test_the_unit_of_the_power(watts: FloatArray, expected: str) -> None:
    assert said(power_unit(watts)).startswith(expected)
    assert (power_unit(watts) is None) == (expected == "")


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (
            of(68, 72, 80),
            "error: inlet_temp is around 72: this looks like degrees Fahrenheit; give --temp-unit fahrenheit",
        ),
        (of(293, 295, 300), "error: inlet_temp is around 295: this looks like kelvin; give --temp-unit kelvin"),
        (of(20, 22, 71), "warning: inlet_temp is above 60 degC in 1 row (from 0: 2): this is no inlet"),
        (of(20, 65, 71), "error: inlet_temp is above 60 degC in 2 rows (from 0: 1, 2)"),
        (of(18, 22, 45), ""),
    ],
)
def test_the_unit_of_the_temperature(temperature: FloatArray, expected: str) -> None:
    assert said(temperature_unit(temperature)).startswith(expected)
    assert (temperature_unit(temperature) is None) == (expected == "")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("cpu_usage", of(5, 5, 5), "error: cpu_usage is 5 % in all rows: there is no curve to learn"),
        ("inlet_temp", of(22, 22), "warning: inlet_temp is 22 degC in all rows: the model does not learn its effect"),
        ("fan_speed", of(0, 0), "warning: fan_speed is 0 in all rows"),
        ("inlet_temp", of(22, 23), ""),
    ],
)
def test_a_column_that_never_changes(name: str, values: FloatArray, expected: str) -> None:
    assert said(constant(name, values)).startswith(expected)
    assert (constant(name, values) is None) == (expected == "")


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (np.linspace(0, 100, 11), "warning: 11 rows are few for a model"),
        (np.linspace(0, 100, 500), ""),
        (np.linspace(0, 78, 500), "warning: fewer than 10 rows at 80-90, 90-100 % CPU"),
        (np.concatenate([np.linspace(0, 100, 90), np.zeros(500)]), "warning: fewer than 10 rows at 10-20, 20-30"),
        (np.tile([0.0, 50.0, 100.0], 20), ""),  # a grid may have gaps between its planes
        (np.tile([0.0, 50.0], 20 * 2), "warning: there are no rows above 50 % CPU"),
    ],
)
def test_bands_of_load_with_too_few_rows(load: FloatArray, expected: str) -> None:
    assert said(coverage(load)).startswith(expected)
    assert (coverage(load) is None) == (expected == "")


def test_outliers_are_named_by_their_rows() -> None:
    watts = WATTS.copy()
    watts[[17, 400]] = 700.0, 3.0
    finding = outliers(LOAD, watts)
    assert finding is not None
    assert finding.rows == (17, 400)
    assert outliers(LOAD, WATTS) is None


def test_a_step_of_power_between_loads_is_no_outlier() -> None:
    assert outliers(LOAD, np.where(LOAD < 30, 100.0, 300.0)) is None


def test_watts_that_a_bmc_repeats() -> None:
    cached = np.repeat(WATTS[::6], 6)
    assert "in runs of 6 rows: the BMC probably caches" in said(repeated_watts(LOAD, cached, ALL))
    assert repeated_watts(LOAD, WATTS, ALL) is None


def test_whole_watts_of_a_quiet_server_are_no_cache() -> None:
    idle = 1 + np.random.default_rng(1).normal(0, 0.2, 600)
    assert repeated_watts(idle, np.round(100 + idle, -1), ALL) is None


def test_a_lag_is_found_and_will_be_compensated() -> None:
    text = said(lag(LOAD, np.roll(WATTS, 4), ALL))
    assert text.startswith("warning: watts follow the load best 4 rows after it: they are shifted by this")
    assert lag(LOAD, WATTS, ALL) is None


def test_recordings_of_different_server_types_are_told_apart() -> None:
    halves = [np.arange(300), np.arange(300, 600)]
    watts = WATTS * np.where(np.arange(600) < 300, 1.0, 1.4)
    assert said(mixed_servers(LOAD, watts, halves)).startswith("warning: the 2 recordings differ by")
    assert mixed_servers(LOAD, WATTS, halves) is None
    assert mixed_servers(LOAD, watts, ALL) is None


def test_all_checks_of_a_table_run_and_fatal_findings_come_first() -> None:
    X = np.column_stack([LOAD / 100, np.full(600, 21.0)])
    table = TrainingTable(Path("t.csv"), X, np.roll(WATTS, 3), features=("cpu_usage", "inlet_temp"))
    found = check_table(table)
    assert [finding.check for finding in found] == ["load unit", "constant", "lag"]
    assert [finding.fatal for finding in found] == [True, False, False]
    late = TrainingTable(Path("t.csv"), LOAD[:, None], np.roll(WATTS, 3), features=("cpu_usage",))
    assert "outliers" not in [finding.check for finding in check_table(late)]
    good = TrainingTable(Path("t.csv"), LOAD[:, None], WATTS, features=("cpu_usage",))
    assert [] == [finding for finding in check_table(good) if finding.check != "coverage"]
