"""The network as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from wao_predict.arrays import FloatArray
from wao_predict.curves import curve_rows
from wao_predict.errors import UsageError
from wao_predict.features import FeatureRanges
from wao_predict.models.metadata import ModelInfo
from wao_predict.train.fitting import OnEpoch, Rows, Settings, train
from wao_predict.train.inputs import fit_input, predict_input
from wao_predict.train.network import CurveNetwork
from wao_predict.train.ticks import Ticks, choose_ticks

if TYPE_CHECKING:
    import onnx

ROWS_FOR_CUDA = 200_000
"""Rows from which the device "auto" uses CUDA. The network is small: with fewer rows, a CPU needs seconds."""


class PowerCurveRegressor(RegressorMixin, BaseEstimator):
    """Regressor of power from CPU usage and other features, monotone in CPU usage.

    Parameters
    ----------
    features
        Names of the columns, cpu_usage first. Default: those of cpu_usage, inlet_temp and delta_p that a table has. An
        array has its columns in this order.
    directions
        1 for a feature in which power never falls, -1 for one in which it never rises, such as {"gpu_usage": 1}.
        cpu_usage always has 1.
    hidden
        Units of each of the two hidden layers.
    epochs
        Passes over the data. Use more for a table without noise, and fewer for a few hundred noisy rows.
    learning_rate
        Peak learning rate of the one-cycle schedule of Adam.
    batch_rows
        Approximate number of rows per step.
    seed
        Random seed. The same seed, data and machine give an identical model on a CPU.
    device
        Device of torch: "cpu", "cuda", or "auto" for CUDA if it is present and the table is large.
    on_epoch
        Called with (epoch, epochs, mean relative error [%]) after each pass.

    Attributes
    ----------
    features_
        Names of the columns, in the order of the model's input.
    feature_names_in_
        The same as an array, if X had names.
    n_features_in_
        Number of features.
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
        features: Sequence[str] | None = None,
        directions: Mapping[str, int] | None = None,
        hidden: int = 48,
        epochs: int = 200,
        learning_rate: float = 3e-3,
        batch_rows: int = 1312,
        seed: int = 0,
        device: str = "cpu",
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.features = features
        self.directions = directions
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_rows = batch_rows
        self.seed = seed
        self.device = device
        self.on_epoch = on_epoch

    def fit(self, X: object, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to a table X of n_samples rows and measured watts y, shape (n_samples,), all above 0.

        Parameters
        ----------
        X
            A table with named columns, or an array of shape (n_samples, n_features).
        y
            Measured power [W].
        sample_weight
            Weight of each row, shape (n_samples,). A row of weight 2 counts as two rows.

        Raises
        ------
        FeatureError
            A value cannot be used, or the load is the same in all rows.
        """
        given = fit_input(self, X, y, sample_weight, self.features)
        self.features_ = given.features
        self.n_features_in_ = len(given.features)
        if given.by_name:
            self.feature_names_in_ = np.array(given.features, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.ticks_: Ticks = choose_ticks(given.X, given.features, weights=given.weights)
        self.ranges_: FeatureRanges = self.ticks_.ranges
        settings = Settings(
            *(self.hidden, self.epochs, self.learning_rate, self.batch_rows, self.seed),
            directions=checked_directions(self.directions, self.ticks_),
            device=_device(self.device, len(given.X)),
        )
        rows = Rows(given.X, given.y, given.weights)
        self.network_: CurveNetwork
        self.network_, self.loss_curve_ = train(rows, self.ticks_, settings=settings, on_epoch=self.on_epoch)
        return self

    def predict(self, X: object) -> FloatArray:
        """Return watts, shape (n_samples,); outside the trained range, those at the nearest trained value."""
        check_is_fitted(self, "network_")
        return self._run(predict_input(self, X, self.features_), CurveNetwork.forward)

    def curves(self, *conditions: ArrayLike) -> FloatArray:
        """Return watts at each knot `ticks_.knots`, shape (n, k).

        Parameters
        ----------
        conditions
            The features other than cpu_usage in their order, each of shape (n,) or a number.
        """
        check_is_fitted(self, "network_")
        if len(conditions) != len(self.features_) - 1:
            raise UsageError(f"{len(conditions)} conditions: the model needs {', '.join(self.features_[1:]) or 'none'}")
        given = np.broadcast_arrays(*(np.atleast_1d(values) for values in conditions)) if conditions else []
        needed = np.column_stack(given) if given else np.empty((1, 0))
        return self._run(curve_rows(self.features_, needed, self.ticks_.knots[:1]), CurveNetwork.curve)

    @property
    def ranges(self) -> FeatureRanges | None:
        """The trained ranges, as predictors and displays read them; None before a fit."""
        return getattr(self, "ranges_", None)

    @property
    def knots(self) -> FloatArray | None:
        """CPU loads [%] of the knots of the curve; None before a fit."""
        return self.ticks_.knots if hasattr(self, "ticks_") else None

    def onnx_graph(self) -> tuple[onnx.ModelProto, ModelInfo]:
        """Return the model as ONNX, and its features, ranges and knots; `to_onnx` writes a file.

        Raises
        ------
        UsageError
            The model is not fitted.
        """
        from wao_predict.train.graph import network_graph

        if not hasattr(self, "network_"):
            raise UsageError("this PowerCurveRegressor is not fitted yet: call fit(X, watts) first")
        knots = tuple(float(knot) for knot in self.ticks_.knots)
        graph = network_graph(self.network_, len(self.features_))
        return graph, ModelInfo("", features=self.features_, ranges=self.ranges_, knots=knots)

    def _run(self, X: FloatArray, method: Any) -> FloatArray:
        """Evaluate in 64 bits, where the result of a row does not depend on the other rows of a batch."""
        with torch.no_grad():
            watts = method(deepcopy(self.network_).double(), torch.tensor(X, dtype=torch.float64))
        return np.asarray(watts.numpy(), dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


def checked_directions(directions: Mapping[str, int] | None, ticks: Ticks) -> dict[str, int]:
    """Return the directions of features other than cpu_usage that vary.

    Raises
    ------
    UsageError
        A name is not that of a feature, or a direction is not 1 or -1; cpu_usage has 1.
    """
    given = dict(directions or {})
    for name, direction in given.items():
        if name not in ticks:
            raise UsageError(f"direction of {name}: the features are {', '.join(ticks)}")
        if direction not in ((1,) if name == "cpu_usage" else (1, -1)):
            raise UsageError(f"direction {direction!r} of {name}: use 1 (power never falls) or -1; cpu_usage has 1")
    return {name: given[name] for name in ticks if name in given and name != "cpu_usage" and len(ticks[name]) > 1}


def _device(name: str, rows: int) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device {name!r}: use auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: torch finds no CUDA here; use cpu")
    return (
        "cuda" if name == "cuda" or (name == "auto" and rows >= ROWS_FOR_CUDA and torch.cuda.is_available()) else "cpu"
    )
