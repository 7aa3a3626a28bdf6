"""Scores: what the scheduler must be able to rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_scheduler import scoring
from wao_scheduler.scoring import HIGHEST, LOWEST, OVERCOMMITTED, UNKNOWN

NAN, INF = np.nan, np.inf

increases = st.lists(
    st.one_of(st.just(NAN), st.just(INF), st.floats(0, 500), st.sampled_from([0.0, 1.0, 2.5])), min_size=1, max_size=60
)


@pytest.mark.parametrize(
    ("increase", "load", "expected"),
    [
        ([5.0, 1.0, 3.0], [0, 0, 0], [8, 10, 9]),
        ([5.0, NAN, 3.0], [0, NAN, 0], [9, UNKNOWN, 10]),
        ([5.0, INF, 3.0], [0, 99, 0], [9, 0, 10]),  # nobody is unknown, so that it is the last class
        ([*range(11), INF, NAN], [0] * 13, [10, 9, 8, 7, 6, 5, 4, 3, 2, 2, 2, OVERCOMMITTED, UNKNOWN]),
        (list(range(12)), [0] * 12, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]),
        ([2.0, 2.0], [10, 40], [9, 10]),  # equal watts: the fuller node, so that idle ones stay idle
        ([INF, INF, NAN], [120, 101, NAN], [9, 10, UNKNOWN]),  # all overloaded: the least overloaded first
        ([NAN, NAN], [NAN, NAN], [UNKNOWN, UNKNOWN]),
        ([0.0], [0], [10]),
    ],
)
def test_ordinal_ranks_measured_nodes_above_unknown_ones(
    increase: list[float], load: list[float], expected: list[int]
) -> None:
    assert expected == scoring.ordinal(np.array(increase), np.array(load, dtype=float)).tolist()


@given(increases, st.randoms())
def test_ordinal_gives_the_best_node_alone_the_highest_score(values: list[float], random: object) -> None:
    increase = np.array(values)
    load = np.linspace(90, 10, increase.size)
    scores = scoring.ordinal(increase, load)
    known, over = ~np.isnan(increase), np.isposinf(increase)
    last = LOWEST if not over.any() else OVERCOMMITTED
    last = last if known.all() else UNKNOWN
    assert ((scores >= 0) & (scores <= HIGHEST)).all()
    assert (scores[~known] == 0).all()
    if known.any():
        assert (scores == HIGHEST).sum() == 1
        winner = int(scores.argmax())
        assert winner == scoring.best(increase, load)
        assert increase[winner] == np.nanmin(increase)
        assert known.all() or (scores[known] > 0).all()
    if np.isfinite(increase).any():
        assert (scores[over] == OVERCOMMITTED - last).all()
        assert (scores[np.isfinite(increase)] >= LOWEST - last).all()


@given(increases)
def test_a_more_expensive_node_never_scores_higher(values: list[float]) -> None:
    increase = np.array(values)
    load = np.zeros(increase.size)
    for scores in (scoring.ordinal(increase, load), scoring.proportional(increase, load)):
        finite = np.flatnonzero(np.isfinite(increase))
        order = finite[np.argsort(increase[finite], kind="stable")]
        ranked = scores[order]
        rises = np.diff(ranked) > 0
        equal = np.diff(increase[order]) == 0
        assert not (rises & ~equal).any()


def test_proportional_counts_watts_not_ranks() -> None:
    scores = scoring.proportional(np.array([1.0, 1.5, 101.0, NAN, INF]), np.zeros(5), points_per_watt=100)
    assert scores[0] - scores[1] == 50
    assert scores[0] - scores[2] == 10_000
    assert scores[3] == UNKNOWN
    assert scores[4] == OVERCOMMITTED


def test_the_best_node_wins_at_weight_121_against_the_default_scorers() -> None:
    """One step of an ordinal score outweighs the largest sum of the default scorers: 12 x 100."""
    scores = scoring.ordinal(np.array([1.0, 1.1, 50.0]), np.zeros(3))
    weighted = scores * 121 * 10 + np.array([0, 1200, 1200])
    assert int(weighted.argmax()) == 0
