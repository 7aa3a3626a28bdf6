"""The history of HPE's power meters, read from captures of real BMCs."""

from __future__ import annotations

import pytest

from tests.wao_predict.redfish.captures import documents
from wao_predict.errors import SensorError
from wao_predict.flow import run
from wao_predict.redfish.power_history import Meter, PastSample, read_history
from wao_predict.testing import MockTransport, serve_documents


@pytest.mark.parametrize(
    ("tree", "count", "watts", "inlet"),
    [
        ("hpe-dl360-gen12-ilo7", 20, (214.0, 223.0, 403.0), 18.0),
        ("hpe-dl380a-gen11-ilo6", 120, (498.0, 521.0, 1098.0), 24.0),
        ("hpe-dl385-gen10plus-ilo5", 120, (484.0, 515.0, 620.0), 20.0),
    ],
)
def test_the_samples_of_the_last_minutes_are_read(
    tree: str, count: int, watts: tuple[float, float, float], inlet: float
) -> None:
    found = run(read_history(), MockTransport(serve_documents(documents(tree))))
    assert len(found) == count
    times = [sample.time for sample in found]
    assert times == sorted(times)
    assert 8.0 < (times[-1] - times[0]) / (count - 1) < 13.0
    power = [sample.watts for sample in found]  # the BMC states the least, mean and largest itself
    assert watts[0] <= min(power) <= max(power) <= watts[2]
    assert abs(sum(power) / count - watts[1]) < 1.5
    assert found[0].inlet_temp == inlet


def test_a_bmc_without_the_meter_says_what_to_do() -> None:
    for tree, meter in (("dell-r750-idrac9-7.10", Meter.MINUTES), ("hpe-dl360-gen12-ilo7", Meter.WEEK)):
        with pytest.raises(SensorError, match=f"no {meter}, a power meter of HPE: record it while it runs"):
            run(read_history(meter), MockTransport(serve_documents(documents(tree))))


def with_details(*details: object) -> MockTransport:
    tree = dict(documents("hpe-dl360-gen12-ilo7"))
    tree["/redfish/v1/Chassis/1/Power/FastPowerMeter"] = {"PowerDetail": list(details)}
    return MockTransport(serve_documents(tree))


GOOD = {"Time": "2025-01-01T00:00:00Z", "CpuUtil": 5, "AmbTemp": 20, "Average": 100}


@pytest.mark.parametrize(
    "change",
    [
        {"Time": "now"},
        {"Time": None},
        {"CpuUtil": 101},
        {"CpuUtil": None},
        {"AmbTemp": 0},
        {"Average": 0},
        {"Average": "x"},
    ],
)
def test_a_sample_that_cannot_be_used_is_left_out(change: dict[str, object]) -> None:
    found = run(read_history(), with_details({**GOOD, **change}, GOOD, None, "x"))
    assert found == [PastSample(1_735_689_600.0, 5.0, 20.0, 100.0)]


def test_an_inlet_below_zero_is_a_temperature_as_for_sensors() -> None:
    (found,) = run(read_history(), with_details({**GOOD, "AmbTemp": -4}))
    assert found.inlet_temp == -4.0


def test_a_meter_without_a_usable_sample_is_refused() -> None:
    with pytest.raises(SensorError, match="no usable sample"):
        run(read_history(), with_details())
