"""One server, read once per period."""

from pathlib import Path

import pytest

from wao_predict import RemoteError, SensorError
from wao_predict.flow import Flow, Response
from wao_predict.recording.live import LiveNode, Source, check_sources, exporter_counters, local_counters
from wao_predict.recording.node_cpu import CpuCounters
from wao_predict.sensors.base import Reading
from wao_predict.testing import MockTransport
from wao_predict.timestamps import parse_rfc3339

NOTHING = MockTransport(lambda request: Response(200))


class Meter:
    """A sensor without requests."""

    base_url = ""

    def __init__(self, *readings: Reading | Exception) -> None:
        self.readings = list(readings)

    def flow(self) -> Flow[Reading]:
        yield from ()  # no requests
        reading = self.readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading


def live(*readings: Reading | Exception) -> LiveNode:
    counters = iter([CpuCounters(100.0 * n, 200.0 * n) for n in range(9)])
    return LiveNode(
        "a", lambda: next(counters), {"watts": Source(Meter(*readings), NOTHING)}, clock=lambda: 1_000_000.0
    )


def at(text: str, watts: float = 150.0) -> Reading:
    from datetime import UTC, datetime

    seconds = parse_rfc3339(text)
    assert seconds is not None
    return Reading(watts, "W", datetime.fromtimestamp(seconds, UTC))


def test_a_row_has_the_load_since_the_row_before() -> None:
    node = live(Reading(140.0), Reading(150.0))
    assert node.read() is None
    assert node.problem == "waiting for the first period"
    row = node.read()
    assert row is not None
    assert (row.time, row.node, dict(row.values)) == (1_000_000.0, "a", {"cpu_usage": 50.0, "watts": 150.0})


@pytest.mark.parametrize(("text", "time"), [("1970-01-12T13:46:30Z", 999_990.0), ("2004-01-01T00:00:00Z", 1_000_000.0)])
def test_the_time_is_that_of_the_bmc_unless_its_clock_is_wrong(text: str, time: float) -> None:
    node = live(at(text), at(text))
    node.read()
    row = node.read()
    assert row is not None
    assert row.time == time


def test_a_missing_value_costs_one_row_and_is_told() -> None:
    node = live(Reading(1.0), SensorError("no reading"), RemoteError("away", endpoint="bmc"), Reading(160.0))
    assert [row and row.values["watts"] for row in (node.read() for _ in range(4))] == [None, None, None, 160.0]


def test_a_source_that_cannot_be_read_is_found_before_the_recording() -> None:
    check_sources(live(Reading(100.0)))
    with pytest.raises(SensorError, match="a cannot be recorded: no reading"):
        check_sources(live(SensorError("no reading")))


def test_counters_of_this_machine_and_of_node_exporter(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 10 0 10 80 0 0 0 0\n")
    assert local_counters(tmp_path / "stat")() == CpuCounters(80.0, 100.0)
    body = b'node_cpu_seconds_total{cpu="0",mode="idle"} 5\n'
    assert exporter_counters(MockTransport(lambda request: Response(200, body)), "/metrics")() == CpuCounters(5.0, 5.0)
    with pytest.raises(RemoteError, match="answered 404 to /metrics"):
        exporter_counters(MockTransport(lambda request: Response(404)), "/metrics")()
