"""Pieces of a flat array: sorted and filled as one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.traffic.segments import Segments

VALUES = st.sampled_from([0.0, 1.0, 2.5, 7.0, np.inf])
PIECES = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=6)


def segments(pieces: list[list[float]]) -> tuple[Segments, np.ndarray]:
    counts = np.array([len(piece) for piece in pieces])
    return Segments(np.cumsum(counts) - counts, int(counts.sum())), np.array([v for piece in pieces for v in piece])


@given(PIECES, st.sampled_from([0, 60]))
def test_each_piece_is_sorted_by_itself(pieces: list[list[float]], more: int) -> None:
    """Pieces of one length, of several, and with one so long that a table would be mostly empty."""
    pieces = [*pieces, [3.0, 1.0] * more] if more else pieces
    for found in (pieces, [piece[:1] * 3 for piece in pieces]):
        parts, values = segments(found)
        assert [value for piece in found for value in sorted(piece)] == parts.ascending(values).tolist()


@given(st.lists(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6), min_size=1, max_size=5), st.floats(0.0, 100.0))
def test_water_filling_keeps_to_the_caps_and_is_even_below_them(caps: list[list[float]], total: float) -> None:
    counts = np.array([len(part) for part in caps])
    parts = Segments(np.cumsum(counts) - counts, int(counts.sum()))
    flat = np.array([cap for part in caps for cap in part])
    filled = parts.level(flat, np.full(len(caps), total))
    assert (filled <= flat + 1e-9).all()
    for part, used, room in zip(np.split(filled, parts.start[1:]), parts.sum(filled), parts.sum(flat), strict=True):
        assert used == pytest.approx(min(total, room), abs=1e-6)
        water = part.max()
        index = int(np.flatnonzero([np.array_equal(part, other) for other in np.split(filled, parts.start[1:])])[0])
        below = part < water - 1e-6
        assert np.allclose(part[below], np.array(caps[index])[below])
