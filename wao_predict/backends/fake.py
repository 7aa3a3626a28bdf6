"""A backend without a model: constant power, or a linear function of CPU load."""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import UsageError


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

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> FakeBackend:
        """Return the backend with the constant of the option `value` [W]."""
        value = endpoint.options.get("value", cls.DEFAULT)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"value {value!r:.40} is not a number of watts")
        return cls(value)

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        return self.base + self.slope * np.asarray(X, dtype=np.float64)[:, 0]
