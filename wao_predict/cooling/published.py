"""The published model of the plant of the WAO project's edge site, and other trained plants: ONNX files.

The included file was trained on outputs of the published model, see NOTICE and `examples/data/power/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.backends.onnx import OnnxBackend
from wao_predict.cooling.air import SupplyAir, pressure_ratio
from wao_predict.cooling.plant import FAN, WATER, PlantState, SetPoint
from wao_predict.errors import ModelLoadError, UsageError

INCLUDED = Path(__file__).parent / "hvac.onnx"
FEATURES = (
    WATER,
    FAN,
    "outdoor_humidity",
    "outdoor_temp",
    "server_watts",
    "supply_air_temp",
    "plant_pressure",
)
"""Features of a trained plant: degC, rpm, %, degC, W, degC, Pa."""

PUBLISHED_AIR = SupplyAir(15.1, 0.68, 0.0002, 20_000.0, 1400.0)
"""Supply air of the included plant. Its model is not published: the first two numbers join the ends of the published
ranges of chilled water and supply air, and the third one is an assumption. Replace them by a fit to your plant."""


class PlantBackend(OnnxBackend):
    """An ONNX model with one input of `FEATURES`, (n_samples, 7), and watts of the plant as its output.

    Raises
    ------
    ModelLoadError
        The file cannot be read, has other features, or does not state its ranges.
    """

    default_features = FEATURES

    @staticmethod
    def check_features(names: Sequence[str]) -> tuple[str, ...]:
        """Return the features of a plant."""
        if tuple(names) != FEATURES:
            raise UsageError(f"{', '.join(names)[:200]} instead of {', '.join(FEATURES)}")
        return FEATURES

    def _load(self, model: bytes) -> None:
        super()._load(model)
        if self.ranges is None:
            raise ModelLoadError(f"{self.path}: a plant's model needs its ranges in its metadata; train it again")

    @property
    def rmse(self) -> float | None:
        """Error of the model [W]: held-out error and the error of its source together, None if not stated."""
        try:
            metrics = json.loads(self.metadata.get("wao.metrics") or "{}")
            parts = [float(metrics[name]["rmse"]) for name in ("held_out", "source") if name in metrics]
        except (ValueError, TypeError, LookupError):
            return None
        return float(np.sqrt(np.square(parts).sum())) if parts else None


@lru_cache(maxsize=16)
def _backend_of(path: Path, changed: int) -> PlantBackend:
    """Return the model in a file; files that did not change are loaded once, as plants are made for each snapshot."""
    return PlantBackend(path)


@dataclass(frozen=True, eq=False)
class TrainedPlant:
    """A plant whose power a trained model predicts.

    Server power outside its trained range continues along the mean slope within the range, but below the range it is at
    least in proportion to the server power: a plant that cools something uses something. Other values outside theirs
    have the power at the nearest trained value. The pressure of the plant follows the fan speed, as in a real plant: a
    square law through both ends of their ranges.

    Parameters
    ----------
    path
        ONNX file; default: the included model.
    units
        Number of such plants that share the servers' heat equally, for a site that is larger or smaller.
    air
        Supply air temperature of one plant.

    Raises
    ------
    ModelLoadError
        The file cannot be read.
    MissingExtra
        onnxruntime is not installed.

    Examples
    --------
    >>> plant = TrainedPlant()
    >>> state = PlantState(25.0, 65.0, {WATER: 16.0, FAN: 1400.0})
    >>> bool(2_000 < plant.watts(20_000.0, state) < 12_000)
    True
    """

    path: Path = INCLUDED
    units: float = 1.0
    air: SupplyAir = PUBLISHED_AIR
    _backend: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.units <= 10_000:
            raise UsageError(f"units {self.units:g}: give the number of such plants, above 0")
        try:
            changed = self.path.stat().st_mtime_ns
        except OSError:
            changed = 0
        object.__setattr__(self, "_backend", _backend_of(self.path, changed))

    @property
    def set_points(self) -> tuple[SetPoint, ...]:
        """Temperature of the chilled water, and speed of the fans."""
        (water_low, water_high), (fan_low, fan_high) = (self._backend.ranges[name] for name in (WATER, FAN))
        return (
            SetPoint(WATER, "degC", np.floor(water_low), np.ceil(water_high), 1.0, 16.0),
            SetPoint(FAN, "rpm", 10 * np.floor(fan_low / 10), 10 * np.ceil(fan_high / 10), 10.0, 1400.0),
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """It needs the weather."""
        return ("outdoor_temp", "outdoor_humidity")

    @property
    def server_range(self) -> tuple[float, float]:
        """Power of all servers for which the model was trained [W], from and to."""
        low, high = self._backend.ranges["server_watts"]
        return self.units * low, self.units * high

    @property
    def error_watts(self) -> float | None:
        """Error of all plants together [W], as if their errors were equal."""
        return None if self._backend.rmse is None else self.units * self._backend.rmse

    def watts(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the power of the plant [W]."""
        load = np.asarray(server_watts, dtype=np.float64) / self.units
        low, high = self._backend.ranges["server_watts"]
        watts = self._inside(np.clip(load, low, high), state)
        beyond = load - np.clip(load, low, high)
        if (beyond != 0).any():
            first, last = (self._inside(np.full_like(load, end), state) for end in (low, high))
            in_proportion = first * np.clip(load, 0.0, low) / low
            watts = np.maximum(watts + beyond * np.maximum(last - first, 0.0) / (high - low), in_proportion)
        return self.units * watts

    def _inside(self, load: FloatArray, state: PlantState) -> FloatArray:
        """Return the power of one plant [W] for server power within the trained range."""
        water, fan = (state.value(point) for point in self.set_points)
        columns = np.broadcast_arrays(
            water,
            fan,
            np.asarray(state.outdoor_humidity, dtype=np.float64),
            np.asarray(state.outdoor_temp, dtype=np.float64),
            load,
            self.air.temp(water, fan, load),
            self._pressure(fan),
        )
        X = np.stack(columns, axis=-1).reshape(-1, len(FEATURES))
        known = np.isfinite(X).all(axis=1)
        watts = np.full(len(X), np.nan)
        if known.any():
            # a negative value is off the region of the plant; what it uses there is unknown, but not a gain
            watts[known] = np.maximum(self._backend.predict(self._backend.ranges.clip(X[known])), 0.0)
        return watts.reshape(columns[0].shape)

    def _pressure(self, fan: FloatArray) -> FloatArray:
        (slow, fast), (low, high) = (self._backend.ranges[name] for name in (FAN, "plant_pressure"))
        result: FloatArray = low + (high - low) * (fan**2 - slow**2) / (fast**2 - slow**2)
        return result

    def supply_air_temp(self, server_watts: ArrayLike, state: PlantState) -> FloatArray:
        """Return the temperature of the air that the plant supplies [degC]."""
        water, fan = (state.value(point) for point in self.set_points)
        return self.air.temp(water, fan, np.asarray(server_watts, dtype=np.float64) / self.units)

    def pressure_ratio(self, state: PlantState, present: PlantState) -> FloatArray:
        """Return the static pressure relative to that at the present fan speed."""
        return pressure_ratio(*(given.value(self.set_points[1]) for given in (state, present)))
