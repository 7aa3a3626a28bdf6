"""Checks `rebalance` and `standby`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.healthy_cluster import (
    SETTINGS,
    ago,
    condition,
    config,
    config_map,
    found_by,
    healthy,
    kinds_of,
    node,
    outcome_of,
    workload,
)
from wao_doctor.facts import Listed
from wao_doctor.findings import Severity

DRAINED: dict[str, Any] = {
    "taints": [{"key": "waok8s.github.io/draining", "value": "rebalance", "effect": "PreferNoSchedule"}]
}
TESTED = condition("WakeTested")
METHOD = {"method": "Redfish", "startTimeout": "5m"}


def running(*names: str, **spec: Any) -> Listed[Any]:
    return Listed(tuple(workload(name, **spec) for name in names))


def configs(phase: str, *, since: float = 60, tested: bool = True, **more: Any) -> Listed[Any]:
    status = {"phase": phase, "since": ago(since), **more}
    conditions = (TESTED,) if tested else ()
    return Listed((config("n1", *conditions, standby=METHOD, phase=status), config("n2")))


def test_parts_that_are_not_installed_are_optional() -> None:
    assert outcome_of("rebalance", healthy()).summary == "not installed (optional)"
    assert outcome_of("standby", healthy()).summary == "not installed (optional)"


def test_the_modes_are_shown() -> None:
    facts = healthy(workloads=running("wao-rebalance", "wao-standby"), node_configs=configs("Asleep"))
    assert outcome_of("rebalance", facts).summary == "mode recommend"
    assert outcome_of("standby", facts).summary == "mode recommend, 1 of 1 node off"


def test_a_mark_of_a_drain_that_nobody_finishes_is_reported() -> None:
    nodes = Listed((node("n1", **DRAINED), node("n2")))
    (found,) = found_by("rebalance", nodes=nodes)
    assert (found.kind, found.subject) == ("node-left-draining", "n1")
    assert kinds_of("rebalance", nodes=nodes, workloads=running("wao-rebalance")) == []


@pytest.mark.parametrize("replicas", [None, 0], ids=["not installed", "no replicas"])
def test_nodes_that_are_off_while_nobody_starts_them_are_an_error(replicas: int | None) -> None:
    there = running() if replicas is None else running("wao-standby", replicas=replicas)
    found = found_by("standby", node_configs=configs("Asleep"), workloads=there)
    assert [(item.kind, item.subject) for item in found] == [("asleep-without-standby", "n1")]
    assert found[0].severity is Severity.ERROR


def test_a_failed_start_has_its_reason_and_attempts() -> None:
    failed = configs("Failed", reason="no heartbeat within 5m", attempts=3)
    (found,) = found_by("standby", node_configs=failed, workloads=running("wao-standby"))
    assert (found.kind, found.evidence) == ("standby-start-failed", "no heartbeat within 5m (3 attempts)")


@pytest.mark.parametrize(
    ("phase", "since", "kinds"),
    [
        ("Starting", 500, []),
        ("Starting", 700, ["standby-phase-long"]),
        ("Draining", 900, []),  # the default is ten minutes
        ("Asleep", 9_000_000, []),
    ],
)
def test_a_phase_that_takes_twice_its_time_out_is_reported(phase: str, since: float, kinds: list[str]) -> None:
    assert kinds == kinds_of("standby", node_configs=configs(phase, since=since), workloads=running("wao-standby"))


@pytest.mark.parametrize(("value", "kinds"), [("true", ["standby-stopped"]), ("false", []), ("", ["standby-stopped"])])
def test_the_kill_switch_is_reported_while_it_is_on(value: str, kinds: list[str]) -> None:
    maps = {SETTINGS.kill_switch: config_map("wao-standby", stop=value)}
    assert kinds == kinds_of("standby", config_maps=maps, workloads=running("wao-standby"))


def test_a_start_that_was_never_tested_is_a_note() -> None:
    found = found_by("standby", node_configs=configs("Running", tested=False), workloads=running("wao-standby"))
    assert [(item.kind, item.severity) for item in found] == [("standby-not-tested", Severity.INFO)]
