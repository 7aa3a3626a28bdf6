"""Weights: what they save, and what they must never do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from tests.wao_predict.traffic.fleets import (
    lookahead,
    many_pools,
    one_pool,
    proportional,
)
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.traffic.reasons import REASON_TEXTS, RULES, Reason, Rule

mixed = st.integers(0, 10_000)


@given(mixed, st.integers(1, 12), st.floats(0.1, 200.0))
def test_shares_sum_to_a_hundred_and_nobody_starves(seed: int, count: int, load: float) -> None:
    draw = np.random.default_rng(seed)
    pods = draw.dirichlet(np.ones(count)) * load
    asked = one_pool(curves_of(seed, count, DEFAULT_KNOTS), draw.uniform(0, 32, count) + pods, pods=pods)
    for made in (proportional(asked), lookahead(asked)):
        assert made.weights.sum() == pytest.approx(100.0)
        assert (made.weights >= 2.0 / count - 1e-9).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pods": np.full(2, np.nan)}, "the CPU of too few pods is measured"),
        ({"pods": np.ones(2), "limit": np.nan}, "no pod has a CPU limit or request"),
        ({"node": np.array([-1, -1]), "pods": np.ones(2)}, "no endpoint's node has a power curve"),
        ({"pods": np.zeros(2)}, "has no load"),
        ({"pods": np.ones(2), "usage": np.full(2, np.nan)}, "no endpoint's node has a power curve"),
    ],
)
def test_lookahead_falls_back_with_a_reason(change: dict[str, Any], words: str) -> None:
    made = lookahead(one_pool(curves_of(1, 2, DEFAULT_KNOTS), change.pop("usage", np.full(2, 2.0)), **change))
    assert RULES[made.rule[0]] in (Rule.PROPORTIONAL, Rule.EQUAL)
    assert words in REASON_TEXTS[Reason(made.reason[0])]


def test_a_service_that_falls_back_leaves_the_others_alone() -> None:
    pools = many_pools(3, 4, nodes=6, load=0.2)
    cpu = pools.cpu_cores.copy()
    cpu[4:8] = np.nan
    made = lookahead(replace(pools, cpu_cores=cpu))
    assert [RULES[code] for code in made.rule] == [Rule.LOOKAHEAD, Rule.PROPORTIONAL, Rule.LOOKAHEAD]
    assert np.allclose(pools.parts.sum(made.weights), 100.0)
