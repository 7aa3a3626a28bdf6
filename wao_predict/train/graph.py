"""Conversion of a trained network to an ONNX graph: input X (N, 3), outputs watts (N,) and curve (N, k)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from wao_predict.train.network import CurveNetwork

OPSET, IR_VERSION = 17, 8
"""Supported by onnxruntime 1.13 and later."""


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


def network_graph(network: CurveNetwork) -> onnx.ModelProto:
    """Return an ONNX model that computes the same operations as `network`."""
    graph = _Graph()
    ramps = _ramps(graph, network)
    idle, rises = _parts(graph, network, ramps["readings"])
    axis = graph.constant("axis", 1, np.int64)
    graph.op("CumSum", [graph.op("Concat", [idle, rises], "steps", axis=1), axis], "curve")
    added = graph.op("Mul", [rises, ramps["cpu"]], "added")
    # a running sum adds in the same order for every row, so watts never fall, even by rounding; ReduceSum can
    sums = graph.op("CumSum", [graph.op("Concat", [idle, added], "terms", axis=1), axis], "sums")
    graph.op("Gather", [sums, graph.constant("last", len(network.rise_scale), np.int64)], "watts", axis=1)
    return _model(graph, len(network.rise_scale) + 1)


def _ramps(graph: _Graph, network: CurveNetwork) -> dict[str, str]:
    """Encode the CPU usage, and the two readings in one tensor, as ramps."""
    zero, one = graph.constant("zero", 0.0), graph.constant("one", 1.0)
    encoded = {}
    for name, parts in {
        "cpu": [(0, network.cpu_ramps)],
        "readings": [(1, network.temp_ramps), (2, network.pressure_ramps)],
    }.items():
        columns = np.concatenate([np.full(len(ramps.lower), column) for column, ramps in parts])
        lower = np.concatenate([_array(ramps.lower) for _, ramps in parts])
        slope = np.concatenate([_array(ramps.slope) for _, ramps in parts])
        picked = graph.op("Gather", ["X", graph.constant(f"{name}_column", columns, np.int64)], f"{name}_value", axis=1)
        above = graph.op("Sub", [picked, graph.constant(f"{name}_lower", lower)], f"{name}_above")
        scaled = graph.op("Mul", [above, graph.constant(f"{name}_slope", slope)], f"{name}_scaled")
        encoded[name] = graph.op("Clip", [scaled, zero, one], f"{name}_ramps")
    return encoded


def _parts(graph: _Graph, network: CurveNetwork, readings: str) -> tuple[str, str]:
    """Add the hidden layers, and return the names of idle watts (N, 1) and increases (N, k - 1)."""
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
    return idle, graph.op("Mul", [positive, rise_scale], "rises")


def _model(graph: _Graph, knots: int) -> onnx.ModelProto:
    made = helper.make_graph(
        graph.nodes,
        "power",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", 3])],
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
