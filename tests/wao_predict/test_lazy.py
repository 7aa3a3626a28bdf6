"""Names that are imported on first use."""

from __future__ import annotations

from typing import Any

import pytest

from wao_predict.lazy import lazy_names
from wao_predict.quantity import cores


def test_a_name_is_imported_once_and_stays() -> None:
    namespace: dict[str, Any] = {}
    find = lazy_names("wao_predict", {"quantity": "cores", "no_such_module": "nothing"}, namespace)
    assert find("cores") is cores
    assert namespace == {"cores": cores}


def test_another_name_is_an_attribute_error_with_the_package() -> None:
    with pytest.raises(AttributeError, match="module 'wao_predict' has no attribute 'nonsense'"):
        lazy_names("wao_predict", {"quantity": "cores"}, {})("nonsense")
