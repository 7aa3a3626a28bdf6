"""Predicted watts: from the curves and the CPU use, and only where both are known."""

import numpy as np
import pytest

from wao_core.collector.store import Sample, SampleStore
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_metrics_api.prediction import put_predictions
from wao_predict.curves import PowerCurves

NAMES = ("n1", "n2", "n3")


def snapshot(names: tuple[str, ...] = NAMES) -> ClusterSnapshot:
    unknown = np.full(len(names), np.nan)
    watts = np.array([[100.0, 300.0], [50.0, 60.0], [np.nan, np.nan]])[: len(names)]
    return ClusterSnapshot(
        version=1,
        taken_at=1000.0,
        names=names,
        index={name: row for row, name in enumerate(names)},
        capacity_cores=unknown,
        allocatable_cores=unknown,
        usage_cores=unknown,
        usage_at=unknown,
        usage_window=unknown,
        floor_cores=unknown,
        floor_since=unknown,
        inlet_temp=unknown,
        inlet_temp_at=unknown,
        delta_p=unknown,
        delta_p_at=unknown,
        residual_watts=unknown,
        curves=PowerCurves(np.array([0.0, 100.0]), watts),
        reasons=("",) * len(names),
        models=("Onnx edge_lenovo",) * len(names),
    )


@pytest.fixture
def store() -> SampleStore:
    store = SampleStore()
    store.put("n1", "cpu_usage", Sample(25.0, 990.0, 15.0, 60.0))
    store.put("n2", "cpu_usage", Sample(25.0, 900.0, 15.0, 60.0))
    store.put("n3", "cpu_usage", Sample(25.0, 990.0, 15.0, 60.0))
    return store


def test_a_prediction_is_as_old_as_the_cpu_use_it_is_made_from(store: SampleStore) -> None:
    put_predictions(snapshot(), store, now=1000.0)
    sample = store.get("n1", "predicted_watts")
    assert sample is not None
    assert (sample.value, sample.time, sample.window, sample.ttl, sample.source) == (
        150.0,
        990.0,
        15.0,
        60.0,
        "Onnx edge_lenovo",
    )


def test_old_use_and_unknown_curves_give_no_prediction(store: SampleStore) -> None:
    put_predictions(snapshot(), store, now=1000.0)
    assert list(store.by_node("predicted_watts")) == ["n1"]


def test_what_is_gone_is_taken_out_and_what_stays_is_no_change(store: SampleStore) -> None:
    put_predictions(snapshot(), store, now=1000.0)
    version = store.version("predicted_watts")
    put_predictions(snapshot(), store, now=1000.0)
    assert store.version("predicted_watts") == version
    put_predictions(snapshot(()), store, now=1000.0)
    assert list(store.by_node("predicted_watts")) == []


def test_a_node_that_is_switched_off_takes_what_its_bmc_takes(store: SampleStore) -> None:
    put_predictions(snapshot(), store, now=1000.0, asleep={"n2": 8.0})
    sample = store.get("n2", "predicted_watts")
    assert sample is not None
    assert (sample.value, sample.time, sample.source) == (8.0, 1000.0, "off (standby)")
    version = store.version("predicted_watts")
    put_predictions(snapshot(), store, now=1005.0, asleep={"n2": 8.0})
    assert store.version("predicted_watts") == version
    put_predictions(snapshot(), store, now=1020.0, asleep={})
    assert store.get("n2", "predicted_watts") is None
