"""Which share of a pod's CPU the sample of its node does not contain yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_scheduler.sample_coverage import WHOLE_SECONDS, ExpectedUsage, may_contain, missing_share

AT, WINDOW = 1_000.0, 20.0
SAMPLE = snapshot(["a"], usage_at=AT, window=WINDOW)
CORES = st.integers(0, 64_000).map(lambda millicores: millicores / 1000)


@pytest.mark.parametrize(
    ("started", "share"),
    [
        (None, 1.0),
        (AT - 100.0, 0.0),
        (AT - WINDOW, 0.0),
        (AT - 15.0, 0.25),
        (AT - 5.0, 0.75),
        (AT, 1.0),
        (AT + 5.0, 1.0),
    ],
)
def test_an_average_misses_the_part_of_its_window_before_the_pod_started(started: float | None, share: float) -> None:
    assert missing_share(SAMPLE, 0, started) == share


def test_without_a_sample_all_of_it_is_missing() -> None:
    assert missing_share(snapshot(["a"], usage_at=float("nan")), 0, AT) == 1.0


@pytest.mark.parametrize(
    ("started", "may"),
    [
        (None, False),
        (AT - 1.0, True),
        (AT + WHOLE_SECONDS - 0.1, True),
        (AT + WHOLE_SECONDS, False),
    ],
)
def test_a_sample_may_contain_pods_that_started_before_its_end(started: float | None, may: bool) -> None:
    """Kubernetes truncates both times to seconds, so within one second the order is unknown."""
    assert may_contain(SAMPLE, 0, started) is may


def expected(cores: float, new: float) -> tuple[ExpectedUsage, ClusterSnapshot]:
    return ExpectedUsage(np.array([cores]), np.array([AT])), snapshot(["a"], usage=[new], usage_at=AT + 15.0)


@pytest.mark.parametrize(
    ("sample", "within", "coming"),
    [
        (2.0, 1.0, 1.0),  # none of the 4 assumed cores is in the sample
        (4.0, 0.0, 1.0),  # all that may be in it
        (5.0, 0.0, 0.5),
        (6.0, 0.0, 0.0),
        (9.0, 0.0, 0.0),
        (3.0, 0.5, 1.0),
        (1.0, 1.0, 1.0),
    ],
)
def test_excess_in_a_sample_is_first_that_of_pods_that_may_be_in_it(
    sample: float, within: float, coming: float
) -> None:
    usage, new = expected(6.0, sample)
    shares = usage.unseen(new, np.array([2.0]), np.array([2.0]))
    assert [share.tolist() for share in shares] == [[within], [coming]]


@given(CORES, CORES, CORES, CORES)
def test_the_total_is_never_below_the_sample_nor_above_the_expectation(
    measured: float, within: float, coming: float, sample: float
) -> None:
    usage, new = expected(measured + within + coming, sample)
    of_within, of_coming = usage.unseen(new, np.array([within]), np.array([coming]))
    assert 0.0 <= of_within[0] <= 1.0
    assert 0.0 <= of_coming[0] <= 1.0
    assumed = of_within[0] * within + of_coming[0] * coming
    assert assumed <= within + coming + 1e-9
    if sample >= measured and within and coming:
        assert sample + assumed <= max(sample, measured + within + coming) + 1e-6


def test_what_was_expected_is_unknown_for_new_nodes_and_follows_the_order_of_the_snapshot() -> None:
    old, new = snapshot(["a", "b"], usage=[1.0, 2.0], usage_at=AT), snapshot(["b", "new"], usage_at=AT + 15.0)
    found = ExpectedUsage.of(old, np.array([0.5, 0.25]), new)
    assert found.cores[0] == 2.25
    assert np.isnan(found.cores[1])
    first = ExpectedUsage.of(None, np.array([]), new)
    assert np.isnan(first.cores).all()


def test_a_sample_is_new_when_its_time_is() -> None:
    old = snapshot(["a", "b"], usage_at=AT)
    later = replace(old, usage_at=np.array([AT, AT + 15.0]))
    assert ExpectedUsage.of(old, np.zeros(2), later).renewed(later).tolist() == [False, True]
