"""How the tests are arranged: a module of tests borrows from no other one, and uses only what is public."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}
OF_NOTEBOOKS = {"_repr_html_", "_repr_png_"}


def test_what_modules_of_tests_share_is_not_in_a_module_of_tests() -> None:
    """It is in `tests/fakes`, in a module next to them, or in `wao_predict.testing`."""
    borrowed = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in FILES
        for name in _imports(path)
        if re.match(r"tests\b.*\.test_\w+$", name)
    ]
    assert [] == borrowed


def test_tests_use_only_public_names_of_the_code() -> None:
    """A name with an underscore may be used in the file that defines it."""
    assert [] == [f"{path.relative_to(TESTS)} uses {name}" for path in FILES for name in _private_names(path)]


def _private_names(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    own = OF_NAMED_TUPLES | OF_NOTEBOOKS | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_self(node.value)}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return {name for name in used - own if re.match(r"_[a-z]", name)}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
