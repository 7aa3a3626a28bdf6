"""The state between two steps: joined, divided, and overwritten."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from wao_predict.traffic import TrafficState


def test_states_are_joined_and_divided() -> None:
    first, second = TrafficState.empty(2, 1), TrafficState.empty(3, 2)
    first.weights[:], second.load[:] = [40.0, 60.0], [1.0, 2.0]
    joined = TrafficState.joined([first, second])
    for item in fields(TrafficState):
        parts = joined.part(slice(0, 2), slice(0, 1)), joined.part(slice(2, 5), slice(1, 3))
        for part, state in zip(parts, (first, second), strict=True):
            np.testing.assert_array_equal(getattr(part, item.name), getattr(state, item.name))
    joined.part(slice(2, 5), slice(1, 3)).assign(TrafficState.empty(3, 2))
    assert np.isnan(joined.load).all()
