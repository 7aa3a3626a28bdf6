"""How a model takes the features: from the V2 metadata of its server, and from what is stated. Pure.

The metadata inform, the server decides: metadata that do not fit the features are not an error, but they are quoted
when the server refuses a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wao_predict.backends.v2_options import MAX_ROWS, ModelOptions
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, feature_places

INPUT_NAME = "predict-prob"
"""The reference's input name, for servers that do not name their inputs."""
_FLOATS = ("FP64", "FP32", "FP16")


@dataclass(frozen=True, slots=True)
class InputTensor:
    """One input of a model.

    Parameters
    ----------
    name, datatype
        As in the request.
    features
        Positions of the features that it takes, among those of the model.
    dims
        Its shape, -1 for the number of rows.
    """

    name: str = INPUT_NAME
    datatype: str = "FP32"
    features: tuple[int, ...] = tuple(range(len(FEATURES)))
    dims: tuple[int, ...] = (-1, len(FEATURES))

    def shape(self, n_samples: int) -> list[int]:
        """Return the shape for a number of rows."""
        return [n_samples if size == -1 else size for size in self.dims]


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of a model and limits of its requests.

    Parameters
    ----------
    inputs
        One for all features, or one for each.
    rows
        Number of rows that every request must have, None for any up to `max_rows`.
    max_rows
        Most rows of one request.
    binary_output
        The output has a datatype that JSON cannot carry.
    doubt
        What does not fit in the metadata, for the message of a refusal.
    """

    inputs: tuple[InputTensor, ...] = (InputTensor(),)
    rows: int | None = None
    max_rows: int = MAX_ROWS
    binary_output: bool = False
    doubt: str = ""


def stated_signature(options: ModelOptions) -> Signature:
    """Return the signature of a model whose server does not describe it."""
    places = tuple(range(len(options.features)))
    name, datatype = options.input_name or INPUT_NAME, options.datatype or "FP32"
    tensor = InputTensor(name, datatype, places, (-1, len(places)))
    return Signature((tensor,), max_rows=options.max_batch_size or MAX_ROWS)


def signature_of(document: object, options: ModelOptions) -> Signature:
    """Return the signature in the answer to GET /v2/models/{name}; options take precedence over it."""
    known = document if isinstance(document, Mapping) else {}
    inputs, outputs = _tensors(known.get("inputs")), _tensors(known.get("outputs"))
    base = replace(stated_signature(options), binary_output=_is_half(outputs, options.output_name))
    if not inputs:
        return base
    if options.input_name is None and (columns := _columns(inputs, options)):
        return _limited(base, columns, options)
    chosen, doubt = _chosen(inputs, options)
    if chosen is None:
        return replace(base, doubt=doubt)
    name = str(chosen["name"])
    dims, of_shape = _dims(_shape(chosen), name, len(options.features))
    datatype, of_type = _datatype(chosen, options)
    doubts = "; ".join(filter(None, (doubt, of_shape, of_type)))
    tensor = InputTensor(name, datatype, base.inputs[0].features, dims)
    return _limited(replace(base, doubt=doubts), (tensor,), options)


def _limited(base: Signature, inputs: tuple[InputTensor, ...], options: ModelOptions) -> Signature:
    """Return the signature with its inputs; a fixed number of rows applies unless a batch size is stated."""
    if inputs[0].dims == (len(options.features),):  # one row without a dimension for rows
        return replace(base, inputs=inputs, rows=1)
    fixed = inputs[0].dims[0]
    if fixed == -1 or fixed > MAX_ROWS or options.max_batch_size is not None:
        any_number = tuple(replace(tensor, dims=(-1, *tensor.dims[1:])) for tensor in inputs)
        return replace(base, inputs=any_number)
    return replace(base, inputs=inputs, rows=fixed)


def _tensors(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping) and isinstance(item.get("name"), str) and item["name"]]


def _chosen(inputs: list[Mapping[str, Any]], options: ModelOptions) -> tuple[Mapping[str, Any] | None, str]:
    names = [str(item["name"]) for item in inputs]
    wanted = options.input_name or (names[0] if len(names) == 1 else INPUT_NAME)
    if wanted in names:
        return inputs[names.index(wanted)], ""
    listed = ", ".join(names)[:200]
    remedy = "correct the option inputName" if options.input_name else "name one with the option inputName"
    return None, f"the model has the input{'s' if len(names) > 1 else ''} {listed}: {remedy}"


def _columns(inputs: list[Mapping[str, Any]], options: ModelOptions) -> tuple[InputTensor, ...]:
    """Return one tensor per feature where the inputs are the columns of a table, else none."""
    try:
        places = feature_places([str(item["name"]) for item in inputs], options.features)
    except FeatureError:  # two names of one feature
        return ()
    if len(inputs) != len(options.features) or len(places) != len(options.features):
        return ()
    tensors = []
    for number, feature in enumerate(options.features):
        item = inputs[places[feature]]
        dims = _shape(item)
        dims = dims if dims in ((-1,), (-1, 1), (1,), (1, 1)) else (-1, 1)
        tensors.append(InputTensor(str(item["name"]), _datatype(item, options)[0], (number,), dims))
    same = all(tensor.dims[0] == tensors[0].dims[0] for tensor in tensors)
    return tuple(tensors) if same else ()


def _shape(item: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of a tensor, empty for none; OpenVINO Model Server writes its numbers as text."""
    shape = item.get("shape")
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        return ()
    try:
        return tuple(-1 if size is None else int(size) for size in shape)
    except (TypeError, ValueError, OverflowError):
        return ()


def _dims(shape: tuple[int, ...], name: str, count: int) -> tuple[tuple[int, ...], str]:
    """Return the shape for a number of features, and what does not fit."""
    if shape == (count,):
        return shape, ""
    if not shape or shape == (-1,):
        return (-1, count), ""
    *between, last = shape[1:] or (0,)
    if last in (count, -1) and all(size in (1, -1) for size in between) and (shape[0] == -1 or shape[0] > 0):
        return (shape[0], *(1 for _ in between), count), ""
    shown = ", ".join(map(str, shape))[:60]
    doubt = f"its input {name:.60} has the shape [{shown}], and WAO sends {count} features per row"
    return (-1, count), f"{doubt}: name those of the model with the option features"


def _datatype(item: Mapping[str, Any], options: ModelOptions) -> tuple[str, str]:
    """Return the datatype to send, and what does not fit."""
    if options.datatype is not None:
        return options.datatype, ""
    found = item.get("datatype")
    if not found or found in _FLOATS:
        return str(found or "FP32"), ""
    what = f"its input {item['name']:.60} has the datatype {found!s:.20}, which cannot carry fractions"
    return "FP32", f"{what}: set the option datatype"


def _is_half(outputs: list[Mapping[str, Any]], wanted: str | None) -> bool:
    by_name = {item["name"]: item for item in outputs}
    chosen = by_name.get(wanted or "watts", outputs[0] if outputs else {})
    return chosen.get("datatype") == "FP16"
