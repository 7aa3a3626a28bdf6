"""Settings of standby."""

from __future__ import annotations

from typing import Any

import pytest

from wao_predict import UsageError
from wao_predict.standby import StandbySettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"spare_percent": 101.0}, "spare_percent is 101: give a number from 0 to 100"),
        ({"spare_cores": -1.0}, "spare_cores is -1: give a number of at least 0"),
        ({"empty_seconds": float("nan")}, "empty_seconds is nan: give a number of at least 0"),
        ({"starts_at_once": -1}, "starts_at_once is -1: give a number of at least 0"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        StandbySettings(**values)
