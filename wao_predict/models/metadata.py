"""What an ONNX power model says about itself, read without onnxruntime.

A model file is a protobuf message (`ModelProto` of onnx.proto); its field 14 holds string pairs. Reading these
few bytes takes under a millisecond, loading onnxruntime takes a good part of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wao_predict.errors import ModelLoadError
from wao_predict.features import FEATURES, UNITS, FeatureRanges

PREFIX = "wao."
MAX_MODEL_BYTES = 256 * 1024 * 1024
_METADATA_PROPS, _GRAPH = 14, 7


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A power model's description of itself.

    Parameters
    ----------
    name
        The model's name, for example `edge_lenovo`.
    path
        The ONNX file; None before it is written.
    ranges
        The box of values it was trained on; a row outside is predicted at the nearest value inside.
    knots
        CPU usage [%] of the corners of its piecewise linear power curves, ascending; empty when it has no curves.
    support
        The box inside which the data's own source answers to changes, maybe smaller than `ranges`; None when unknown.
    metrics
        Error figures by name: MAE and RMSE in watts, MAPE in percent.
    """

    name: str
    path: Path | None = None
    ranges: FeatureRanges | None = None
    knots: tuple[float, ...] = ()
    support: FeatureRanges | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    license: str = ""
    created_with: str = ""

    def to_props(self) -> dict[str, str]:
        """Return the pairs to store in the model file; what is unknown is left out."""
        props = {
            "name": self.name,
            "features": ",".join(FEATURES),
            "units": ",".join(UNITS[name] for name in FEATURES),
            "ranges": _ranges_json(self.ranges),
            "knots": json.dumps([float(knot) for knot in self.knots]) if self.knots else "",
            "support": _ranges_json(self.support),
            "metrics": json.dumps(dict(self.metrics)) if self.metrics else "",
            "source": self.source,
            "license": self.license,
            "created_with": self.created_with,
        }
        return {PREFIX + key: value for key, value in props.items() if value}

    @classmethod
    def from_props(cls, props: Mapping[str, str], path: Path | None = None) -> ModelInfo:
        """Return the description in the pairs of a model file.

        Raises
        ------
        ModelLoadError
            A pair cannot be read, or the features are not those that the library predicts from.
        """
        own = {key.removeprefix(PREFIX): value for key, value in props.items() if key.startswith(PREFIX)}
        _check_features(own.get("features", ",".join(FEATURES)), path)
        try:
            return cls(
                name=own.get("name") or (path.stem if path else ""),
                path=path,
                ranges=_ranges(own.get("ranges")),
                knots=tuple(float(knot) for knot in json.loads(own.get("knots") or "[]")),
                support=_ranges(own.get("support")),
                metrics=dict(json.loads(own.get("metrics") or "{}")),
                source=own.get("source", ""),
                license=own.get("license", ""),
                created_with=own.get("created_with", ""),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ModelLoadError(f"{path or 'model'}: its metadata cannot be read ({error}); export it again") from None


def read_info(path: Path | str) -> ModelInfo:
    """Return what the ONNX file at `path` says about itself.

    Raises
    ------
    ModelLoadError
        The file is absent, is not an ONNX model, or its metadata do not fit.
    """
    path = Path(path)
    return ModelInfo.from_props(read_props(path), path)


def read_props(path: Path) -> dict[str, str]:
    """Return all metadata pairs of an ONNX file, of whichever writer."""
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise ModelLoadError(f"{path}: larger than {MAX_MODEL_BYTES:,} bytes, which is no power model")
        blob = path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path}: cannot be read ({error.strerror}); give the path of an .onnx file") from None
    try:
        fields = list(_fields(memoryview(blob)))
        pairs = [dict(_fields(value)) for number, value in fields if number == _METADATA_PROPS]
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


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield (field number, bytes) of a protobuf message; numbers are stepped over (encoding: protobuf.dev)."""
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


def _check_features(features: str, path: Path | None) -> None:
    if tuple(features.split(",")) != FEATURES:
        raise ModelLoadError(
            f"{path or 'model'}: predicts from {features}, not from {','.join(FEATURES)}; "
            "train it again on these columns in this order"
        )


def _ranges_json(ranges: FeatureRanges | None) -> str:
    return json.dumps({name: list(getattr(ranges, name)) for name in FEATURES}) if ranges else ""


def _ranges(text: str | None) -> FeatureRanges | None:
    if not text:
        return None
    pairs = json.loads(text)
    return FeatureRanges(**{name: (float(pairs[name][0]), float(pairs[name][1])) for name in FEATURES})
