"""Floors from Prometheus: what is queried, who gets the token, and what is reported when there is no history."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from aiohttp import web

from tests.fakes.server_thread import listening
from wao_core.prediction.floor_history import FloorHistory, HistorySource
from wao_core.prediction.node_floors import NodeFloors
from wao_predict.errors import RemoteError, UsageError
from wao_predict.flow import Response

HOUR = 3600.0
NOW = 48 * HOUR
NAMES = ("n1", "n2")


class Prometheus:
    """Answers range queries with given loads by the hour, and keeps what it was asked."""

    def __init__(self, loads: dict[str, list[tuple[float, float]]] | None = None) -> None:
        self.loads = loads or {}
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == "/prom/api/v1/query_range"
        self.forms.append(parse_qs(await request.text()))
        self.headers.append(dict(request.headers))
        series = [
            {"metric": {"instance": name}, "values": [[hour * HOUR, str(cores)] for hour, cores in loads]}
            for name, loads in self.loads.items()
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": series}})


def history_of(url: str, floors: NodeFloors, **options: object) -> FloorHistory:
    source = HistorySource(url=f"{url}/prom", **options)  # type: ignore[arg-type]
    return FloorHistory(source, floors, clock=lambda: NOW)


async def test_the_lowest_loads_of_the_window_become_the_floors() -> None:
    floors, server = NodeFloors(), Prometheus({"n1": [(26, 3.0), (40, 1.5)], "n2": [(47, 9.0)]})
    floors.update(NOW, NAMES, np.array([4.0, 8.0]))
    async with listening(server.answer) as url:
        history = history_of(url, floors)
        assert history.problem() == "the history is not read yet"
        await history.restore()
    assert floors.update(NOW, NAMES, np.array([4.0, 8.0])).tolist() == [1.5, 8.0]
    assert floors.since.tolist() == [26 * HOUR, 47 * HOUR]
    assert history.problem(NAMES) is None


async def test_one_bounded_query_asks_for_the_lowest_load_of_each_part_of_the_window() -> None:
    server = Prometheus()
    async with listening(server.answer) as url:
        await history_of(url, NodeFloors(24 * HOUR), query="cpu # of kubelets", label="node").read()
    (form,) = server.forms
    assert form["query"] == ["min_over_time((cpu # of kubelets\n)[3600000ms:300000ms])"]
    assert (form["start"], form["end"], form["step"]) == (["90000.000"], ["172800.000"], ["3600"])
    assert "Authorization" not in server.headers[0]


async def test_without_a_query_the_use_by_node_exporter_is_asked() -> None:
    server = Prometheus()
    async with listening(server.answer) as url:
        await history_of(url, NodeFloors()).read()
    assert 'sum by (instance) (rate(node_cpu_seconds_total{mode!~"idle|iowait"}[5m]))' in server.forms[0]["query"][0]


async def test_the_token_is_read_for_each_attempt_and_sent_to_the_server(tmp_path: Path) -> None:
    file, server = tmp_path / "token", Prometheus()
    file.write_text("first-token\n")
    async with listening(server.answer) as url:
        history = history_of(url, NodeFloors(), token_file=file)
        await history.read()
        file.write_text("second-token\n")
        await history.read()
    assert [sent["Authorization"] for sent in server.headers] == ["Bearer first-token", "Bearer second-token"]


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "\u00fc"])
async def test_a_file_without_a_token_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="token") as raised:
        await history_of("http://127.0.0.1:9", NodeFloors(), token_file=file).read()
    assert not text or text not in str(raised.value)


async def test_a_server_that_closes_the_connection_is_an_error() -> None:
    async def closing(request: web.Request) -> web.Response:
        await request.read()
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with listening(closing) as url:
        with pytest.raises(RemoteError):
            await history_of(url, NodeFloors(), timeout=5.0).read()


async def test_a_history_of_other_names_is_reported_with_the_remedy() -> None:
    server = Prometheus({"10.0.0.1:9100": [(47, 1.0)]})
    async with listening(server.answer) as url:
        history = history_of(url, NodeFloors())
        await history.restore()
    assert history.problem() is None
    problem = str(history.problem(NAMES))
    assert problem.startswith("no node is in the history, such as '10.0.0.1:9100': set query and label")


async def test_a_history_without_series_is_reported() -> None:
    async with listening(Prometheus().answer) as url:
        history = history_of(url, NodeFloors())
        await history.restore()
    assert "the query finds no series" in str(history.problem(NAMES))


async def test_the_history_of_a_large_cluster_is_read() -> None:
    loads = [(float(hour), 1.0 + hour) for hour in range(25, 49)]
    async with listening(Prometheus({f"n{number}": loads for number in range(3_000)}).answer) as url:
        history = await history_of(url, NodeFloors()).read()
    assert len(history) == 3_000
    assert {series.time.size for series in history.values()} == {24}


async def test_an_answer_is_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a second for 5,000 nodes, in which the scheduler answers."""
    threads: list[threading.Thread] = []

    def parsed(response: Response, where: str, **_: object) -> dict[str, object]:
        threads.append(threading.current_thread())
        return {"resultType": "matrix", "result": []}

    monkeypatch.setattr("wao_predict.recording.prometheus_range.answer_data", parsed)
    async with listening(Prometheus().answer) as url:
        assert await history_of(url, NodeFloors()).read() == {}
    assert threads != []
    assert threading.main_thread() not in threads
