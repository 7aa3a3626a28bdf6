"""Failing sensors in the statuses of NodeConfigs."""

from __future__ import annotations

import msgspec

from wao_ui.sensor_failures import ReportedConfig, SensorFailure, failures_of


def test_failing_sensors_are_those_that_a_status_does_not_call_ok() -> None:
    config = msgspec.json.decode(
        b"""{"spec": {"nodeName": "n1"}, "status": {"metrics": [
        {"name": "delta_p", "state": "ok", "value": "3"},
        {"name": "inlet_temp", "state": "failed", "reason": "no route", "time": "1970-01-01T00:01:00Z"}]}}""",
        type=ReportedConfig,
    )
    assert failures_of(config) == [SensorFailure("n1", "inlet_temp", "no route", 60.0)]
    assert failures_of(ReportedConfig()) == []
