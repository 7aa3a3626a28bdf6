"""The protocols of backends: a backend turns features into watts, in this process or on a server.

`wao_predict.endpoint` describes how an endpoint becomes a backend.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wao_predict.arrays import FloatArray
from wao_predict.features import FeatureRanges
from wao_predict.flow import Flow


@runtime_checkable
class LocalBackend(Protocol):
    """Predicts in this process. Any fitted scikit-learn regressor over the three features is one."""

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,), for features of shape (n_samples, 3)."""
        ...


@runtime_checkable
class RemoteBackend(Protocol):
    """Predicts on a server: describes the requests and leaves the I/O to a transport."""

    @property
    def endpoint(self) -> str:
        """URL of the model."""
        ...

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Yield requests, return watts of shape (n_samples,)."""
        ...


Backend = LocalBackend | RemoteBackend


def ranges_of(backend: object) -> FeatureRanges | None:
    """Return the trained ranges that a backend states, or None when it states none."""
    ranges = getattr(backend, "ranges", None)
    return ranges if isinstance(ranges, FeatureRanges) else None
