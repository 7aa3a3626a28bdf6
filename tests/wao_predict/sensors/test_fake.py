"""The sensor without hardware."""

from __future__ import annotations

import pytest

from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.errors import UsageError
from wao_predict.flow import run
from wao_predict.sensors.base import Reading
from wao_predict.sensors.fake import DEFAULTS, FakeSensor
from wao_predict.testing import MockTransport, serve_documents


def read(sensor: FakeSensor) -> Reading:
    transport = MockTransport(serve_documents({}))
    reading = run(sensor.flow(), transport)
    assert transport.requests == []
    return reading


@pytest.mark.parametrize("metric", DEFAULTS)
def test_each_metric_has_its_constant_and_unit(metric: str) -> None:
    reading = read(FakeSensor(metric))
    assert (reading.value, reading.unit) == DEFAULTS[metric]


@pytest.mark.parametrize(("value", "expected"), [(21.5, 21.5), (0, 0.0), (None, 15.5)])
def test_the_option_value_is_the_constant(value: float | None, expected: float) -> None:
    options = Options({} if value is None else {"value": value})
    sensor = FakeSensor.from_endpoint(Endpoint("Fake", options=options), EndpointContext(metric="inlet_temp"))
    assert read(sensor).value == expected


@pytest.mark.parametrize("value", ["21", True, [21]])
def test_a_value_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="is not a number"):
        FakeSensor.from_endpoint(
            Endpoint("Fake", options=Options({"value": value})), EndpointContext(metric="inlet_temp")
        )


def test_an_unknown_metric_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="there are inlet_temp, delta_p, power_watts"):
        FakeSensor("humidity")


def test_all_nodes_share_the_constant() -> None:
    assert FakeSensor.node_inputs(Endpoint("Fake")) == frozenset()
