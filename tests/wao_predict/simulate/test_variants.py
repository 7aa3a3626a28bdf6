"""Names of policies with what is added to them."""

from __future__ import annotations

import pytest

from wao_predict import UsageError
from wao_predict.simulate.variants import Variant


@pytest.mark.parametrize("name", ["floor", "least-allocated+standby", "peaks+moves", "floor+moves+standby"])
def test_a_name_is_read_and_written(name: str) -> None:
    assert Variant.of(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("best", "no policy 'best'; there are least-allocated"),
        ("best+standby", "no policy 'best'"),
        ("floor+sleep", "can be added, each once"),
        ("floor+standby+standby", "can be added, each once"),
    ],
)
def test_what_does_not_exist_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Variant.of(name)
