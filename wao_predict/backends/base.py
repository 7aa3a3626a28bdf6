"""The protocols of backends: a backend turns features into watts, in this process or on a server.

`wao_predict.endpoint` describes how an endpoint becomes a backend.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wao_predict.arrays import FloatArray
from wao_predict.features import FEATURES, FeatureRanges, checked_features, own_names
from wao_predict.flow import Flow


@runtime_checkable
class LocalBackend(Protocol):
    """Predicts in this process. Any fitted scikit-learn regressor is one."""

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,), for features of shape (n_samples, n_features)."""
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


def features_of(backend: object) -> tuple[str, ...]:
    """Return the names of a backend's features, in the order of its columns.

    These are its attribute `features`, else `features_` of a fitted estimator, else scikit-learn's `feature_names_in_`,
    else `FEATURES`. A feature's own name replaces an alias.

    Raises
    ------
    UsageError
        The names cannot be those of a power model.
    """
    for attribute in ("features", "features_", "feature_names_in_"):
        stated = getattr(backend, attribute, None)
        if stated is not None:
            return checked_features(own_names([str(name) for name in stated]))
    return FEATURES


def ranges_of(backend: object) -> FeatureRanges | None:
    """Return the trained ranges that a backend states, or None when it states none."""
    ranges = getattr(backend, "ranges", None)
    return ranges if isinstance(ranges, FeatureRanges) else None
