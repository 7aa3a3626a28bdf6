"""`wao record`."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner, Result

from tests.fakes.certificates import self_signed_in
from tests.wao_predict.cli.running import wao
from tests.wao_predict.redfish.captures import documents
from wao_predict import SensorError, UsageError
from wao_predict.cli.record import app, follow
from wao_predict.recording.aligning import Row
from wao_predict.recording.files import Recording
from wao_predict.recording.live import LiveNode
from wao_predict.recording.load import Limits, LoadPlan, SteppedLoad
from wao_predict.recording.node_cpu import CpuCounters
from wao_predict.testing import MockBmc
from wao_predict.train.table import load_table


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


class Prometheus(BaseHTTPRequestHandler):
    """Answers range queries: the value of a query is the text of its number."""

    nodes: ClassVar[tuple[str, ...]] = ("a", "b")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        first, last, step = (float(form[name][0]) for name in ("start", "end", "step"))
        at = [first + number * step for number in range(int((last - first) // step) + 1)]
        level = {"watts": 200.0, "inlet": 22.0}.get(form["query"][0], 40.0)
        series = [{"metric": {"instance": node}, "values": [[t, str(level)] for t in at]} for node in self.nodes]
        body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def prometheus() -> Iterator[str]:
    with serving(Prometheus) as url:
        yield url


def test_a_range_of_prometheus_becomes_a_table_that_is_continued(prometheus: str, tmp_path: Path) -> None:
    command = ["prometheus", prometheus, "-s", tmp_path / "log.csv", "--watts-query", "watts", "--inlet-query", "inlet"]
    result = run(*command, "--start", "2026-01-01T00:00:00Z", "--end", "2026-01-01T01:00:00Z")
    assert result.exit_code == 0
    assert "480 new rows of 2 nodes" in result.stdout
    assert "480 rows; load -.-.-.-.480.-.-.-.-.-; inlet 22-24: 480" in result.stderr
    again = run(*command, "--start", "2026-01-01T00:30:00Z", "--end", "2026-01-01T01:30:00Z")
    assert "240 new rows of 2 nodes" in again.stdout
    table = load_table(tmp_path / "log.csv")
    assert (len(table), table.features) == (720, ("cpu_usage", "inlet_temp"))


def test_queries_without_a_common_node_are_refused(prometheus: str, tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="has no label node"):
        run("prometheus", prometheus, "-s", tmp_path / "l.csv", "--watts-query", "watts", "--node-label", "node")


@pytest.mark.parametrize("node", ["=1+1", "+a", "-a", "@a", "a\nb", "\x1b[31m"])
def test_a_name_that_a_spreadsheet_or_a_terminal_would_carry_out_is_refused(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prometheus, "nodes", (node,))
    with serving(Prometheus) as url, pytest.raises(SensorError, match="is no name of a node"):
        run("prometheus", url, "-s", tmp_path / "l.csv", "--watts-query", "watts")


def test_load_is_made_only_on_the_recorded_server(tmp_path: Path) -> None:
    result = run("redfish", "https://bmc", "-s", tmp_path / "l.csv", "--run-load", "--cpu", "http://node:9100/metrics")
    assert result.exit_code == 2
    with pytest.raises(UsageError, match="--duration"):
        run("redfish", "https://bmc", "-s", tmp_path / "l.csv", "--duration", "long")


class Quiet:
    """A generator that makes no load."""

    def set(self, level: float) -> None:
        pass

    def stop(self) -> None:
        pass


class Steady(LiveNode):
    """A server that always has the same load, and warms up."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__("a", lambda: CpuCounters(0, 0), {})
        self._now = clock

    def read(self) -> Row | None:
        return Row(self._now[0], "a", {"cpu_usage": 50.0, "inlet_temp": 20.0 + self._now[0] / 100, "watts": 150.0})


@pytest.mark.parametrize(("limit", "max_inlet", "rows"), [(120.0, 99.0, 8), (1e9, 20.6, 5), (1e9, 99.0, 40)])
def test_a_recording_ends_with_its_time_a_limit_or_the_load(
    limit: float, max_inlet: float, rows: int, tmp_path: Path
) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    target = Recording(tmp_path / "log.csv", ["cpu_usage", "inlet_temp", "watts"])
    with SteppedLoad(LoadPlan((0, 100), 200.0), Limits(max_inlet), generator=Quiet()) as load:
        assert follow(Steady(now), target, load, period=15, limit=limit, clock=lambda: now[0], sleep=sleep) == rows
    assert len((tmp_path / "log.csv").read_text().splitlines()) == rows + 1


class NodeExporter(BaseHTTPRequestHandler):
    """Counters of a node that is busy for 40 % of the time; notes what it was sent."""

    received: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.received.append(str(self.headers))
        reads = len(self.received)
        body = "".join(
            f'node_cpu_seconds_total{{cpu="0",mode="{mode}"}} {seconds * reads}\n'
            for mode, seconds in (("idle", 6.0), ("user", 4.0))
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


async def test_a_bmc_with_sessions_and_a_certificate_of_its_own_is_recorded_with_node_exporter(tmp_path: Path) -> None:
    """The password goes to the BMC only, and the session is closed at the end."""
    certificate = self_signed_in(tmp_path)
    bmc = MockBmc(documents("dell-r750-idrac9-7.10"), credentials=("reader", "hunter2"), basic=False)
    await bmc.start(tls=certificate.serving)
    NodeExporter.received.clear()
    try:
        with serving(NodeExporter) as exporter:
            command = ["record", "redfish", bmc.url, "--user", "reader", "--ca-file", str(certificate.certificate)]
            command += [
                "--cpu",
                f"{exporter}/metrics",
                "--period",
                "1",
                "--duration",
                "2s",
                "-s",
                str(tmp_path / "l.csv"),
            ]
            ran = await asyncio.to_thread(wao, *command, env={"WAO_PASSWORD": "hunter2"})
    finally:
        await bmc.stop()
    assert ran.code == 0, ran.err
    table = load_table(tmp_path / "l.csv")
    assert table.features == ("cpu_usage", "inlet_temp")
    assert {tuple(row) for row in table.X.tolist()} == {(40.0, 20.0)}
    assert (bmc.logins, bmc.sessions) == (1, 0)
    assert not any("authorization" in sent.lower() or "x-auth-token" in sent.lower() for sent in NodeExporter.received)


async def test_the_history_of_a_bmc_is_recorded_and_continued(tmp_path: Path) -> None:
    async with MockBmc(documents("hpe-dl380a-gen11-ilo6")) as bmc:
        command = ["record", "history", bmc.url, "-s", str(tmp_path / "log.csv"), "--node", "a"]
        first, second = [await asyncio.to_thread(wao, *command) for _ in range(2)]
        week = await asyncio.to_thread(wao, *command, "--meter", "week")
    assert "120 new rows of a" in first.out
    assert "120 rows; load " in first.err
    assert "0 new rows of a" in second.out
    assert (week.code, "no SlowPowerMeter, a power meter of HPE" in week.err) == (1, True)
    table = load_table(tmp_path / "log.csv")
    assert (len(table), table.features) == (120, ("cpu_usage", "inlet_temp"))
