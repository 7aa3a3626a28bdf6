"""PowerCurveRegressor against scikit-learn's own checks of estimators."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra train")

from sklearn.utils.estimator_checks import parametrize_with_checks

from wao_predict.train import PowerCurveRegressor

pytestmark = [
    pytest.mark.train,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]

EXPECTED_FAILURES: dict[str, str] = {}
"""Checks that are expected to fail, each with a reason: none."""


@parametrize_with_checks(  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    [PowerCurveRegressor(epochs=80, hidden=8, learning_rate=0.01)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_it_meets_the_contract_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
