"""The import contracts in pyproject.toml cover the modules that they are about."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PURE = "Modules that call themselves pure import no I/O"


def test_every_module_whose_docstring_says_pure_is_in_the_contract() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [item for item in linter["contracts"] if item["name"] == PURE]
    files = [path for package in linter["root_packages"] for path in (ROOT / package).rglob("*.py")]
    assert set(contract["source_modules"]) == {_module(path) for path in files if _says_pure(path)}


def _says_pure(path: Path) -> bool:
    return re.search(r"\bPure\.", ast.get_docstring(ast.parse(path.read_text())) or "") is not None


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
