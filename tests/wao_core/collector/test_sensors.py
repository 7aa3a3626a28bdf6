"""From terms of NodeConfigs to the library's sensors."""

import pytest

from wao_core.cluster.records import Node
from wao_core.collector.plan import NodeIdentity, SensorSpec
from wao_core.collector.sensors import build_sensor, identify
from wao_predict.endpoint import Endpoint, Options
from wao_predict.errors import WaoError
from wao_predict.flow import run
from wao_predict.sensors.dpapi import DifferentialPressureSensor
from wao_predict.sensors.prometheus import PrometheusSensor
from wao_predict.sensors.redfish import RedfishSensor
from wao_predict.testing import MockTransport, serve_documents


def spec(type_: str, url: str = "", *, metric: str = "inlet_temp", node: str = "", **options: object) -> SensorSpec:
    return SensorSpec(metric, Endpoint(type_, url, options=Options(options)), 15.0, node)


@pytest.mark.parametrize(
    ("metric", "options", "value"),
    [("inlet_temp", Options(), 15.5), ("delta_p", Options(), 7.5), ("inlet_temp", Options({"value": 30.25}), 30.25)],
)
def test_fake_sensors(metric: str, options: Options, value: float) -> None:
    nothing_to_ask = MockTransport(serve_documents({}))
    sensor = build_sensor(SensorSpec(metric, Endpoint("Fake", options=options), 15.0))
    assert run(sensor.flow(), nothing_to_ask).value == value
    assert nothing_to_ask.requests == []


def test_redfish_with_a_sensor_named_by_hand() -> None:
    sensor = build_sensor(
        spec(
            "Redfish",
            "https://10.0.0.1",
            sensor={"uri": "/redfish/v1/Chassis/1/Sensors/7", "name": "In"},
        )
    )
    assert isinstance(sensor, RedfishSensor)
    assert sensor.choice is not None
    assert (sensor.base_url, sensor.choice.uri, sensor.choice.name) == (
        "https://10.0.0.1:443",
        "/redfish/v1/Chassis/1/Sensors/7",
        "In",
    )


def test_pressure_by_node_name_or_by_the_sensor_in_the_url() -> None:
    by_node = build_sensor(spec("DifferentialPressureAPI", "http://dp:5000", metric="delta_p", node="n1"))
    by_id = build_sensor(spec("DifferentialPressureAPI", "http://dp:5000/api/sensor/7", metric="delta_p"))
    assert isinstance(by_node, DifferentialPressureSensor)
    assert isinstance(by_id, DifferentialPressureSensor)
    assert by_node.url == "http://dp:5000/api/sensor/by_nodename/n1"
    assert by_id.url == "http://dp:5000/api/sensor/7"


@pytest.mark.parametrize(
    ("type_", "endpoint", "needed"),
    [
        ("Fake", "", False),
        ("Redfish", "https://10.0.0.1", False),
        ("DifferentialPressureAPI", "http://dp:5000", True),
        ("DifferentialPressureAPI", "http://dp:5000/api/sensor", True),
        ("DifferentialPressureAPI", "http://dp:5000/api/sensor/", True),
        ("DifferentialPressureAPI", "http://[::1", True),
        ("DifferentialPressureAPI", "http://dp:5000/api/sensor/7", False),
        ("SomePlugin", "http://x", True),
        ("Prometheus", "http://x", False),
    ],
)
def test_which_readings_can_be_shared(type_: str, endpoint: str, needed: bool) -> None:
    assert identify(Endpoint(type_, endpoint), "n1", nodes={}) == NodeIdentity("n1" if needed else "")


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("max(inlet)", NodeIdentity()),
        ('inlet{node="$node"}', NodeIdentity("n1")),
        ('inlet{ip="$address"}', NodeIdentity("", "10.0.0.1")),
        ('inlet{ip="$address", node="$node"}', NodeIdentity("n1", "10.0.0.1")),
    ],
)
def test_a_query_is_shared_unless_it_names_the_node(query: str, right: NodeIdentity) -> None:
    endpoint = Endpoint("Prometheus", "http://prom", options=Options({"query": query}))
    nodes = {"n1": Node(name="n1", addresses=(("Hostname", "h"), ("InternalIP", "10.0.0.1")))}
    assert identify(endpoint, "n1", nodes=nodes) == right
    sensor = build_sensor(SensorSpec("inlet_temp", endpoint, 15.0, right.name, right.address))
    assert isinstance(sensor, PrometheusSensor)
    assert "$" not in sensor.query


def test_a_query_for_a_node_without_an_address_says_so() -> None:
    made = spec("Prometheus", "http://prom", query='x{ip="$address"}')
    assert identify(made.endpoint, "gone", nodes={}) == NodeIdentity()
    with pytest.raises(WaoError, match=r"\$address, which is not known"):
        build_sensor(made)


def test_a_sensor_named_without_its_uri_is_looked_for() -> None:
    sensor = build_sensor(spec("Redfish", "https://10.0.0.1", sensor={"uri": "", "name": "TR1"}))
    assert isinstance(sensor, RedfishSensor)
    assert sensor.choice is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (spec("Nope"), "no sensor of type 'Nope'; installed: .*Redfish"),
        (spec("Redfish", "10.0.0.1"), "write https://host"),
        (spec("Redfish", "https://10.0.0.1", metric="delta_p"), "cannot read delta_p, only inlet_temp and power_watts"),
        (spec("DifferentialPressureAPI", "http://dp:5000"), "cannot read inlet_temp, only delta_p"),
        (spec("DifferentialPressureAPI", "http://dp:5000", metric="delta_p"), "does not name a sensor"),
        (spec("Prometheus", "http://prom"), "the query is missing"),
    ],
)
def test_terms_that_cannot_be_used(bad: SensorSpec, message: str) -> None:
    with pytest.raises(WaoError, match=message):
        build_sensor(bad)
