"""Set points at which servers and plant together use least."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import Plant
from wao_predict.cooling.models import ChillerAndFans, CoolingFactor
from wao_predict.cooling.plant import FAN, WATER, PlantState
from wao_predict.cooling.published import TrainedPlant
from wao_predict.cooling.set_points import Limits, allowed, optimize
from wao_predict.cooling.site import ServerTable, Site
from wao_predict.errors import UsageError


def table(
    base: float = 18_000.0, per_kelvin: float = 60.0, per_ratio: float = 400.0, hottest: float = 25.0
) -> ServerTable:
    shifts, ratios = np.arange(-25.0, 26.0), np.linspace(0.4, 2.5, 9)
    warm = np.where(shifts > 0, shifts, 0.3 * shifts)[:, None]
    return ServerTable(shifts, ratios, base + per_kelvin * warm + per_ratio * (ratios[None, :] - 1.0), hottest)


def chiller(water: float = 12.0, fan: float = 1400.0, outdoor: float = 28.0) -> Plant:
    return Plant(ChillerAndFans(25_000.0), PlantState(outdoor, 60.0, {WATER: water, FAN: fan}))


@pytest.fixture(scope="module")
def published() -> TrainedPlant:
    return TrainedPlant()


def test_it_is_never_worse_than_the_best_of_fifty_random_trials(published: TrainedPlant) -> None:
    """Trials of the reference: whole degrees from 3 to 32, and fan speeds from 950 in steps of 20."""
    for seed in range(30):
        draw = np.random.default_rng(seed)
        state = PlantState(draw.uniform(20, 31), draw.uniform(40, 95), {WATER: 16.0, FAN: 1400.0})
        base, hottest, ceiling = draw.uniform(11_000, 29_000), draw.uniform(20, 30), draw.uniform(26, 34)
        servers = table(base, draw.uniform(0, 150), draw.uniform(-500, 500), hottest)
        site, limits = Site(Plant(published, state), servers), Limits(ceiling)
        found = optimize(site, limits)
        trials = {WATER: draw.integers(3, 33, 50).astype(float), FAN: 950.0 + 20.0 * draw.integers(0, 23, 50)}
        outcomes = site.at(trials)
        met = allowed(outcomes, limits)
        if met.any():
            assert found.allowed
            assert float(found.after.total) <= float(outcomes.total[met].min()) + 1e-6


def test_the_ceiling_is_met_and_the_saving_is_that_of_both_together() -> None:
    found = optimize(Site(chiller(), table()), Limits(inlet_ceiling=27.0))
    assert found.allowed
    assert float(found.after.hottest_inlet) <= 27.0 + 1e-9
    assert found.saving == pytest.approx(float(found.before.total - found.after.total))
    assert found.saving > 0


def test_servers_that_dislike_warm_air_stay_cooler() -> None:
    easy, hard = (optimize(Site(chiller(), table(per_kelvin=k)), Limits(40.0)) for k in (0.0, 600.0))
    assert float(hard.after.hottest_inlet) < float(easy.after.hottest_inlet) - 3.0


def test_set_points_move_no_further_than_their_ramps() -> None:
    found = optimize(Site(chiller(), table()), Limits(None, {WATER: 2.0, FAN: 50.0}))
    assert abs(found.recommended[WATER] - 12.0) <= 2.0 + 1e-9
    assert abs(found.recommended[FAN] - 1400.0) <= 50.0 + 1e-9
    still = optimize(Site(chiller(), table()), Limits(None, {WATER: 0.0, FAN: 0.0}))
    assert (still.saving, still.saving_error) == (0.0, 0.0)


def test_if_nothing_within_reach_meets_the_ceiling_the_coolest_is_recommended() -> None:
    found = optimize(Site(chiller(), table(hottest=45.0)), Limits(27.0, {WATER: 2.0}))
    assert not found.allowed
    assert found.recommended[WATER] == 10.0
    assert found.recommended[FAN] == 1400.0


def test_the_error_of_the_saving_is_that_of_the_model(published: TrainedPlant) -> None:
    state = PlantState(25.0, 60.0, {WATER: 16.0, FAN: 1400.0})
    found = optimize(Site(Plant(published, state), table()), Limits(30.0))
    assert published.error_watts is not None
    assert found.saving_error == pytest.approx(np.sqrt(2) * published.error_watts)
    document = found.as_dict()
    assert document["saving_watts"] == pytest.approx(found.saving)
    assert document["allowed"] is True


def test_an_unknown_inlet_meets_no_ceiling() -> None:
    assert not optimize(Site(chiller(), table(hottest=float("nan"))), Limits(27.0)).allowed
    assert optimize(Site(chiller(), table(hottest=float("nan"))), Limits(None)).allowed


@pytest.mark.parametrize(
    ("plant", "limits", "says"),
    [
        (Plant(CoolingFactor(0.4), PlantState()), Limits(), "CoolingFactor has no set points"),
        (chiller(), Limits(ramps={"valve": 1.0}), "no set point valve"),
        (chiller(), Limits(ramps={WATER: -1.0}), "-1 is below 0"),
        (Plant(ChillerAndFans(1e4), PlantState()), Limits(), "unknown at its present set points"),
    ],
)
def test_what_cannot_be_optimized_is_refused(plant: Plant, limits: Limits, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        optimize(Site(plant, table()), limits)
