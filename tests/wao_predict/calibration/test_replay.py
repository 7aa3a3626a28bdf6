"""Calibration on a recording."""

from pathlib import Path

import numpy as np

from wao_predict import load_predictor
from wao_predict.calibration.calibrator import Rules
from wao_predict.calibration.replay import load_recording, replay


def test_each_node_of_a_recording_has_its_own_correction(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    load = random.uniform(0, 100, 900)
    rows = [
        f"{15 * number},{node},{load[number]:.2f},{scale * (100 + load[number]) + random.normal(0, 1):.2f}"
        for node, scale in (("b", 1.08), ("a", 1.0))
        for number in range(900)
    ]
    (tmp_path / "log.csv").write_text("time,node,cpu_usage,watts\n" + "\n".join(rows) + "\n")
    predictor = load_predictor("curve:0=100,100=200")
    found = replay(predictor, load_recording(predictor, tmp_path / "log.csv"), Rules(learn=100, shadow=50))
    assert [item.node for item in found] == ["a", "b"]
    right, wrong = found
    assert (right.rows, right.events, right.correction.scale) == (900, (), 1.0)
    assert abs(wrong.correction.scale - 1.08) < 0.01
    assert wrong.error_after < 0.4 * wrong.error_before
    assert [event.change.value for event in wrong.events] == ["drift", "shadow", "used"]
    assert wrong.events[-1].time == 15 * (100 + 50 - 1)
