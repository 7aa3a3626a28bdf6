"""Metrics of a recommendation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from wao_predict.cooling.report import metrics_text, write_metrics
from wao_predict.cooling.set_points import Recommendation
from wao_predict.cooling.site import Outcomes
from wao_predict.errors import UsageError


def outcomes(servers: float, cooling: float) -> Outcomes:
    return Outcomes(*(np.array(value) for value in (servers, cooling, 20.0, 25.0)))


FOUND = Recommendation({"water": 12.0}, {"water": 15.5}, outcomes(9e3, 3e3), outcomes(9.1e3, 2e3), 500.0, True, 10)


def test_every_figure_is_a_metric() -> None:
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics_text(FOUND, plant='room "a"'))
        for sample in family.samples
    }
    assert samples["wao_cooling_saving_watts", 'room "a"'] == 900.0
    assert samples["wao_cooling_recommended_set_point", 'room "a"', "water"] == 15.5
    assert samples["wao_cooling_watts", "cooling", "recommended", 'room "a"'] == 2000.0
    assert samples["wao_cooling_limits_met", 'room "a"'] == 1.0


def test_the_file_is_written_at_once_or_refused(tmp_path: Path) -> None:
    write_metrics(tmp_path / "cooling.prom", FOUND, plant="a")
    assert [file.name for file in tmp_path.iterdir()] == ["cooling.prom"]
    with pytest.raises(UsageError, match="cannot be written"):
        write_metrics(tmp_path / "no" / "cooling.prom", FOUND, plant="a")
