"""A backend without a model: constant power, or a straight line over CPU load."""

from __future__ import annotations

import numpy as np

from wao_predict.backends.base import FloatArray


class FakeBackend:
    """`base + slope * cpu_usage` watts; 3.14 W by default, as the reference's fake predictor gives.

    Parameters
    ----------
    base
        Power at idle [W].
    slope
        Power per percent of CPU load [W/%].
    """

    DEFAULT = 3.14

    def __init__(self, base: float = DEFAULT, slope: float = 0.0) -> None:
        self.base = float(base)
        self.slope = float(slope)

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        return self.base + self.slope * np.asarray(X, dtype=np.float64)[:, 0]
