"""Curves of load as ONNX files, written without the package onnx.

An ONNX file is a protobuf message. The few messages that a curve needs are encoded here; the numbers of their fields
are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), the encoding is that of protobuf.dev.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.errors import UsageError
from wao_predict.files import write_file
from wao_predict.models.metadata import ModelInfo

if TYPE_CHECKING:
    from wao_predict.backends.power_curve import PowerCurveBackend

OPSET, IR_VERSION = 17, 8
"""Supported by onnxruntime 1.13 and later."""
_FLOAT, _DOUBLE = 1, 11
"""Values of TensorProto.DataType."""


def curve_to_onnx(curve: PowerCurveBackend, path: Path | str) -> ModelInfo:
    """Write a curve of load to an ONNX file, and return its description.

    The model has the input X of shape (N, 1), the CPU load [%], and the output watts of shape (N,). It computes in
    double precision: the results differ from `curve.predict` by the rounding of input and output to single precision.

    Parameters
    ----------
    curve
        The curve; see `PowerCurveBackend`.
    path
        File to write; an existing file is replaced atomically.

    Raises
    ------
    UsageError
        The curve has a fan assumption, or the file cannot be written.
    """
    path = Path(path)
    if curve.inlet_percent:
        raise UsageError(f"{curve.name}: a curve with a fan assumption cannot be exported; leave inletPercent out")
    card = ModelInfo(
        name=curve.name,
        path=path,
        features=curve.features,
        ranges=curve.ranges,
        knots=tuple(curve.knots.tolist()),
        source=curve.source,
        created_with=f"wao-predict {version('wao-predict')}",
    )
    write_file(path, _model(curve, card.to_props()))
    return card


def _model(curve: PowerCurveBackend, props: Mapping[str, str]) -> bytes:
    """Return a ModelProto: watts = idle + the rise of each segment times the part of it that the load has passed."""
    nodes = (
        _node("Cast", ("X",), "load", _integer("to", _DOUBLE)),
        _node("Sub", ("load", "starts"), "above"),
        _node("Div", ("above", "lengths"), "passed"),
        _node("Clip", ("passed", "zero", "one"), "parts"),
        _node("MatMul", ("parts", "rises"), "added"),
        _node("Add", ("added", "idle"), "sum"),
        _node("Cast", ("sum",), "watts", _integer("to", _FLOAT)),
    )
    constants = {
        "starts": curve.knots[:-1],
        "lengths": np.diff(curve.knots),
        "zero": 0.0,
        "one": 1.0,
        "rises": np.diff(curve.watts),
        "idle": curve.watts[0],
    }
    graph = b"".join(_message(1, node) for node in nodes) + _text(2, "power")
    graph += b"".join(_message(5, _tensor(name, values)) for name, values in constants.items())
    graph += _message(11, _value("X", ("N", 1))) + _message(12, _value("watts", ("N",)))
    opset = _text(1, "") + _number(2, OPSET)
    model = _number(1, IR_VERSION) + _text(2, "wao-predict") + _message(7, graph) + _message(8, opset)
    return model + b"".join(_message(14, _text(1, key) + _text(2, value)) for key, value in props.items())


def _node(kind: str, inputs: tuple[str, ...], output: str, attribute: bytes = b"") -> bytes:
    """Return a NodeProto."""
    node = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(3, output) + _text(4, kind)
    return node + (_message(5, attribute) if attribute else b"")


def _integer(name: str, value: int) -> bytes:
    """Return an AttributeProto of type INT."""
    return _text(1, name) + _number(3, value) + _number(20, 2)


def _tensor(name: str, values: ArrayLike) -> bytes:
    """Return a TensorProto of doubles."""
    array = np.asarray(values, dtype="<f8")
    shape = b"".join(_number(1, size) for size in array.shape)
    return shape + _number(2, _DOUBLE) + _text(8, name) + _message(9, array.tobytes())


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    """Return the ValueInfoProto of a tensor of floats; a text is the name of a free dimension."""
    sizes = (_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
    dimensions = b"".join(_message(1, size) for size in sizes)
    return _text(1, name) + _message(2, _message(1, _number(1, _FLOAT) + _message(2, dimensions)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
