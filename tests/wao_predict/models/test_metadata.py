"""The metadata of model files, read without a model runtime."""

from __future__ import annotations

import contextlib
from pathlib import Path

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import ModelLoadError
from wao_predict.features import FeatureRanges
from wao_predict.models import FOLDER, ModelInfo, model_names, model_path, read_info, read_props


@pytest.mark.parametrize("name", model_names())
def test_metadata_read_here_are_those_that_onnxruntime_reads(name: str) -> None:
    session = onnxruntime.InferenceSession(model_path(name), providers=["CPUExecutionProvider"])
    assert read_props(model_path(name)) == session.get_modelmeta().custom_metadata_map


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "without a graph"),
        (b"cpu_usage,watts\n1,2\n", "not an ONNX model"),
        (b"\x72\xff\xff", "not an ONNX model"),
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=message):
        read_info(path)


def test_a_model_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model_path("edge_lenovo").read_bytes()[:-1])
    with pytest.raises(ModelLoadError):
        read_info(path)


def test_an_absent_file_is_reported() -> None:
    with pytest.raises(ModelLoadError, match="cannot be read"):
        read_info("/nowhere/model.onnx")


class _InMemory:
    """A path whose content is in memory."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._path = content, path

    def stat(self) -> object:
        return type("Stat", (), {"st_size": len(self._content)})

    def read_bytes(self) -> bytes:
        return self._content

    def __str__(self) -> str:
        return str(self._path)


@given(st.binary(max_size=200))
def test_any_bytes_give_pairs_or_one_clear_error(content: bytes) -> None:
    path = FOLDER / "unused.onnx"
    with contextlib.suppress(ModelLoadError):
        props = read_props(_InMemory(content, path))  # type: ignore[arg-type]
        assert all(isinstance(value, str) for value in props.values())


@pytest.mark.parametrize(
    "props",
    [
        {"wao.features": "watts,inlet_temp"},
        {"wao.ranges": "{}"},
        {"wao.ranges": "[1, 2]"},
        {"wao.knots": "many"},
        {"wao.metrics": "["},
    ],
)
def test_metadata_that_do_not_fit_are_refused(props: dict[str, str]) -> None:
    with pytest.raises(ModelLoadError, match=r"again"):
        ModelInfo.from_props(props)


def test_a_description_survives_being_stored() -> None:
    info = ModelInfo(
        "rack7",
        ranges=FeatureRanges(cpu_usage=(0.5, 99.0), inlet_temp=(18.0, 31.5), delta_p=(0.0, 9.5)),
        knots=(0.5, 50.0, 99.0),
        metrics={"fit": {"all": {"mape": 0.25}}},
        source="own measurements",
        license="CC-BY-4.0",
        created_with="test",
    )
    assert ModelInfo.from_props(info.to_props()) == info


def test_a_model_of_others_without_our_metadata_has_a_name_only() -> None:
    assert ModelInfo.from_props({"author": "someone"}, Path("rack.onnx")) == ModelInfo("rack", Path("rack.onnx"))
