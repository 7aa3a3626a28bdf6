"""What a watt costs on each node: values that are measured, kept and missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from tests.fakes.rooms import PLANTS, ROOM, rooms
from tests.fakes.server_thread import listening
from tests.fakes.snapshots import snapshot
from wao_core.prediction.cooling_costs import MAX_AGE, CoolingCosts, PlantSource
from wao_predict.cooling.plant_file import parse_plants
from wao_predict.errors import UsageError


def test_a_snapshot_with_prices_has_curves_of_cost() -> None:
    costs, nodes = CoolingCosts(parse_plants(PLANTS), ROOM), rooms(a="warm", b="cold", c="other").nodes
    plain = snapshot(["a", "b", "c"], slopes=[1.0, 1.0, 1.0])
    priced = costs.priced(plain, nodes)
    assert (priced.curves.watts / plain.curves.watts)[:, 0].tolist() == pytest.approx([1.6, 1.1, 1.0])
    assert priced.rows(["c", "a"]).tolist() == [2, 0]
    assert costs.by_group == pytest.approx({"warm": 1.6, "cold": 1.1, "*": 1.0})


def test_a_price_that_is_missing_counts_as_factor_one_and_is_reported() -> None:
    prices: list[dict[str, object]] = [{"group": "a", "price": 0.1}, {"group": "b", "price": 0.3}, {"group": "c"}]
    plants = [{"type": "factor", "factor": 0.0} | given for given in prices]
    costs = CoolingCosts(parse_plants({"minimize": "price", "plants": plants}), ROOM)
    assert costs.factors(snapshot(["x", "y", "z"]), rooms(x="a", y="b", z="c").nodes).tolist() == pytest.approx(
        [0.5, 1.5, 1.0]
    )
    assert costs.problem() == "price of group c is unknown: counted as the mean"


def test_a_plant_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml"):
        PlantSource(tmp_path / "none.yaml", ROOM).costs()


def test_factors_stay_until_they_change_enough() -> None:
    plant = {"type": "cop", "curve": [[20, 5]], "outdoor": {"temp": 20}, "group": "warm"}
    costs, nodes = CoolingCosts(parse_plants({"plants": [plant]}), ROOM), rooms(a="warm", b="cold").nodes
    first = snapshot(["a", "b"])
    factors = costs.factors(first, nodes)
    assert factors.tolist() == pytest.approx([1.2, 1.0])
    later = costs.factors(replace(first, usage_cores=np.array([5.0, 5.0])), nodes)
    assert later.tolist() == factors.tolist()


def test_a_plant_whose_weather_is_unknown_counts_without_cooling_and_is_a_warning() -> None:
    measured = {"temp": {"url": "http://127.0.0.1:9", "query": "outdoor"}}
    plants = {"plants": [{"group": "warm", "type": "cop", "outdoor": measured}]}
    costs = CoolingCosts(parse_plants(plants), ROOM)
    factors = costs.factors(snapshot(["a"]), rooms(a="warm").nodes)
    assert factors.tolist() == [1.0]
    problem = costs.problem()
    assert problem is not None
    assert "needs the outdoor temp" in problem


async def prometheus(request: web.Request) -> web.Response:
    """Answer every query with the PUE 1.4, sampled now."""
    result = [{"metric": {}, "value": [1000.0, "1.4"]}]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


async def test_measured_values_are_read_and_become_old() -> None:
    now = [0.0]
    async with listening(prometheus) as url:
        plants = {"plants": [{"type": "pue", "pue": {"url": url, "query": "site / servers"}}]}
        costs = CoolingCosts(parse_plants(plants), ROOM, clock=lambda: now[0])
        await costs.read()
    assert costs.factors(snapshot(["a"]), rooms().nodes).tolist() == pytest.approx([1.4])
    assert costs.problem() is None
    now[0] = MAX_AGE + 1.0
    assert costs.factors(snapshot(["a"]), rooms().nodes).tolist() == [1.0]
    assert "counts without cooling" in str(costs.problem())
