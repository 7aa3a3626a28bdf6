"""Curves of load as ONNX files: onnxruntime predicts the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from wao_predict import PowerCurveBackend, UsageError, load_predictor
from wao_predict.backends.onnx import OnnxBackend
from wao_predict.cli.models import app
from wao_predict.models import read_info
from wao_predict.models.export import curve_to_onnx
from wao_predict.models.specpower import server_types

LOADS = np.linspace(0.0, 100.0, 257)[:, None]
POINTS = st.dictionaries(
    st.floats(0, 100, width=32).map(lambda load: round(load, 2)), st.floats(1, 2000), min_size=2, max_size=40
)


@settings(max_examples=40, deadline=None)
@given(points=POINTS)
def test_an_exported_curve_predicts_the_same(
    points: dict[float, float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("onnx") / "curve.onnx"
    curve = PowerCurveBackend(points)
    curve_to_onnx(curve, path)
    exact = curve.predict(LOADS.astype(np.float32).astype(float))
    assert OnnxBackend(path).predict(LOADS) == pytest.approx(exact, abs=1e-4)


def test_a_server_type_keeps_its_source_ranges_and_features(tmp_path: Path) -> None:
    name, path = f"specpower:{server_types()[0].name}", tmp_path / "server.onnx"
    result = CliRunner().invoke(app, ["export", name, str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "bytes" in result.stdout
    info = read_info(path)
    assert (info.name, info.features) == (name, ("cpu_usage",))
    assert "SPECpower" in info.source
    assert path.stat().st_size < 3000
    with load_predictor(name) as curve, load_predictor(str(path)) as exported:
        assert exported.ranges == curve.ranges
        assert exported.predict({"cpu_usage": [0, 33.3, 100]}) == pytest.approx(
            curve.predict({"cpu_usage": [0, 33.3, 100]}), abs=1e-4
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("curve:0=60 100=100#inletPercent=1", "out.onnx"), "with a fan assumption"),
        (("edge_lenovo", "out.onnx"), "is no curve of load"),
        (("curve:0=60 100=100", "none/out.onnx"), "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_refused(arguments: tuple[str, str], words: str, tmp_path: Path) -> None:
    source, out = arguments
    with pytest.raises(UsageError, match=words):
        CliRunner().invoke(app, ["export", source, str(tmp_path / out)], catch_exceptions=False)


def test_a_file_of_another_name_is_refused() -> None:
    assert CliRunner().invoke(app, ["export", "curve:0=60 100=100", "out.txt"]).exit_code == 2
