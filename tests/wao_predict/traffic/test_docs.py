"""The examples in the docstrings of the package run, and it exports what it promises."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from wao_predict import traffic

MODULES = sorted(module.name for module in pkgutil.iter_modules(traffic.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"{traffic.__name__}.{name}"))
    assert not found.failed


def test_weigh_and_advance_have_examples() -> None:
    assert all(">>>" in (function.__doc__ or "") for function in (traffic.weigh, traffic.advance))


def test_exports_are_sorted_and_documented() -> None:
    assert traffic.__all__ == sorted(traffic.__all__, key=lambda name: (not name.isupper(), name))
    assert all(getattr(traffic, name).__doc__ for name in traffic.__all__)
