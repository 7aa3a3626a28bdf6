"""A power model from two measurements: idle and full load, such as `120:340` watts."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import UsageError

FloatArray = NDArray[np.float64]


class IdleAndFull:
    """Power that rises linearly with CPU load, from idle to full."""

    def __init__(self, watts: str) -> None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", watts)
        if found is None:
            raise UsageError(f"{watts!r:.40}: write the watts at idle and at full load, such as 120:340")
        self.idle, self.full = float(found[1]), float(found[2])

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> IdleAndFull:
        """Return the model of an endpoint of type IdleAndFull."""
        return cls(endpoint.url)

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,), for rows of (cpu_usage [%], inlet_temp [degC], delta_p [Pa])."""
        return self.idle + (self.full - self.idle) * X[:, 0] / 100
