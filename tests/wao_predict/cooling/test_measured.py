"""Values that Prometheus measures: each is read by itself, and one that cannot be read is reported."""

from __future__ import annotations

from wao_predict.cooling.measured import MeasuredValue, read_values, values_of
from wao_predict.cooling.plant_file import parse_plants
from wao_predict.errors import SensorError
from wao_predict.flow import Flow
from wao_predict.sensors.base import Reading

HOW = {"url": "https://prometheus.example.com", "query": "some_metric"}
FILE = parse_plants({"plants": [{"group": "a", "type": "pue", "pue": HOW, "price": HOW | {"ca_file": "ca.pem"}}]})


def test_a_value_that_cannot_be_read_costs_only_itself() -> None:
    def read(flow: Flow[Reading], value: MeasuredValue) -> Reading:
        if value.name == "price":
            raise SensorError("the query finds no sample")
        return Reading(1.3)

    readings, problems = read_values(FILE, read)
    assert readings == {(0, "pue"): 1.3}
    assert problems == ["price of a: the query finds no sample"]


def test_a_value_knows_its_query_and_its_authorities() -> None:
    by_name = {value.name: value for value in values_of(FILE)}
    assert by_name["pue"].sensor().query == "some_metric"
    assert str(by_name["price"].tls().ca_file) == "ca.pem"
    assert by_name["pue"].tls().ca_file is None
