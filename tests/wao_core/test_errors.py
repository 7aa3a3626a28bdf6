"""Errors of the cluster side."""

from __future__ import annotations

import pytest

from wao_core import errors
from wao_core.errors import ManifestError, WaoCoreError


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({}, "not YAML"),
        ({"file": "a.yaml"}, "a.yaml: not YAML"),
        ({"file": "a.yaml", "document": 2}, "a.yaml, document 2: not YAML"),
        ({"field": "spec.nodeName"}, "field spec.nodeName: not YAML"),
        ({"file": "a.yaml", "document": 2, "field": "kind"}, "a.yaml, document 2, field kind: not YAML"),
    ],
)
def test_a_refused_manifest_is_named_by_its_place(where: dict[str, object], message: str) -> None:
    error = ManifestError("not YAML", **where)  # type: ignore[arg-type]
    assert str(error) == message
    assert error.reason == "not YAML"


def test_every_error_is_one_of_the_distribution() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    assert kinds
    assert all(issubclass(kind, WaoCoreError) for kind in kinds)
