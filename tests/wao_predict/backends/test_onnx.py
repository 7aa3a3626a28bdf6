"""ONNX files: the shipped ones, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.onnx_files import with_a_tensor_of, with_data_in
from wao_predict import ModelLoadError, list_models, model_path
from wao_predict.backends.onnx import OnnxBackend
from wao_predict.errors import PredictError

NAMES = [model.name for model in list_models()]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_says_what_it_is(name: str) -> None:
    backend = OnnxBackend(model_path(name))
    assert backend.name == name
    assert backend.ranges is not None
    assert backend.knots is not None
    assert {"wao.features", "wao.units", "wao.metrics", "wao.source", "wao.license"} <= set(backend.metadata)
    assert model_path(name).stat().st_size < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_curve_equals_the_rows_at_its_knots(name: str) -> None:
    backend = OnnxBackend(model_path(name))
    assert backend.knots is not None
    assert backend.ranges is not None
    temperature, pressure = (sum(pair) / 2 for pair in (backend.ranges["inlet_temp"], backend.ranges["delta_p"]))
    curves = backend.curves(np.array([temperature]), np.array([pressure]))
    rows = np.column_stack(
        [backend.knots, np.full(backend.knots.size, temperature), np.full(backend.knots.size, pressure)]
    )
    assert curves is not None
    assert np.allclose(backend.predict(rows), curves[0], atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_no_decrease_anywhere_along_cpu(name: str) -> None:
    backend = OnnxBackend(model_path(name))
    assert backend.ranges is not None
    low, high = backend.ranges.bounds()
    draw = np.random.default_rng(0)
    for temperature, pressure in draw.uniform(low[1:], high[1:], (40, 2)):
        load = np.linspace(0, 100, 801)
        X = np.column_stack([load, np.full_like(load, temperature), np.full_like(load, pressure)])
        assert (np.diff(backend.predict(X)) >= -1e-3).all()  # float32 rounds at 3e-5 W


def test_no_rows_give_no_watts() -> None:
    assert OnnxBackend(model_path(NAMES[0])).predict(np.empty((0, 3))).size == 0


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no model file"):
        OnnxBackend(tmp_path / "none.onnx")


def test_garbage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "garbage.onnx"
    file.write_bytes(b"\x08\x07garbage" * 100)
    with pytest.raises(ModelLoadError, match="not a readable ONNX model"):
        OnnxBackend(file)


def test_an_error_of_the_runtime_is_one_of_ours() -> None:
    with pytest.raises(PredictError, match="cloud_dell"):
        OnnxBackend(model_path("cloud_dell")).predict(np.zeros((3, 2)))


@pytest.mark.parametrize("place", ["../secret.bin", "{folder}/secret.bin", "link.bin", "x/../../secret.bin"])
def test_data_outside_of_the_model_file_is_not_read(tmp_path: Path, place: str) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (tmp_path / "secret.bin").write_bytes(struct.pack("<3f", 1.0, 2.0, 3.0))
    (models / "link.bin").symlink_to(tmp_path / "secret.bin")
    (models / "m.onnx").write_bytes(with_data_in(place.format(folder=tmp_path)))
    with pytest.raises(ModelLoadError, match="not a readable ONNX model"):
        OnnxBackend(models / "m.onnx")


def test_a_model_that_needs_a_huge_tensor_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(with_a_tensor_of(10**18))
    with pytest.raises(PredictError, match="failed"):
        OnnxBackend(tmp_path / "m.onnx").predict(np.zeros((2, 3)))
