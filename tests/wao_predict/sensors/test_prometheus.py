"""Instant queries: what is asked, and what the answers mean."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import ProtocolError, RemoteError, SensorError
from wao_predict.errors import UsageError, summary
from wao_predict.flow import Request, Response, run
from wao_predict.sensors.base import Reading
from wao_predict.sensors.prometheus import PrometheusSensor
from wao_predict.testing import MockTransport

URL = "https://prom.example"
NOW = 1_795_529_930.0


def vector(*samples: tuple[dict[str, str], object], at: float = NOW) -> dict[str, Any]:
    result = [{"metric": labels, "value": [at, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Server(MockTransport):
    """A server of Prometheus that answers queries in turn, and then repeats its last answer."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        super().__init__(self.answer)
        self.answers = list(answers)

    def answer(self, request: Request) -> Response:
        status, document = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(status, body, {}, f"{URL}{request.url}")

    @property
    def queries(self) -> list[str]:
        """The queries that were sent, in order."""
        return [parse_qs(urlsplit(url).query)["query"][0] for url in self.urls]


def read(server: Server, query: str = "t", **more: Any) -> Reading:
    return run(PrometheusSensor(URL, query, clock=lambda: NOW + 7.0, **more).flow(), server)


def refused(said: str = "parse error") -> tuple[int, object]:
    return 400, {"status": "error", "errorType": "bad_data", "error": said}


def test_value_and_sample_time_come_in_one_request() -> None:
    server = Server((200, vector(({"node": "n1"}, "23.5"), ({"node": "n1", "wao_sample": "time"}, str(NOW - 40.0)))))
    reading = read(server)
    assert (reading.value, reading.unit) == (23.5, "degC")
    assert reading.time is not None
    assert reading.time.timestamp() == pytest.approx(NOW + 7.0 - 40.0)  # the age by the server's clock, on ours
    assert server.queries == ['(t\n) or label_replace(timestamp(t\n), "wao_sample", "time", "", "")']
    assert [request.method for request in server.requests] == ["GET"]


def test_a_query_that_has_no_sample_time_is_asked_plainly_from_then_on() -> None:
    scalar = {"status": "success", "data": {"resultType": "scalar", "result": [NOW, "24"]}}
    server = Server(refused(), (200, scalar))
    sensor = PrometheusSensor(URL, "scalar(t)")
    assert [run(sensor.flow(), server).value for _ in range(3)] == [24.0] * 3
    assert server.queries[1:] == ["scalar(t)"] * 3


def test_the_error_of_a_refused_query_quotes_the_server() -> None:
    with pytest.raises(RemoteError, match="refuses the query: 1:3: parse error") as caught:
        read(Server(refused("of ours"), refused("1:3: parse error")), "t{")
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (vector(), "finds no sample"),
        (
            vector(({"node": "a"}, "1"), ({"node": "b"}, "2")),
            r'finds 2 samples for one node, such as \{"node": "a"\}, ',
        ),
        (vector(({}, "NaN")), "returns 'NaN', not a finite number"),
        (vector(({}, "+Inf")), "not a finite number"),
        (vector(({}, None)), "not a finite number"),
        (vector(({}, "295")), "returns 295, not a value from -20 to 70 degC"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "result of type matrix, not a scalar"),
        ({"status": "success", "data": {"resultType": "string", "result": [1, "x"]}}, "result of type string"),
        ({"status": "success"}, "result of type none"),
        (
            vector(({}, "20"), ({"wao_sample": "time"}, str(NOW - 301))),
            "newest sample is 301 s old, more than the limit of 300 s",
        ),
    ],
)
def test_an_unusable_answer_is_an_error_that_says_why(document: object, message: str) -> None:
    with pytest.raises(SensorError, match=message):
        read(Server((200, document)))


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (200, b"<html>", ProtocolError, "is not Prometheus JSON: <html>"),
        (401, b"who are you", RemoteError, "answered 401: who are you"),
        (503, {"status": "error", "error": "too many queries"}, RemoteError, "refuses the query: too many queries"),
        (422, {"status": "error", "error": "many-to-many"}, RemoteError, "many-to-many"),
    ],
)
def test_an_invalid_answer_is_reported(status: int, body: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(Server((status, body)))


@pytest.mark.parametrize(("metric", "value", "unit"), [("delta_p", "-7.5", "Pa"), ("power_watts", "512", "W")])
def test_other_quantities_have_their_units_and_bounds(metric: str, value: str, unit: str) -> None:
    reading = read(Server((200, vector(({}, value)))), metric=metric)
    assert (reading.value, reading.unit) == (float(value), unit)


def test_the_nodes_name_and_address_are_put_in() -> None:
    query = 't{node="$node", ip="$address", x=~"a$|$nodes"}'
    sensor = PrometheusSensor(URL, query, node_name='n"1', node_address="10.0.0.7")
    assert sensor.query == r't{node="n\"1", ip="10.0.0.7", x=~"a$|$nodes"}'


@given(st.text(max_size=30).filter(bool))
def test_a_name_never_ends_the_string_that_contains_it(name: str) -> None:
    filled = PrometheusSensor(URL, 't{n="$node"}', node_name=name).query
    inside = filled.removeprefix('t{n="').removesuffix('"}')
    assert inside.replace("\\\\", "").replace('\\"', "").count('"') == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is missing"),
        ("  ", "the query is missing"),
        ("t" * 4097, "longer than 4096"),
        ('t{node="$node"}', r"has \$node, which is not known"),
        ('t{ip="$address"}', r"has \$address, which is not known"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PrometheusSensor(URL, query)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("https://prom", "/api/v1/query"),
        ("https://prom/", "/api/v1/query"),
        ("https://prom:9090/a/b/", "/a/b/api/v1/query"),
        ("https://prom/api/v1/query", "/api/v1/query"),
    ],
)
def test_the_path_keeps_the_endpoints_prefix(endpoint: str, path: str) -> None:
    server = Server((200, vector(({}, "20"))))
    run(PrometheusSensor(endpoint, "t").flow(), server)
    assert urlsplit(server.requests[0].url).path == path


def test_a_long_query_is_posted() -> None:
    server = Server((200, vector(({}, "20"))))
    run(PrometheusSensor(URL, "t + " * 900 + "t").flow(), server)
    (request,) = server.requests
    assert (request.method, request.url) == ("POST", "/api/v1/query")
    assert parse_qs((request.body or b"").decode())["query"][0].startswith("(t + t")


@pytest.mark.parametrize(
    "document",
    [
        vector(({"node": "said"}, "1"), ({"node": "b"}, "2")),
        vector(({}, "said")),
        {"status": "success", "data": {"resultType": "said", "result": []}},
        {"status": "error", "error": "said"},
        {"said": 1},
    ],
)
def test_what_a_status_shows_has_nothing_that_the_server_said(document: object) -> None:
    """The author of a NodeConfig chooses server and query, and could read labels of others in the status."""
    with pytest.raises((SensorError, RemoteError), match="said") as raised:
        read(Server((200, document)))
    assert "said" not in summary(raised.value)
