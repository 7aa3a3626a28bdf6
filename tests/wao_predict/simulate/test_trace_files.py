"""Tables of pods: CSV and Parquet, own column names, and errors that name the place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.simulate.trace_files import ALIBABA_GPU_2023, TraceColumns, read_trace

PLAIN = "arrival,duration,cpu_request,cpu_use,movable,extra\n60,30,2,0.5,no,x\n10,,1,,yes,y\n"
ALIBABA = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
    "openb-pod-0000,12000,16384,1,1000,,LS,Running,0,12537496,0\n"
    "openb-pod-0001,6000,12288,1,460,,LS,Running,427061,12902960,427061\n"
    "openb-pod-0002,500,1024,0,0,,BE,Pending,427100,,\n"
)


def file(folder: Path, text: str) -> Path:
    path = folder / "pods.csv"
    path.write_text(text)
    return path


def test_a_table_has_arrival_duration_and_cpu(tmp_path: Path) -> None:
    trace = read_trace(file(tmp_path, PLAIN))
    assert trace.arrival.tolist() == [0.0, 50.0]  # from the first arrival on
    assert trace.duration.tolist() == [np.inf, 30.0]
    assert trace.request.tolist() == [1.0, 2.0]
    assert trace.use.tolist() == [1.0, 0.5]
    assert trace.movable.tolist() == [True, False]
    assert trace.horizon == 80.0


def test_an_end_serves_instead_of_a_duration(tmp_path: Path) -> None:
    trace = read_trace(file(tmp_path, "arrival,end,cpu_request\n100,160,1\n"))
    assert (trace.duration.tolist(), trace.use.tolist(), trace.movable.tolist()) == ([60.0], [1.0], [True])


def test_columns_of_alibabas_gpu_trace(tmp_path: Path) -> None:
    trace = read_trace(file(tmp_path, ALIBABA), ALIBABA_GPU_2023)
    assert trace.request.tolist() == [12.0, 6.0, 0.5]
    assert trace.arrival.tolist() == [0.0, 427061.0, 427100.0]
    assert trace.duration.tolist() == [12537496.0, 12902960.0 - 427061.0, np.inf]


def test_other_column_names(tmp_path: Path) -> None:
    columns = TraceColumns(cpu_scale=0.001).renamed({"arrival": "start", "request": "milli"})
    trace = read_trace(file(tmp_path, "Start,duration,milli\n5,10,1500\n"), columns, horizon=60.0)
    assert (trace.request.tolist(), trace.horizon) == ([1.5], 60.0)
    with pytest.raises(UsageError, match="no column begin in a trace; there are arrival, duration"):
        TraceColumns().renamed({"begin": "start"})


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "pods.parquet"
    columns = {"arrival": [0.0, 1.0], "duration": [5.0, None], "cpu_request": [1, 2], "movable": [True, False]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    trace = read_trace(path)
    assert trace.duration.tolist() == [5.0, np.inf]
    assert trace.movable.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arrival,duration\n1,2\n", "missing column cpu_request"),
        ("start,end,cpu\n1,2,1\n", "missing columns arrival, cpu_request; the header has start, end, cpu"),
        ("arrival,duration,cpu_request\n2026-01-31T12:00:00Z,2,1\n", "is not a number; write times in seconds"),
        ("arrival,cpu_request\n1,2\n", "missing column duration or end"),
        ("arrival,duration,cpu_request\n1,2,\n", "line 2, column cpu_request: the value is missing"),
        ("arrival,duration,cpu_request\n1,2,many\n", "line 2, column cpu_request: 'many' is not a number"),
        ("arrival,duration,cpu_request\n,2,1\n", "column arrival: the value is missing"),
        ("arrival,duration,cpu_request,movable\n1,2,1,maybe\n", "column movable: 'maybe' is neither true nor false"),
        ("arrival,end,cpu_request\n5,2,1\n", "duration of pod 1 is -3"),
        ("arrival,duration,cpu_request\n", "has no pods"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises((FeatureError, UsageError), match=words):
        read_trace(file(tmp_path, text))


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pods.parquet"
    path.write_text("arrival")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        read_trace(path)
