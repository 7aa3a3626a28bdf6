"""ONNX models written byte by byte, as an attacker would: the package `onnx` is needed for training only.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterable


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _tensor_type(name: str, dimensions: Iterable[int | str]) -> bytes:
    shape = b"".join(_bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size)) for size in dimensions)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, shape)))


def _model(nodes: bytes, initializers: bytes) -> bytes:
    graph = nodes + _bytes(2, "g") + initializers
    graph += _bytes(11, _tensor_type("x", ("n", 3))) + _bytes(12, _tensor_type("watts", ("n", 1)))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 17))


def with_data_in(location: str) -> bytes:
    """Return a model whose weights are in another file, so that its predictions are the content of that file."""
    outside = _bytes(13, _bytes(1, "location") + _bytes(2, location))
    weights = _number(1, 3) + _number(1, 1) + _number(2, 1) + _bytes(8, "w") + outside + _number(14, 1)
    return _model(
        _bytes(1, _bytes(1, "x") + _bytes(1, "w") + _bytes(2, "watts") + _bytes(4, "MatMul")), _bytes(5, weights)
    )


def with_a_tensor_of(values: int) -> bytes:
    """Return a small model that needs a huge tensor: a float for each of `values`."""
    shape = _number(1, 1) + _number(2, 7) + _bytes(8, "s") + _bytes(9, values.to_bytes(8, "little"))
    fill = _bytes(1, _bytes(1, "s") + _bytes(2, "huge") + _bytes(4, "ConstantOfShape"))
    total = _bytes(1, _bytes(1, "huge") + _bytes(2, "sum") + _bytes(4, "ReduceSum"))
    added = _bytes(1, _bytes(1, "x") + _bytes(1, "sum") + _bytes(2, "watts") + _bytes(4, "Add"))
    return _model(fill + total + added, _bytes(5, shape))


def with_metadata(model: bytes, name: str, value: str) -> bytes:
    """Return a model with one more pair of metadata."""
    return model + _bytes(14, _bytes(1, name) + _bytes(2, value))
