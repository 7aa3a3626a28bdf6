"""Names of a package that are imported on first use (PEP 562), so that importing the package is quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str], namespace: dict[str, Any]) -> Callable[[str], Any]:
    """Return a function that imports a name of a package, for its `__getattr__`.

    Parameters
    ----------
    package
        Name of the package.
    homes
        Names by the module that has them, separated by spaces; modules are relative to the package.
    namespace
        Globals of the package: a name that was imported stays there.

    Examples
    --------
    >>> names: dict[str, object] = {}
    >>> lazy_names("wao_predict", {"quantity": "cores"}, names)("cores")("500m"), list(names)
    (0.5, ['cores'])
    """
    home_of = {name: module for module, listed in homes.items() for name in listed.split()}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(f"{package}.{home_of[name]}"), name)
        return value

    return find
