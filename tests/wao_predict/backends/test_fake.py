"""The backend without a model."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.backends.fake import FakeBackend
from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.errors import UsageError

ROWS = np.array([[0.0, 20.0, 5.0], [50.0, 30.0, 5.0]])


def test_power_is_constant_unless_there_is_a_slope() -> None:
    assert FakeBackend().predict(ROWS).tolist() == [3.14, 3.14]
    assert FakeBackend(100.0, 2.0).predict(ROWS).tolist() == [100.0, 200.0]


def test_no_rows_have_no_power() -> None:
    assert FakeBackend().predict(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize(("options", "watts"), [({}, 3.14), ({"value": 250}, 250.0)])
def test_the_option_value_is_the_power(options: dict[str, object], watts: float) -> None:
    backend = FakeBackend.from_endpoint(Endpoint("Fake", options=Options(options)), EndpointContext())
    assert backend.predict(ROWS)[0] == watts


@pytest.mark.parametrize("value", ["250", True, None])
def test_a_value_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="is not a number of watts"):
        FakeBackend.from_endpoint(Endpoint("Fake", options=Options({"value": value})), EndpointContext())
