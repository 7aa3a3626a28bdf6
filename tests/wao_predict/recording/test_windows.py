"""Rows at the windows of a cluster's CPU load."""

from wao_predict.recording.windows import SETTLE, NodeSamples, Window


def node(*watts: tuple[float, float], inlet: tuple[float, float] | None = None) -> NodeSamples:
    samples = NodeSamples("a", ["inlet_temp", "watts"] if inlet else ["watts"])
    for at, value in watts:
        samples.add("watts", at, value)
    if inlet:
        samples.add("inlet_temp", *inlet)
    return samples


def test_the_power_of_a_row_is_the_mean_within_the_window_of_the_load() -> None:
    samples = node((10.0, 999.0), (11.0, 100.0), (20.0, 200.0), (21.0, 999.0), inlet=(2.0, 22.0))
    samples.add_window(Window(20.0, 10.0, 50.0))
    (row,) = samples.rows(now=21.0)
    assert (row.time, row.values) == (20.0, {"cpu_usage": 50.0, "inlet_temp": 22.0, "watts": 150.0})
    assert samples.rows(now=1000.0) == []


def test_a_window_waits_for_a_later_sample_of_the_power_but_not_for_long() -> None:
    samples = node((15.0, 100.0))
    samples.add_window(Window(20.0, 10.0, 50.0))
    assert samples.rows(now=21.0) == []
    assert [row.values["watts"] for row in samples.rows(now=21.0 + SETTLE)] == [100.0]


def test_a_window_without_a_value_gives_no_row() -> None:
    late = node((35.0, 100.0))
    late.add_window(Window(20.0, 10.0, 50.0))
    assert late.rows(now=36.0) == []  # no power in the window
    cold = node((15.0, 100.0), (25.0, 100.0), inlet=(22.0, 20.0))
    cold.add_window(Window(20.0, 10.0, 50.0))
    assert cold.rows(now=36.0) == []  # no temperature before its end


def test_windows_and_samples_that_are_known_already_count_once() -> None:
    samples = NodeSamples("a", ["watts"], after=20.0)
    for end in (20.0, 40.0, 40.0):
        samples.add_window(Window(end, 10.0, 50.0))
    samples.add_window(Window(50.0, 0.0, 50.0))  # metrics-server states a window
    for at, watts in ((35.0, 100.0), (35.0, 900.0), (45.0, 100.0), (55.0, 100.0)):
        samples.add("watts", at, watts)
    assert [row.time for row in samples.rows(now=60.0)] == [40.0]
