"""Decisions with plants: scores are by watts times what a watt costs on the node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes.extender import Extender
from tests.fakes.rooms import PLANTS, ROOM, rooms
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_core.prediction.cooling_costs import CoolingCosts
from wao_predict.cooling.plant_file import parse_plants
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import explain

POD = Pod(name="p", namespace="default", uid="uid-p", cpu_request=1.0)


def engine(state: ClusterState, plants: dict[str, Any] | None = None, **profile: Any) -> DecisionEngine:
    settings = parse_settings({"profiles": {"default": profile}})
    costs = None if plants is None else CoolingCosts(parse_plants(plants), ROOM)
    return DecisionEngine(state, settings, costs=costs)


def test_the_node_whose_watts_are_cheap_to_cool_wins() -> None:
    state, now = rooms(a="warm", b="cold"), snapshot(["a", "b"], slopes=[1.0, 1.2])
    alone, cooled = engine(state), engine(state, PLANTS)
    for made in (alone, cooled):
        made.update(now)
    assert alone.prioritize(POD, ["a", "b"]).chosen == "a"
    decision = cooled.prioritize(POD, ["a", "b"])
    assert decision.chosen == "b"
    assert decision.increase.tolist() == pytest.approx([16.0, 13.2])
    explained = explain(decision)
    assert "cooling and prices included" in explained.summary()
    assert [row["cost_factor"] for row in explained.rows()] == pytest.approx([1.1, 1.6])


@pytest.mark.parametrize("rule", ["lookahead", "marginal", "floor"])
def test_without_plants_nothing_changes(rule: str) -> None:
    draw = np.random.default_rng(1)
    names = [f"n{number}" for number in range(40)]
    now = snapshot(names, slopes=draw.uniform(0.5, 3.0, 40), usage=draw.uniform(0, 9, 40).tolist())
    free = {"plants": [{"type": "factor", "factor": 0.0}]}
    alone, equal = engine(rooms(), rule=rule), engine(rooms(), free, rule=rule)
    for made in (alone, equal):
        made.update(now)
    first, second = (made.prioritize(POD, names) for made in (alone, equal))
    assert first.increase.tolist() == second.increase.tolist()
    assert first.scores.tolist() == second.scores.tolist()
    assert "cost_factor" not in explain(first).columns


def test_a_cap_is_on_watts_of_the_servers_not_on_costs() -> None:
    cap = {"label": ROOM, "watts": {"*": 111.0}}
    made = engine(rooms(a="warm", b="cold"), PLANTS, powerCap=cap)
    made.update(snapshot(["a", "b"], slopes=[1.0, 1.2]))
    assert made.filter(POD, ["a", "b"]).keep == ("a",)


async def test_what_if_counts_plants_too() -> None:
    extender = Extender(rooms(a="warm", b="cold"))
    extender.engine.costs = CoolingCosts(parse_plants(PLANTS), ROOM)
    extender.engine.update(snapshot(["a", "b"], slopes=[1.0, 1.2]))
    answer = (await extender.post("/v1/what-if", {"cpu": 1, "count": 2})).json()
    assert answer["perNode"] == {"b": 2}
    assert answer["totalIncrease"] == pytest.approx(1.1 * 24.0)
    assert answer["coolingIncrease"] == pytest.approx(2.4)


async def test_what_if_without_plants_has_no_fields_about_them(extender: Extender) -> None:
    answer = (await extender.post("/v1/what-if", {"cpu": 1, "count": 2})).json()
    assert not {"coolingIncrease", "coolingBefore", "notes"} & set(answer)
