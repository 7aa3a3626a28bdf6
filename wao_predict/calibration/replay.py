"""Calibration on a recording: what a calibrator would have done, and what it would have gained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.calibration.calibrator import Calibrator, Event, Rules
from wao_predict.calibration.correction import Correction
from wao_predict.predictor import Predictor
from wao_predict.train.table import TrainingTable, load_table


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The result for one node.

    Attributes
    ----------
    rows
        Number of rows.
    residual
        Mean of measured minus predicted power, without a correction [W].
    error_before, error_after
        Mean absolute residual without a correction, and with those that were used at the time [W].
    correction
        The correction at the end.
    events
        What changed, in order of time.
    """

    node: str
    rows: int
    residual: float
    error_before: float
    error_after: float
    correction: Correction
    events: tuple[Event, ...]


def load_recording(predictor: Predictor, data: Path) -> TrainingTable:
    """Return a recording with the features of a model; its loads may be in another unit than percent.

    Raises
    ------
    UsageError, FeatureError
        The recording cannot be read, or lacks a feature of the model.
    """
    features = ["cpu_usage", *(name for name in predictor.features if name != "cpu_usage")]
    return load_table(data, features=features, any_load=True)


def replay(predictor: Predictor, table: TrainingTable, rules: Rules | None = None) -> list[Calibrated]:
    """Return the calibration of each node of a recording.

    Parameters
    ----------
    table
        As from `load_recording`, in the units of the model.
    """
    order = [table.features.index(name) for name in predictor.features]
    predicted = predictor.predict_detailed(table.X[:, order]).watts
    time = np.full(len(table), np.nan) if table.time is None else table.time
    names = table.nodes or ("",) * len(table.recordings())
    by_node: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]] = {}
    for name, rows in zip(names, table.recordings(), strict=True):
        by_node.setdefault(name or "server", []).append(rows)
    found = []
    for name, parts in sorted(by_node.items()):
        rows = np.concatenate(parts)
        rows = rows[np.argsort(time[rows], kind="stable")]
        found.append(_of_node(name, time[rows], predicted[rows], table.watts[rows], rules))
    return found


def _of_node(
    node: str, time: FloatArray, predicted: FloatArray, measured: FloatArray, rules: Rules | None
) -> Calibrated:
    calibrator = Calibrator(rules)
    events: list[Event] = []
    used = np.empty_like(predicted)
    for row in range(predicted.size):
        used[row] = calibrator.used.apply(predicted[row : row + 1])[0]
        at = float(time[row]) if np.isfinite(time[row]) else float(row)
        events += calibrator.add(at, float(predicted[row]), float(measured[row]))
    return Calibrated(
        node,
        predicted.size,
        float(np.mean(measured - predicted)),
        float(np.mean(np.abs(measured - predicted))),
        float(np.mean(np.abs(measured - used))),
        calibrator.used,
        tuple(events),
    )
