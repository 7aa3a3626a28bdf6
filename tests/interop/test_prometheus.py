"""The sensor against the real Prometheus: make test-interop fetches it from the distribution's packages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from tests.interop.conftest import ROOT, free_port, process
from wao_core.prediction.floor_history import FloorHistory, HistorySource
from wao_core.prediction.node_floors import NodeFloors
from wao_predict import RemoteError, SensorError
from wao_predict.flow import run
from wao_predict.sensors.base import Reading
from wao_predict.sensors.prometheus import PrometheusSensor
from wao_predict.transport import HttpTransport

pytestmark = pytest.mark.interop
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: inlets
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
EXPOSITION = b"""# TYPE inlet gauge
inlet{node="n1",ip="10.0.0.1"} 23.5
inlet{node="n2",ip="10.0.0.2"} 25.5
pressure{node="n1"} 7.25
cpu_cores{node="n1"} 1.5
cpu_cores{node="n2"} 6
node_cpu_seconds_total{cpu="0",mode="user"} 100
node_cpu_seconds_total{cpu="0",mode="idle"} 900
"""


class Exporter(BaseHTTPRequestHandler):
    """Serves the same metrics for ever."""

    def do_GET(self) -> None:
        """Answer a scrape."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(EXPOSITION)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Prometheus until it has scraped; yield its URL."""
    program = shutil.which("prometheus") or shutil.which(ROOT / ".cache" / "prometheus" / "usr" / "bin" / "prometheus")
    if program is None:
        pytest.skip("prometheus is not there: make test-interop")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    Thread(target=exporter.serve_forever, daemon=True).start()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=exporter.server_address[1]))
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]
    arguments += [f"--web.listen-address={url.removeprefix('http://')}", f"--web.external-url={url}/prom"]
    try:
        with process(arguments, folder, f"{url}/prom/-/ready", {}):
            _until(lambda: _scraped(f"{url}/prom"))
            yield f"{url}/prom"
    finally:
        exporter.shutdown()
        exporter.server_close()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end, "nothing was scraped"


def _scraped(url: str) -> bool:
    try:
        return read(url, 'inlet{node="n1"} offset 2s').value == 23.5
    except SensorError:
        return False


def read(url: str, query: str, **more: Any) -> Reading:
    """Return one reading."""
    sensor = PrometheusSensor(url, query, **more)
    transport = HttpTransport(sensor.base_url)
    try:
        return run(sensor.flow(), transport)
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('inlet{node="$node"}', 23.5),
        ('inlet{ip="$address"}', 23.5),
        ('avg_over_time(inlet{node="n2"}[5s])', 25.5),
        ("max(inlet)", 25.5),
        ("scalar(max(inlet)) # the hottest", 25.5),
        ('scalar(inlet{node="n1"}) + 1', 24.5),
        ("21.5", 21.5),
        ('inlet{node="n1"} or inlet{node="n9"}', 23.5),
    ],
)
def test_queries_give_their_value(server: str, query: str, value: float) -> None:
    reading = read(server, query, node_name="n1", node_address="10.0.0.1")
    assert reading.value == value


def test_the_time_of_the_sample_is_used(server: str) -> None:
    first = read(server, 'inlet{node="n1"} offset 2s').time
    second = read(server, 'inlet{node="n1"}').time
    assert first is not None
    assert second is not None
    assert (second - first).total_seconds() > 1.5


def test_other_quantities(server: str) -> None:
    assert read(server, 'pressure{node="n1"}', metric="delta_p").unit == "Pa"


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("inlet", SensorError, "finds 2 samples for one node"),
        ("nothing_here", SensorError, "finds no sample"),
        ("inlet{", RemoteError, "refuses the query: .*unexpected"),
        ("inlet[1m]", SensorError, "returns a result of type matrix"),
        ('"text"', SensorError, "returns a result of type string"),
        ("1/0", SensorError, "not a finite number"),
        ('inlet{node="n1"} * 1000', SensorError, "returns 23500, not a value from -20 to 70 degC"),
    ],
)
def test_a_query_without_a_reading_is_reported(server: str, query: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(server, query)


WINDOW = 288.0
"""Window [s] of which Prometheus computes the load every second, so that a few seconds of scrapes are enough."""


async def test_floors_are_restored_from_the_history(server: str) -> None:
    names, loads = ("n1", "n2", "n3"), np.array([4.0, 4.0, 4.0])
    floors = NodeFloors(WINDOW)
    before = floors.update(time.time(), names, loads).tolist()
    history = FloorHistory(HistorySource(url=server, query="cpu_cores # measured", label="node"), floors)
    await history.restore()
    assert (before, floors.update(time.time(), names, loads).tolist()) == ([4.0, 4.0, 4.0], [1.5, 4.0, 4.0])
    assert history.problem(names) is None


async def test_the_default_query_finds_the_nodes_of_node_exporter(server: str) -> None:
    series = await FloorHistory(HistorySource(url=server), NodeFloors(WINDOW)).read()
    assert [found.value.tolist()[-1:] for found in series.values()] == [[0.0]]


async def test_a_history_that_prometheus_refuses_is_reported(server: str) -> None:
    with pytest.raises(RemoteError, match="refuses the query"):
        await FloorHistory(HistorySource(url=server, query="cpu_cores{"), NodeFloors()).read()
