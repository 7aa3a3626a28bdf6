"""Exponential back-off with jitter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wao_predict.backoff import Backoff


@given(
    initial=st.floats(min_value=0.01, max_value=10.0),
    maximum=st.floats(min_value=10.0, max_value=1000.0),
    draws=st.lists(st.floats(min_value=0.0, max_value=1.0, exclude_max=True), min_size=1, max_size=40),
)
def test_waits_stay_between_half_and_all_of_a_doubling_bound(
    initial: float, maximum: float, draws: list[float]
) -> None:
    backoff = Backoff(initial=initial, maximum=maximum, draw=iter(draws).__next__)
    for attempt in range(len(draws)):
        bound = min(maximum, initial * 2.0 ** min(attempt, 16))
        assert bound / 2 <= backoff.next() <= bound


def test_a_success_starts_again() -> None:
    backoff = Backoff(initial=1.0, draw=lambda: 0.0)
    backoff.next(), backoff.next()
    backoff.reset()
    assert 0.5 == backoff.next()
