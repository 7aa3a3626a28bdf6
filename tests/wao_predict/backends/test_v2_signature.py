"""Which request fits the metadata of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.backends.v2_messages import encode_request
from wao_predict.backends.v2_options import MAX_ROWS, ModelOptions
from wao_predict.backends.v2_signature import InputTensor, Signature, signature_of

FEATURES = (0, 1, 2)


def metadata(*shape: object, name: str = "x", datatype: str = "FP32") -> dict[str, Any]:
    return {"name": "power", "inputs": [{"name": name, "datatype": datatype, "shape": list(shape)}], "outputs": []}


@pytest.mark.parametrize(
    ("shape", "dims", "rows"),
    [
        ((-1, 3), (-1, 3), None),
        (("-1", "3"), (-1, 3), None),
        ((-1, -1), (-1, 3), None),
        ((-1,), (-1, 3), None),
        ((), (-1, 3), None),
        ((3,), (3,), 1),
        ((1, 3), (1, 3), 1),
        ((8, 3), (8, 3), 8),
        ((-1, 1, 3), (-1, 1, 3), None),
        ((5000, 3), (-1, 3), None),
    ],
    ids=str,
)
def test_the_shape_decides_how_many_rows_a_request_has(
    shape: tuple[object, ...], dims: tuple[int, ...], rows: int | None
) -> None:
    found = signature_of(metadata(*shape), ModelOptions())
    assert (found.inputs, found.rows, found.doubt) == ((InputTensor("x", "FP32", FEATURES, dims),), rows, "")


@pytest.mark.parametrize("shape", [(-1, 4), (3, -1, 2), (0, 3), (1, 1)], ids=str)
def test_a_shape_that_does_not_fit_is_left_to_the_server(shape: tuple[int, ...]) -> None:
    found = signature_of(metadata(*shape), ModelOptions())
    assert found.inputs[0].dims == (-1, 3)
    assert "WAO sends 3 features per row" in found.doubt


def test_a_stated_batch_size_takes_precedence_over_a_fixed_number_of_rows() -> None:
    """A description in a MLServer's model-settings.json is written by hand, and may name one row."""
    found = signature_of(metadata(1, 3), ModelOptions(max_batch_size=64))
    assert (found.rows, found.max_rows, found.inputs[0].dims) == (None, 64, (-1, 3))


def test_inputs_named_like_the_features_take_one_feature_each() -> None:
    names = {"mean_dp": (2,), "cpu_usage": (0,), "amb_temp": (1,)}
    inputs = [{"name": name, "datatype": "FP64", "shape": [-1]} for name in names]
    found = signature_of({"inputs": inputs}, ModelOptions())
    assert {tensor.name: tensor.features for tensor in found.inputs} == names
    assert {tensor.dims for tensor in found.inputs} == {(-1,)}


def test_of_several_inputs_the_references_is_taken() -> None:
    inputs = [{"name": name, "datatype": "FP64", "shape": [-1, 3]} for name in ("mask", "predict-prob")]
    assert signature_of({"inputs": inputs}, ModelOptions()).inputs[0].name == "predict-prob"
    assert signature_of({"inputs": inputs}, ModelOptions(input_name="mask")).inputs[0].name == "mask"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "shape", "x"]), inner),
    max_leaves=8,
)
TENSOR = st.fixed_dictionaries(
    {"name": st.sampled_from(["x", "cpu", "dp", "amb_temp"]) | JSON},
    optional={"shape": st.lists(st.integers(-1, 9), max_size=4) | JSON, "datatype": st.sampled_from(["FP16", "INT8"])},
)


@given(st.fixed_dictionaries({}, optional={"inputs": st.lists(TENSOR, max_size=4) | JSON, "outputs": JSON}) | JSON)
def test_whatever_a_server_describes_there_is_a_request_with_all_features(document: object) -> None:
    found = signature_of(document, ModelOptions())
    assert isinstance(found, Signature)
    assert sorted(feature for tensor in found.inputs for feature in tensor.features) == [0, 1, 2]
    rows = found.rows or 2
    assert 1 <= rows <= MAX_ROWS
    encode_request(np.ones((rows, 3)), found, ModelOptions())
