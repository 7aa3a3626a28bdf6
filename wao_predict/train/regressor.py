"""The network as a scikit-learn estimator."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, FeatureRanges
from wao_predict.tables import as_matrix
from wao_predict.train.fitting import OnEpoch, Settings, train
from wao_predict.train.network import CurveNetwork
from wao_predict.train.ticks import Ticks, choose_ticks


class PowerCurveRegressor(RegressorMixin, BaseEstimator):
    """Regressor of power from CPU usage, inlet temperature and pressure, monotone in CPU usage.

    Parameters
    ----------
    hidden
        Units of each of the two hidden layers.
    epochs
        Passes over the data. Use more for a table without noise, and fewer for a few hundred noisy rows.
    learning_rate
        Peak learning rate of the one-cycle schedule of Adam.
    batch_rows
        Approximate number of rows per step.
    seed
        Random seed. The same seed, data and machine give an identical model.
    on_epoch
        Called with (epoch, epochs, mean relative error [%]) after each pass.

    Attributes
    ----------
    network_
        The trained torch module.
    ticks_
        Values of each feature between which the model is piecewise linear or smooth.
    ranges_
        Trained range of each feature.
    loss_curve_
        Mean relative error [%] after each pass.

    Examples
    --------
    >>> model = PowerCurveRegressor(epochs=50).fit(X, watts)  # doctest: +SKIP
    >>> model.predict([[50.0, 22.0, 5.0]])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        hidden: int = 48,
        epochs: int = 200,
        learning_rate: float = 3e-3,
        batch_rows: int = 1312,
        seed: int = 0,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_rows = batch_rows
        self.seed = seed
        self.on_epoch = on_epoch

    def fit(self, X: object, y: ArrayLike) -> Self:
        """Fit to a table X of n_samples rows and measured watts y, shape (n_samples,), all above 0."""
        matrix, watts = as_matrix(X), checked_watts(y)
        if len(matrix) != len(watts):
            raise FeatureError(
                f"{len(matrix)} rows of features but {len(watts)} watts: give one value of watts per row"
            )
        self.ticks_: Ticks = choose_ticks(matrix)
        self.ranges_: FeatureRanges = self.ticks_.ranges
        self.n_features_in_ = len(FEATURES)
        settings = Settings(self.hidden, self.epochs, self.learning_rate, self.batch_rows, self.seed)
        self.network_: CurveNetwork
        self.network_, self.loss_curve_ = train(matrix, watts, self.ticks_, settings=settings, on_epoch=self.on_epoch)
        return self

    def predict(self, X: object) -> FloatArray:
        """Return watts, shape (n_samples,); outside the trained range, those at the nearest trained value."""
        check_is_fitted(self, "network_")
        with torch.no_grad():
            watts = self.network_(torch.tensor(as_matrix(X), dtype=torch.float32))
        return np.asarray(watts.numpy(), dtype=np.float64)

    def curves(self, inlet_temp: ArrayLike, delta_p: ArrayLike) -> FloatArray:
        """Return watts at each knot `ticks_.cpu_usage`, shape (n, k), for n pairs of sensor readings."""
        check_is_fitted(self, "network_")
        readings = np.stack(np.broadcast_arrays(np.atleast_1d(inlet_temp), np.atleast_1d(delta_p)), axis=1)
        with torch.no_grad():
            watts = self.network_.curve(torch.tensor(readings, dtype=torch.float32))
        return np.asarray(watts.numpy(), dtype=np.float64)


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
