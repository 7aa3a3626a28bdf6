"""The examples in the docstrings of the library run."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import wao_predict

FOLDER = Path(wao_predict.__file__).parent
MODULES = [
    ".".join(("wao_predict", *file.relative_to(FOLDER).with_suffix("").parts)).removesuffix(".__init__")
    for file in sorted(FOLDER.rglob("*.py"))
    if re.search(r"^\s*>>> ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    and file.relative_to(FOLDER).parts[0] != "train"  # needs the extra `train`
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
