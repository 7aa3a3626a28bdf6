"""CPU load from the counters of a kernel."""

import pytest

from wao_predict import SensorError
from wao_predict.recording.node_cpu import CpuCounters, from_node_exporter, from_proc_stat

EXPORTER = """# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 1000.5
node_cpu_seconds_total{cpu="0",mode="iowait"} 10
node_cpu_seconds_total{cpu="0",mode="user"} 200
node_cpu_seconds_total{cpu="1",mode="idle"} 1.1e+03
node_cpu_seconds_total{cpu="1",mode="steal"} 5
node_cpu_guest_seconds_total{cpu="0",mode="user"} 150
"""


def test_the_counters_of_node_exporter() -> None:
    assert from_node_exporter(EXPORTER) == CpuCounters(2110.5, 2315.5)


def test_the_counters_of_linux() -> None:
    text = "cpu  100 5 50 800 20 3 2 7 90 0\ncpu0 1 2 3\n"
    assert from_proc_stat(text) == CpuCounters(820.0, 987.0)  # the time of guests is in that of users


@pytest.mark.parametrize(
    ("later", "load"),
    [
        ((160, 300), 40.0),
        ((200, 300), 0.0),
        ((100, 300), 100.0),
        ((90, 190), None),
        ((100, 200), None),
        ((50, 300), None),
    ],
)
def test_the_load_between_two_readings(later: tuple[float, float], load: float | None) -> None:
    assert CpuCounters(*map(float, later)).usage_since(CpuCounters(100.0, 200.0)) == load


def test_an_answer_without_counters_is_refused() -> None:
    with pytest.raises(SensorError, match="give the URL of node_exporter"):
        from_node_exporter("<html>")
    with pytest.raises(SensorError, match="does not begin with cpu"):
        from_proc_stat("")


def test_endless_lines_are_searched_in_linear_time() -> None:
    """In quadratic time it would take hours."""
    with pytest.raises(SensorError):
        from_node_exporter("node_cpu_seconds_total{\n" * 300_000)
