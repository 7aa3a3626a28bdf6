"""What a cluster measures, as rows."""

from pathlib import Path

from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.recording.nodes import RecordedNodes
from wao_core.recording.recorder import ClusterRecorder
from wao_predict.recording.files import Recording
from wao_predict.train.table import load_table

NODES = RecordedNodes(("a", "b"), ("inlet_temp", "power_watts"), ())
NOW = 1_700_000_000.0


def put(store: SampleStore, node: str, at: float, *, watts: float, usage: float = 50.0) -> None:
    store.put(node, "inlet_temp", Sample(22.0, at - 20.0))
    store.put(node, "power_watts", Sample(watts, at - 5.0))
    store.put(node, "cpu_usage", Sample(usage, at, 15.0))


def test_samples_become_rows_once_and_a_second_recording_continues(tmp_path: Path) -> None:
    store, file = SampleStore(), tmp_path / "log.csv"
    for _ in range(2):  # the second recorder sees the same, and more
        recorder = ClusterRecorder(store, Recording(file, NODES.columns), NODES)
        for number in range(3):
            at = NOW + 15.0 * number
            put(store, "a", at, watts=100.0 + number, usage=100.4)
            recorder.step(at)
            recorder.step(at + 1.0)
    table = load_table(file)
    assert table.time is not None
    assert table.time.tolist() == [NOW, NOW + 15.0]  # the last window waits for a later sample of the power
    assert (table.watts.tolist(), table.X.tolist()) == ([100.0, 101.0], [[100.0, 22.0]] * 2)
    assert recorder.coverage.rows == 0


def test_what_is_missing_is_stated_with_the_number_of_nodes(tmp_path: Path) -> None:
    store = SampleStore()
    recorder = ClusterRecorder(store, Recording(tmp_path / "log.csv", NODES.columns), NODES)
    assert recorder.problem(NOW) == "2 of 2 nodes: cpu_usage: metrics.k8s.io has no value"
    put(store, "a", NOW, watts=100.0)
    put(store, "b", NOW, watts=100.0)
    assert recorder.problem(NOW) == ""
    store.put("b", "power_watts", Sample(1.0, NOW - 90.0, state=SampleState.FAILED, reason="no answer"))
    assert recorder.problem(NOW) == "1 of 2 nodes: power_watts: no answer, the last value is 90 s old"
