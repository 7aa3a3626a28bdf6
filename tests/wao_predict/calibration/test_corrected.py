"""Predictors with a correction, and their files."""

from pathlib import Path

import numpy as np
import pytest

from wao_predict import PowerCurve, Predictor, UsageError
from wao_predict.backends.fake import FakeBackend
from wao_predict.calibration.corrected import corrected, read_corrections, write_corrections
from wao_predict.calibration.correction import Correction


def test_power_and_curves_are_corrected() -> None:
    model = corrected(Predictor(FakeBackend(100.0, 1.0)), Correction(1.1, -10.0))
    assert model.predict([[50.0, 22.0, 5.0]]).tolist() == pytest.approx([155.0])
    curve = PowerCurve.from_predictor(model, 22.0, 5.0, knots=[0, 100])
    np.testing.assert_allclose(curve.watts, [100.0, 210.0])


def test_corrections_come_back_from_their_file(tmp_path: Path) -> None:
    given = {"a": Correction(1.05, -2.5), "b": Correction()}
    write_corrections(tmp_path / "c.json", given)
    assert read_corrections(tmp_path / "c.json") == given


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"scale": 1}}', '{"a": {"scale": 1, "offset": NaN}}'])
def test_a_file_without_corrections_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(UsageError, match=r"c\.json has"):
        read_corrections(tmp_path / "c.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_corrections(tmp_path / "absent.json")
