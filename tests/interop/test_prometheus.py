"""The sensor against the real Prometheus: make test-interop fetches it from the distribution's packages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.interop.conftest import ROOT, free_port, process
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
