"""What is kept of a decision, and how it is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import DecisionLog, PlacementDecision, explain
from wao_scheduler.documents import DecisionDocument


def pod(name: str = "p") -> Pod:
    return Pod(name=name, namespace="default", uid=f"uid-{name}", cpu_request=1.0)


def test_what_is_kept_of_a_decision_shares_the_names_of_the_nodes() -> None:
    """kube-scheduler sends the names in another order for each pod: kept as sent, they would be kept once a pod."""
    made, held = (
        DecisionEngine(ClusterState(), SchedulerSettings()),
        snapshot([f"node-{number}" for number in range(9)]),
    )
    made.update(held)
    sent = [f"node-{number}" for number in reversed(range(10))]
    kept = explain(made.prioritize(pod(), sent)).names
    assert list(kept) == sent
    assert all(name is held.names[held.index[name]] for name in kept[1:])


def test_the_log_is_bounded_in_number_and_bytes() -> None:
    made = DecisionEngine(ClusterState(), SchedulerSettings())
    names = [f"n{number}" for number in range(500)]
    made.update(snapshot(names))
    log = DecisionLog(max_entries=50, max_bytes=400_000)
    for number in range(200):
        log.add(explain(made.prioritize(pod(f"p{number}"), names)))
    assert 0 < len(log) <= 50
    assert log.of("default/p199") is not None
    assert log.of("default/p0") is None
    assert [item.pod for item in log.latest(2)] == ["default/p199", "default/p198"]


NAN = float("nan")


def decision(**more: Any) -> PlacementDecision:
    """Return the decision on a pod of 1 core: a is measured, b is not, and the snapshot does not contain the third."""
    made = snapshot(["a", "b"], slopes=[1.0, NAN], usage=[2.0, 0.0], usage_at=1_000.0, reasons=["", "no NodeConfig"])
    fields: dict[str, Any] = {
        "pod": "default/p",
        "uid": "u",
        "at": 1_010.0,
        "profile": "default",
        "rule": "lookahead",
        "cpu_cores": 1.0,
        "cpu_source": "request",
        "chosen": "a",
        "outcome": "scored",
        "names": ("ghost", "b", "a"),
        "rows": np.array([-1, 1, 0]),
        "noted": np.array([False, True, False]),
        "usage": np.array([NAN, 0.0, 2.5]),
        "assumed": np.array([NAN, 0.0, 0.5]),
        "increase": np.array([NAN, NAN, 10.0]),
        "scores": np.array([0, 0, 10]),
        "snapshot": made,
    }
    return PlacementDecision(**(fields | more))


def test_an_explanation_has_the_inputs_of_every_candidate_best_first() -> None:
    best, *rest = explain(decision()).rows()
    assert best == {
        "node": "a",
        "score": 10,
        "watts_before": 125.0,
        "watts_after": 135.0,
        "increase": 10.0,
        "usage_cores": 2.5,
        "assumed_cores": 0.5,
        "floor_cores": 2.0,
        "capacity_cores": 10.0,
        "inlet_temp": 22.0,
        "delta_p": 5.0,
        "residual_watts": None,
        "usage_age": 10.0,
        "inlet_temp_age": 10.0,
        "delta_p_age": 10.0,
        "reason": "",
    }
    assert {row["node"]: row["reason"] for row in rest} == {
        "ghost": "the node is not in the snapshot yet",
        "b": "no NodeConfig",
    }
    ghost = next(row for row in rest if row["node"] == "ghost")
    assert {value for name, value in ghost.items() if name not in ("node", "score", "reason")} == {None}


@pytest.mark.parametrize(
    ("usage", "increase", "stated", "reason"),
    [
        (2.0, float("inf"), "", "the pod would overload the node"),
        (2.0, float("inf"), "inlet_temp is 70 s old", "the pod would overload the node; inlet_temp is 70 s old"),
        (NAN, NAN, "", "no recent CPU sample"),
        (2.0, NAN, "", "no power curve"),
        (2.0, NAN, "no NodeConfig", "no NodeConfig"),
        (2.0, 5.0, "inlet_temp is 70 s old", "inlet_temp is 70 s old"),
        (2.0, 5.0, "", ""),
    ],
)
def test_a_candidate_states_why_it_is_unknown_overloaded_or_scored_on_a_fallback(
    usage: float, increase: float, stated: str, reason: str
) -> None:
    made = explain(
        decision(
            names=("a",),
            rows=np.array([0]),
            noted=np.array([bool(stated)]),
            usage=np.array([usage]),
            assumed=np.array([0.0]),
            increase=np.array([increase]),
            scores=np.array([10]),
            snapshot=snapshot(["a"], reasons=[stated]),
        )
    )
    assert made.rows()[0]["reason"] == reason


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("scored", "a adds 10.0 W by rule lookahead, the least of 3 candidates, for 1 cores"),
        ("all_overloaded", "no measured node of 3 candidates has room for 1 cores: a is the least loaded"),
        ("no_node_known", "none of 3 candidates is measured: power decided nothing"),
        ("not_ours", "profile default does not score this pod"),
    ],
)
def test_a_summary_says_in_one_sentence_what_decided(outcome: str, words: str) -> None:
    assert explain(decision(outcome=outcome)).summary().startswith(words)


def test_an_explanation_is_a_document_with_as_many_nodes_as_wanted() -> None:
    document = explain(decision()).as_dict(limit=1)
    assert (document["candidates"], document["chosen"]) == (3, "a")
    assert [node["node"] for node in document["nodes"]] == ["a"]  # type: ignore[attr-defined]
    assert DecisionDocument.model_validate(document).nodes[0].score == 10


def test_a_later_decision_on_a_pod_replaces_the_earlier_one() -> None:
    log = DecisionLog()
    log.add(explain(decision(pod="default/q")))
    for at in (1.0, 2.0):
        log.add(explain(decision(at=at)))
    assert len(log) == 2
    assert [item.at for item in log.latest(5) if item.pod == "default/p"] == [2.0]


def test_a_log_may_keep_none() -> None:
    log = DecisionLog(max_entries=0)
    log.add(explain(decision()))
    assert (len(log), log.latest(5), log.of("default/p")) == (0, [], None)
