"""Pieces of a flat array: sorted and filled as one by one."""

from __future__ import annotations

import numpy as np
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
