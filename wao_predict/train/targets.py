"""Measured watts and weights of rows, checked before a fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError


def checked_watts(y: ArrayLike) -> FloatArray:
    """Return y as float64, shape (n_samples,); raise `FeatureError` if a value cannot be the power of a server."""
    watts = np.asarray(y, dtype=np.float64).reshape(-1)
    bad = ~(np.isfinite(watts) & (watts > 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise FeatureError(
            f"watts is {watts[row]} in row {row} ({int(bad.sum())} such rows): a running server draws more than 0 W; "
            "drop these rows"
        )
    return watts
