"""The fleet of what-if questions: the nodes with a curve and a CPU sample."""

from __future__ import annotations

import pytest

from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_predict.errors import UsageError
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.measured_fleet import measured_fleet

NAN = float("nan")


def engine(
    *, slopes: tuple[float, ...] = (2.0, 1.0, NAN), usage: tuple[float, ...] = (1.0, 2.0, 3.0)
) -> DecisionEngine:
    made = DecisionEngine(ClusterState(), SchedulerSettings())
    made.update(snapshot(["a", "b", "c"], slopes=slopes, usage=usage))
    return made


def test_nodes_without_a_curve_or_a_sample_are_left_out() -> None:
    fleet = measured_fleet(engine(usage=(1.0, NAN, 3.0)))
    assert fleet.names == ("a",)
    assert fleet.usage_cores.tolist() == [1.0]
    assert fleet.watts().tolist() == [120.0]


def test_pods_that_are_not_in_the_sample_yet_count() -> None:
    made = engine()
    made.prioritize(Pod(name="p", namespace="default", uid="p", cpu_request=1.5), ["b"])
    assert measured_fleet(made).usage_cores.tolist() == [1.0, 3.5]


def test_the_question_may_be_about_some_nodes_only() -> None:
    assert measured_fleet(engine(), ["b"]).names == ("b",)


@pytest.mark.parametrize(("names", "words"), [(["a", "c"], "sample: c;"), (["ghost"], "ghost")])
def test_a_node_that_is_not_measured_is_an_error(names: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        measured_fleet(engine(), names)


def test_without_any_measured_node_the_error_says_where_the_reasons_are() -> None:
    with pytest.raises(UsageError, match="GET /v1/decisions"):
        measured_fleet(engine(slopes=(NAN, NAN, NAN)))


def test_before_the_first_snapshot_there_is_no_fleet() -> None:
    with pytest.raises(LookupError, match="not complete yet"):
        measured_fleet(DecisionEngine(ClusterState(), SchedulerSettings()))
