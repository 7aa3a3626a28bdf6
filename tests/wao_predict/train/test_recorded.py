"""From a recording to a model: how near the model is to the true power."""

from pathlib import Path

import pytest

pytest.importorskip("skl2onnx", reason="training needs an extra")

from tests.fakes.simulated_server import SimulatedServer
from wao_predict import load_predictor
from wao_predict.models import ModelInfo
from wao_predict.train import TrainingPlan, load_table, train_to_onnx
from wao_predict.train.preparing import Preparation, estimated_lag, prepared

pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]


def test_two_hours_of_noisy_late_and_rounded_watts_give_a_curve_within_two_percent(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the extra train")
    server = SimulatedServer()
    assert server.record(tmp_path / "log.csv") == 480
    table = load_table(tmp_path / "log.csv")
    assert estimated_lag(table) == 2
    ready = prepared(table, Preparation())
    train_to_onnx(ready, tmp_path / "m.onnx", plan=TrainingPlan(), info=ModelInfo("m"))
    model = load_predictor(tmp_path / "m.onnx")
    assert model.features == ("cpu_usage", "inlet_temp")
    assert server.error(model) < 2.0
    watts, low, high = model.predict({"cpu_usage": [50.0], "inlet_temp": [24.5]}, interval=0.9)
    assert low[0] < watts[0] < high[0]
