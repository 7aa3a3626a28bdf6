"""Errors of power models: those that their metadata state, and what is assumed where none is stated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wao_predict.models import model_names, model_path, read_info

ASSUMED_MAPE = 13.0
"""Error that is assumed for a model that states none [MAPE, %].

The median difference between the SPECpower curves of two servers with the same processor and the same numbers of
processors and cores: what one may expect of the curve of another server (tests/wao_predict/models/test_stated_errors.py
computes it).
"""


@dataclass(frozen=True, slots=True)
class ModelError:
    """The mean absolute error of a model.

    Attributes
    ----------
    model
        The model, as `load_predictor` takes it.
    mape
        Mean absolute error relative to the power [%].
    stated
        Whether the model states it, from rows that it was not fitted to; otherwise it is assumed.
    """

    model: str
    mape: float
    stated: bool


def model_errors(models: Iterable[str], *, assumed: float = ASSUMED_MAPE) -> list[ModelError]:
    """Return the error of each model once, in the order of their first occurrence.

    Parameters
    ----------
    models
        Models as `load_predictor` takes them.
    assumed
        Error of a model that states none [MAPE, %]. The error of the fit of a SPECpower curve is not taken, because the
        curve was not measured on the server that it is used for.

    Examples
    --------
    >>> [(round(error.mape, 1), error.stated) for error in model_errors(["edge_lenovo", "curve:0=60 100=120"])]
    [(1.2, True), (13.0, False)]
    """
    found = []
    for model in dict.fromkeys(models):
        mape = held_out_mape(model)
        found.append(ModelError(model, assumed if mape is None else mape, mape is not None))
    return found


def held_out_mape(model: str) -> float | None:
    """Return the error on rows that a model was not fitted to [MAPE, %]; None if it states none.

    Raises
    ------
    ModelLoadError
        An ONNX file cannot be read.
    """
    if model in model_names():
        return read_info(model_path(model)).held_out_mape
    if model.endswith(".onnx") and "://" not in model:
        return read_info(model).held_out_mape
    return None
