"""Series of nodes from range queries."""

from itertools import pairwise
from urllib.parse import parse_qs

import pytest

from wao_predict import ProtocolError, RemoteError, SensorError, UsageError
from wao_predict.flow import Request, Response, run
from wao_predict.recording.prometheus_range import FIRST_POINTS, MOST_POINTS, MOST_SAMPLES, RangeQuery
from wao_predict.testing import MockTransport, json_response

QUERY = RangeQuery("https://prometheus/prefix/", "node_power", label="node")


def matrix(*series: dict[str, object]) -> Response:
    return json_response({"status": "success", "data": {"resultType": "matrix", "result": list(series)}})


def of(node: str, *values: list[object]) -> dict[str, object]:
    return {"metric": {"node": node, "job": "bmc"}, "values": list(values)}


def test_each_node_has_its_series() -> None:
    server = MockTransport(lambda request: matrix(of("a", [10, "1.5"], [20, "NaN"], [30, "2"]), of("b", [10, "7"])))
    found = run(QUERY.flow(0, 60, 10), server)
    assert {node: series.value.tolist() for node, series in found.items()} == {"a": [1.5, 2], "b": [7]}
    (request,) = server.requests
    assert (request.method, request.url) == ("POST", "/prefix/api/v1/query_range")
    form = parse_qs((request.body or b"").decode())
    assert form == {"query": ["node_power"], "start": ["0.000"], "end": ["60.000"], "step": ["10"]}


def test_a_long_range_is_asked_in_parts() -> None:
    asked: list[tuple[float, float]] = []

    def answer(request: Request) -> Response:
        form = parse_qs((request.body or b"").decode())
        asked.append((float(form["start"][0]), float(form["end"][0])))
        return matrix(of("a", [asked[-1][0], str(len(asked))]))

    found = run(QUERY.flow(0, 2.5 * MOST_POINTS, 1), MockTransport(answer))
    edges = [0, FIRST_POINTS, FIRST_POINTS + MOST_POINTS, FIRST_POINTS + 2 * MOST_POINTS, 2.5 * MOST_POINTS + 1]
    assert asked == [(begin, end - 1) for begin, end in pairwise(edges)]
    assert found["a"].value.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (matrix(of("a", [1, "1"]), of("a", [1, "2"])), SensorError, "several series with node=a: aggregate it"),
        (matrix({"metric": {}, "values": []}), SensorError, "has no label node; give the label"),
        (json_response({"status": "success", "data": {"resultType": "vector"}}), ProtocolError, "is no matrix"),
        (json_response({"status": "error", "error": "parse error"}, status=400), RemoteError, "parse error"),
        (Response(502, b"<html>"), RemoteError, "502"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused(answer: Response, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run(QUERY.flow(0, 60, 10), MockTransport(lambda request: answer))


@pytest.mark.parametrize("given", [(60, 60, 1), (0, 60, 0), (0, 1e12, 1)])
def test_a_range_that_cannot_be_is_refused(given: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError):
        run(QUERY.flow(*given), MockTransport(lambda request: matrix()))
    with pytest.raises(UsageError, match="the query is missing"):
        RangeQuery("https://prometheus", " ")


def numbered(nodes: int, points: int, start: float) -> Response:
    values: list[list[object]] = [[start + point, "1.5"] for point in range(points)]
    return matrix(*(of(f"n{number}", *values) for number in range(nodes)))


def test_a_large_fleet_has_all_points_of_all_its_series() -> None:
    def answer(request: Request) -> Response:
        form = parse_qs((request.body or b"").decode())
        begin, end = float(form["start"][0]), float(form["end"][0])
        return numbered(12, int(end - begin) + 1, begin)

    found = run(QUERY.flow(0, 7_999, 1), MockTransport(answer))
    assert {node: series.time.size for node, series in found.items()} == {f"n{n}": 8_000 for n in range(12)}


def test_more_series_than_a_bmc_has_items_are_all_read() -> None:
    found = run(QUERY.flow(0, 60, 30), MockTransport(lambda request: numbered(5_000, 3, 0)))
    assert len(found) == 5_000


def test_the_more_series_there_are_the_fewer_points_are_asked_for() -> None:
    asked: list[int] = []

    def answer(request: Request) -> Response:
        form = parse_qs((request.body or b"").decode())
        asked.append(int(float(form["end"][0]) - float(form["start"][0])) + 1)
        return numbered(2_000, 1, float(form["start"][0]))

    run(QUERY.flow(0, 999, 1), MockTransport(answer))
    assert asked == [FIRST_POINTS, *[MOST_SAMPLES // 2_000] * 3, 150]


def test_a_part_without_series_leaves_the_size_of_the_next_one() -> None:
    """The range may begin before there was data."""
    asked: list[int] = []

    def answer(request: Request) -> Response:
        form = parse_qs((request.body or b"").decode())
        begin, end = float(form["start"][0]), float(form["end"][0])
        asked.append(int(end - begin) + 1)
        return numbered(0 if end < 3 * FIRST_POINTS else 200, 1, begin)

    assert len(run(QUERY.flow(0, 2_999, 1), MockTransport(answer))) == 200
    assert asked == [*[FIRST_POINTS] * 4, MOST_SAMPLES // 200, 100]


def test_points_at_other_times_than_asked_for_are_left_out() -> None:
    """Rows are made for all periods between the first and the last point."""
    values: list[list[object]] = [[-1e15, "1"], [-10, "2"], [0, "3"], [60, "4"], [70, "5"], [1e15, "6"], [1e300, "7"]]
    found = run(QUERY.flow(0, 60, 10), MockTransport(lambda request: matrix(of("a", *values))))
    assert found["a"].value.tolist() == [2, 3, 4, 5]
