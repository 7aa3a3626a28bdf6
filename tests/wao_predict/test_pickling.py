"""Predictors, curves and endpoints in other processes: pickled, copied, and equal there."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wao_predict import Connection, Fleet, PowerCurve, load_async_predictor, load_predictor, power_curves
from wao_predict.connection import Credentials, TlsPolicy
from wao_predict.endpoint import Endpoint, Options
from wao_predict.errors import MissingExtra, RemoteError
from wao_predict.features import FeatureRanges

NODES = {"name": ["a", "b"], "model": "curve:0=60 100=120", "capacity_cores": 32, "usage_cores": [4, 0]}
X = {"cpu_usage": [10.0, 50.0], "inlet_temp": 22.0, "delta_p": 5.0}


def pickled(item: Any) -> Any:
    return pickle.loads(pickle.dumps(item))


@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
@pytest.mark.parametrize("source", ["edge_lenovo", "fake", "specpower:intel_xeon_gold_6338n"])
def test_a_predictor_predicts_the_same_after_a_copy(source: str, again: Any) -> None:
    predictor = load_predictor(source)
    copied = again(predictor)
    assert copied.predict(X).tolist() == predictor.predict(X).tolist()
    assert (copied.name, copied.features, copied.ranges) == (predictor.name, predictor.features, predictor.ranges)


def test_a_model_file_need_not_exist_where_the_predictor_goes(tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes((Path(load_predictor("edge_lenovo").backend.path)).read_bytes())  # type: ignore[union-attr]
    sent = pickle.dumps(load_predictor(file))
    file.unlink()
    assert pickle.loads(sent).predict(X).shape == (2,)


@pytest.mark.parametrize("load", [load_predictor, load_async_predictor])
def test_a_remote_predictor_opens_new_connections(load: Any) -> None:
    connection = Connection(credentials=Credentials("u", "p"), tls=TlsPolicy(insecure=True))
    copied = pickle.loads(pickle.dumps(load("https://h.example/v2/models/m", connection=connection)))
    assert copied.backend.endpoint == "https://h.example/v2/models/m/infer"


def test_curves_fleets_and_ranges_are_equal_after_a_copy() -> None:
    fleet = Fleet.from_table(NODES)
    copied = pickle.loads(pickle.dumps(fleet))
    assert copied.names == fleet.names
    assert np.array_equal(copied.curves.watts, fleet.curves.watts)
    curve = PowerCurve.from_watts([0, 100], [60, 120])
    assert np.array_equal(copy.deepcopy(curve).watts, curve.watts)
    assert len(copy.deepcopy(power_curves(load_predictor("fake"), [20.0], [5.0]))) == 1
    ranges = FeatureRanges(cpu_usage=(0, 100), inlet_temp=(15, 40))
    assert pickle.loads(pickle.dumps(ranges)) == ranges


@pytest.mark.parametrize("error", [MissingExtra("drawing", "plot"), RemoteError("no", endpoint="h", detail="x")])
def test_errors_reach_the_process_that_waits_for_them(error: Exception) -> None:
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_an_endpoint_has_the_hash_of_the_process_it_is_in() -> None:
    """Hashes of texts differ from process to process."""
    endpoint = Endpoint("Onnx", "edge_lenovo", options=Options({"a": {"b": [1, "c"]}}))
    program = (
        "import pickle, sys; from wao_predict.endpoint import Endpoint, Options;"
        "there = pickle.loads(sys.stdin.buffer.read());"
        "here = Endpoint('Onnx', 'edge_lenovo', options=Options({'a': {'b': [1, 'c']}}));"
        "print(there == here, there in {here: 1}, hash(there.options) == hash(here.options))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(endpoint),
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.split() == [b"True", b"True", b"True"]
