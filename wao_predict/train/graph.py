"""Conversion of a trained network to an ONNX graph: input X (N, n_features), outputs watts (N,) and curve (N, k)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from wao_predict.models.export import IR_VERSION, OPSET

if TYPE_CHECKING:
    from wao_predict.train.network import CurveNetwork, Ramps


class _Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: object, dtype: type = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def op(self, kind: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def whole(self, name: str, *values: Sequence[int]) -> list[str]:
        """Add constants of whole numbers, and return their names."""
        return [self.constant(f"{name}{number}", value, np.int64) for number, value in enumerate(values)]

    def ramps(self, name: str, parts: Sequence[tuple[int, Ramps]]) -> str:
        """Encode columns of X as ramps in one tensor, and return its name."""
        columns = np.concatenate([np.full(len(ramps.lower), column) for column, ramps in parts])
        lower = self.constant(f"{name}_lower", np.concatenate([_array(ramps.lower) for _, ramps in parts]))
        slope = self.constant(f"{name}_slope", np.concatenate([_array(ramps.slope) for _, ramps in parts]))
        column = self.constant(f"{name}_column", columns, np.int64)
        above = self.op("Sub", [self.op("Gather", ["X", column], f"{name}_value", axis=1), lower], f"{name}_above")
        zero, one = self.constant(f"{name}_zero", 0.0), self.constant(f"{name}_one", 1.0)
        return self.op("Clip", [self.op("Mul", [above, slope], f"{name}_scaled"), zero, one], f"{name}_ramps")


def network_graph(network: CurveNetwork, n_features: int) -> onnx.ModelProto:
    """Return an ONNX model that computes the same operations as `network`."""
    graph = _Graph()
    cpu = graph.ramps("cpu", [(0, network.cpu_ramps)])
    free = graph.ramps("readings", list(zip(network.free, network.free_ramps, strict=True)))
    idle, rises = _parts(graph, network, free)
    axis = graph.constant("axis", 1, np.int64)
    steps = graph.op("CumSum", [graph.op("Concat", [idle, rises], "steps", axis=1), axis], "running")
    knots, directed = len(network.rise_scale) - sum(network.steps) + 1, sum(network.steps)
    graph.op("Slice", [steps, *graph.whole("from", [directed], [directed + knots], [1])], "curve")
    added = graph.op("Mul", [rises, cpu], "added")
    # a running sum adds in the same order for every row, so watts never fall, even by rounding; ReduceSum can
    sums = graph.op("CumSum", [graph.op("Concat", [idle, added], "terms", axis=1), axis], "sums")
    graph.op("Gather", [sums, graph.constant("last", directed + knots - 1, np.int64)], "watts", axis=1)
    return _model(graph, n_features, knots)


def _parts(graph: _Graph, network: CurveNetwork, readings: str) -> tuple[str, str]:
    """Add the hidden layers, and return the names of watts at idle (N, 1 + d) and increases (N, k - 1)."""
    value = readings
    for number, layer in enumerate([network.body[0], network.body[2], network.head]):
        weight = graph.constant(f"weight{number}", _array(layer.weight))
        bias = graph.constant(f"bias{number}", _array(layer.bias))
        value = graph.op("Gemm", [value, weight, bias], f"layer{number}", transB=1)
        if layer is not network.head:  # SiLU: x * sigmoid(x)
            value = graph.op("Mul", [value, graph.op("Sigmoid", [value], f"gate{number}")], f"silu{number}")
    first = graph.constant("first", [0], np.int64)
    rest = graph.constant("rest", np.arange(1, len(network.rise_scale) + 1), np.int64)
    idle_scale, rise_scale = (graph.constant(n, _array(getattr(network, n))) for n in ("idle_scale", "rise_scale"))
    idle = graph.op("Mul", [graph.op("Gather", [value, first], "raw_idle", axis=1), idle_scale], "idle")
    positive = graph.op("Softplus", [graph.op("Gather", [value, rest], "raw_rises", axis=1)], "positive")
    rises = graph.op("Mul", [positive, rise_scale], "rises")
    return _directed(graph, network, idle, rises) if network.steps else (idle, rises)


def _directed(graph: _Graph, network: CurveNetwork, idle: str, rises: str) -> tuple[str, str]:
    """Split the increases, and append those of features with a direction to the watts at idle."""
    ramps = graph.ramps("directed", list(zip(network.directed, network.directed_ramps, strict=True)))
    signs = np.concatenate(
        [np.full(n, float(d)) for n, d in zip(network.steps, network.directions.values(), strict=True)]
    )
    offset = graph.constant("directed_offset", np.where(signs > 0, 0.0, 1.0))
    turned = graph.op("Mul", [ramps, graph.constant("directed_sign", signs)], "directed_turned")
    part = graph.op("Add", [turned, offset], "directed_part")
    count, total = len(signs), len(network.rise_scale)
    own = graph.op("Slice", [rises, *graph.whole("own", [0], [count], [1])], "directed_rises")
    cpu = graph.op("Slice", [rises, *graph.whole("cpu_rises", [count], [total], [1])], "cpu_rises")
    return graph.op("Concat", [idle, graph.op("Mul", [own, part], "directed_watts")], "base", axis=1), cpu


def _model(graph: _Graph, n_features: int, knots: int) -> onnx.ModelProto:
    made = helper.make_graph(
        graph.nodes,
        "power",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", n_features])],
        [
            helper.make_tensor_value_info("watts", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("curve", TensorProto.FLOAT, ["N", knots]),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "wao-predict"
    onnx.checker.check_model(model, full_check=True)
    return model


def _array(tensor: object) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().numpy(), dtype=np.float32)  # type: ignore[attr-defined]
