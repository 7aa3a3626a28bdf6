"""The differential pressure API: which URL is asked, and what its answers mean."""

from __future__ import annotations

import json

import pytest

from wao_predict import ProtocolError, SensorError
from wao_predict.flow import Response, run
from wao_predict.sensors.dpapi import DifferentialPressureSensor, decode
from wao_predict.sensors.fake import FakeSensor
from wao_predict.testing import MockTransport, serve_documents

URL = "https://dp.example/api/sensor/7"


def answer(sensors: object, status: int = 200, code: object = 200) -> Response:
    return Response(status, json.dumps({"code": code, "sensor": sensors}).encode(), {}, URL)


@pytest.mark.parametrize(
    ("endpoint", "which", "expected"),
    [
        ("https://dp", {"node_name": "n1"}, "https://dp/api/sensor/by_nodename/n1"),
        ("https://dp/", {"node_address": "10.0.0.1"}, "https://dp/api/sensor/by_nodeaddress/10.0.0.1"),
        ("https://dp:8443/x", {"sensor_id": "a/b"}, "https://dp:8443/x/api/sensor/a%2Fb"),
        ("https://dp/api/sensor", {"node_name": "n1"}, "https://dp/api/sensor/by_nodename/n1"),
        ("https://dp/api/sensor/7", {"node_name": "n1"}, "https://dp/api/sensor/7"),
        ("https://dp/api/sensor/by_nodename/n2", {"node_name": "n1"}, "https://dp/api/sensor/by_nodename/n2"),
        ("https://dp", {"node_name": "n1", "node_address": "fd00::1"}, "https://dp/api/sensor/by_nodeaddress/fd00::1"),
    ],
)
def test_the_sensor_is_named_by_id_address_or_node(endpoint: str, which: dict[str, str], expected: str) -> None:
    assert expected == DifferentialPressureSensor(endpoint, **which).url


def test_an_endpoint_that_names_no_sensor_is_refused() -> None:
    with pytest.raises(SensorError, match="does not name a sensor"):
        DifferentialPressureSensor("https://dp.example")


def test_a_reading_is_one_request() -> None:
    api = MockTransport(lambda _: answer([{"sensorid": "7", "pressure": 7.25, "temperature": 24}]))
    reading = run(DifferentialPressureSensor(URL).flow(), api)
    assert (reading.value, reading.unit) == (7.25, "Pa")
    assert api.urls == [URL]


def test_the_sensor_asked_for_is_taken_not_the_first() -> None:
    sensors = [{"sensorid": "6", "pressure": 1}, {"sensorid": "7", "pressure": "2.5"}]
    assert decode(answer(sensors), "7").value == 2.5


@pytest.mark.parametrize("pressure", [None, "", "NaN", "n/a", 1e9, True])
def test_a_missing_pressure_is_missing(pressure: object) -> None:
    with pytest.raises(SensorError, match="no usable pressure"):
        decode(answer([{"sensorid": "7", "pressure": pressure}]))


def test_zero_pascal_is_a_value() -> None:
    assert decode(answer([{"sensorid": "7", "pressure": 0}])).value == 0.0


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer([], code=404), "answered 404"),
        (answer([], status=500), "answered 500"),
        (Response(200, b"<html>", {}, URL), "not the differential pressure API's JSON"),
        (Response(200, b"[]", {}, URL), "not the differential pressure API's JSON"),
    ],
)
def test_errors_in_status_or_body_are_reported(response: Response, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(response)


@pytest.mark.parametrize(("metric", "value", "unit"), [("inlet_temp", 15.5, "degC"), ("delta_p", 7.5, "Pa")])
def test_the_fake_gives_the_references_constants(metric: str, value: float, unit: str) -> None:
    nobody = MockTransport(serve_documents({}))
    reading = run(FakeSensor(metric).flow(), nobody)
    assert (reading.value, reading.unit) == (value, unit)
    assert nobody.requests == []
