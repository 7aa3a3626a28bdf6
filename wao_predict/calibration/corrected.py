"""Predictors with the correction of one server, and files of corrections."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wao_predict.arrays import FloatArray
from wao_predict.backends.base import features_of, ranges_of
from wao_predict.calibration.correction import Correction
from wao_predict.errors import UsageError
from wao_predict.predictor import Predictor


class CorrectedBackend:
    """A model in this process whose power is corrected; features, ranges and knots stay those of the model."""

    def __init__(self, backend: Any, correction: Correction) -> None:
        self._backend, self.correction = backend, correction
        self.features, self.ranges = features_of(backend), ranges_of(backend)
        self.knots = getattr(backend, "knots", None)
        self.name = str(getattr(backend, "name", type(backend).__name__))

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return corrected power [W], shape (n_samples,)."""
        return self.correction.apply(self._backend.predict(X))


def corrected(predictor: Predictor, correction: Correction) -> Predictor:
    """Return a predictor with a correction.

    Raises
    ------
    UsageError
        The model is on a server.
    """
    if hasattr(predictor.backend, "flow"):
        raise UsageError(f"{predictor.name} predicts on a server: a correction needs a model in this process")
    return Predictor(CorrectedBackend(predictor.backend, correction), name=predictor.name)


def write_corrections(path: Path, corrections: Mapping[str, Correction]) -> None:
    """Write the corrections of servers by name as JSON.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    document = {node: {"scale": found.scale, "offset": found.offset} for node, found in corrections.items()}
    try:
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def read_corrections(path: Path) -> dict[str, Correction]:
    """Return the corrections in a file by the name of the server.

    Raises
    ------
    UsageError
        The file cannot be read, or has something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = {str(node): Correction(float(item["scale"]), float(item["offset"])) for node, item in document.items()}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} has no corrections of wao calibrate: {error!s:.100}") from None
    if not all(math.isfinite(each.scale) and math.isfinite(each.offset) for each in found.values()):
        raise UsageError(f"{path} has a correction that is not finite")
    return found
