"""The metadata of an ONNX power model, read without onnxruntime.

A model file is a protobuf message (`ModelProto` of onnx.proto), and its field 14 contains pairs of strings. Reading
them takes less than a millisecond, whereas loading onnxruntime takes most of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from wao_predict.errors import ModelLoadError, UsageError
from wao_predict.features import FEATURES, UNITS, FeatureRanges, checked_features
from wao_predict.intervals import Intervals

PREFIX = "wao."
MAX_MODEL_BYTES = 256 * 1024 * 1024
_METADATA_PROPS, _GRAPH = 14, 7
_MOST_FIELDS = 100_000  # of one message; a model has some dozens


@dataclass(frozen=True, slots=True, repr=False)
class ModelInfo:
    """The metadata of a power model.

    Parameters
    ----------
    name
        Name of the model, for example `edge_lenovo`.
    path
        Path of the ONNX file, None before it is written.
    features
        Names of the features, in the order of the model's input.
    ranges
        Range of values it was trained on. Rows outside are predicted at the nearest value inside.
    knots
        CPU loads [%] of the knots of its piecewise linear power curves, ascending; empty if it has no curves.
    support
        Range in which the source of the training data responds to changes, possibly smaller than `ranges`; None if
        unknown.
    metrics
        Errors by name: MAE and RMSE [W], MAPE [%].
    intervals
        Prediction intervals by load, from held-out rows; None if unknown.
    source, license, created_with
        Origin and license of the training data, and the program that wrote the file.
    """

    name: str
    path: Path | None = None
    features: tuple[str, ...] = FEATURES
    ranges: FeatureRanges | None = None
    knots: tuple[float, ...] = ()
    support: FeatureRanges | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    intervals: Intervals | None = field(default=None, compare=False)
    source: str = ""
    license: str = ""
    created_with: str = ""

    def __repr__(self) -> str:
        error = "" if self.held_out_mape is None else f", {self.held_out_mape:g} % MAPE on held-out rows"
        return f"ModelInfo({self.name!r}: {', '.join(self.features)}{error})"

    @property
    def held_out_mape(self) -> float | None:
        """Mean absolute error on held-out rows relative to the power [%], None if unknown."""
        try:
            return float(self.metrics["held_out"]["all"]["mape"])
        except (KeyError, TypeError, ValueError):
            return None

    def to_props(self) -> dict[str, str]:
        """Return the pairs to store in the model file, without unknown values."""
        props = {
            "name": self.name,
            "features": ",".join(self.features),
            "units": ",".join(UNITS.get(name, "") for name in self.features),
            "ranges": _ranges_json(self.ranges),
            "knots": json.dumps([float(knot) for knot in self.knots]) if self.knots else "",
            "support": _ranges_json(self.support),
            "metrics": json.dumps(dict(self.metrics)) if self.metrics else "",
            "intervals": "" if self.intervals is None else self.intervals.to_json(),
            "source": self.source,
            "license": self.license,
            "created_with": self.created_with,
        }
        return {PREFIX + key: value for key, value in props.items() if value}

    @classmethod
    def from_props(cls, props: Mapping[str, str], path: Path | None = None) -> ModelInfo:
        """Return the metadata in the pairs of a model file.

        Raises
        ------
        ModelLoadError
            A pair cannot be read, or the features cannot be those of a power model.
        """
        own = {key.removeprefix(PREFIX): value for key, value in props.items() if key.startswith(PREFIX)}
        try:
            features = checked_features(own["features"].split(",")) if "features" in own else FEATURES
            return cls(
                name=own.get("name") or (path.stem if path else ""),
                path=path,
                features=features,
                ranges=ranges_from_json(own.get("ranges"), features),
                knots=tuple(float(knot) for knot in json.loads(own.get("knots") or "[]")),
                support=ranges_from_json(own.get("support"), features),
                metrics=dict(json.loads(own.get("metrics") or "{}")),
                intervals=Intervals.from_json(own.get("intervals")),
                source=own.get("source", ""),
                license=own.get("license", ""),
                created_with=own.get("created_with", ""),
            )
        except (UsageError, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise ModelLoadError(f"{path or 'model'}: its metadata cannot be read ({error}); export it again") from None


def read_info(path: Path | str) -> ModelInfo:
    """Return the metadata of an ONNX file.

    Raises
    ------
    ModelLoadError
        The file cannot be read, is not an ONNX model, or has invalid metadata.
    """
    path = Path(path)
    return ModelInfo.from_props(read_props(path), path)


def read_props(path: Path) -> dict[str, str]:
    """Return all metadata pairs of an ONNX file, also those of other programs."""
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise ModelLoadError(f"{path}: larger than {MAX_MODEL_BYTES:,} bytes, which is no power model")
        blob = path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path}: cannot be read ({error.strerror}); give the path of an .onnx file") from None
    try:
        fields = _fields_of(memoryview(blob))
        pairs = [dict(_fields_of(value)) for number, value in fields if number == _METADATA_PROPS]
        props = {bytes(pair[1]).decode(): bytes(pair.get(2, b"")).decode() for pair in pairs}
    except (ValueError, KeyError, IndexError):
        raise ModelLoadError(
            f"{path}: not an ONNX model; make one with `wao train` or wao_predict.train.to_onnx"
        ) from None
    if not any(number == _GRAPH for number, _ in fields):
        raise ModelLoadError(
            f"{path}: an ONNX model without a graph; make one with `wao train` or wao_predict.train.to_onnx"
        )
    return props


def _fields_of(message: memoryview) -> list[tuple[int, memoryview]]:
    found = list(islice(_fields(message), _MOST_FIELDS + 1))
    if len(found) > _MOST_FIELDS:
        raise ValueError("too many fields")
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (field number, bytes) of a protobuf message; numbers are skipped (encoding: protobuf.dev)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            _, at = _varint(message, at)
        elif wire_type == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("cut off")
            yield number, message[at : at + size]
            at += size
        elif wire_type in (1, 5):
            at += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"wire type {wire_type}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("endless number")


def _ranges_json(ranges: FeatureRanges | None) -> str:
    return json.dumps({name: list(pair) for name, pair in ranges.items()}) if ranges else ""


def ranges_from_json(text: str | None, features: Sequence[str]) -> FeatureRanges | None:
    """Return the ranges in a model's metadata, in the order of its features; None without any.

    Raises
    ------
    ValueError
        The text is not a JSON object of feature to [low, high] with all features.
    """
    if not text:
        return None
    try:
        pairs = json.loads(text)
        return FeatureRanges(**{name: (float(pairs[name][0]), float(pairs[name][1])) for name in features})
    except (UsageError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
