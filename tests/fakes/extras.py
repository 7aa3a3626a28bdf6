"""Which packages an extra of the distribution installs."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions, requires


def packages_of(extra: str) -> set[str]:
    """Return the packages of an extra, with those of the extras that it includes; of "" those of a plain install."""
    found = set[str]()
    for line in requires("wao-predict") or []:
        requirement, _, marker = line.partition(";")
        stated = re.search(r"""extra == ['"]([\w-]+)['"]""", marker)
        if (stated[1] if stated else "") != extra:
            continue
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        if name[0] == "wao-predict":
            for other in re.findall(r"[\w-]+", requirement.partition("[")[2]):
                found |= packages_of(other)
        else:
            found.add(name[0].lower())
    return found


def modules_without(extra: str) -> set[str]:
    """Return the modules that neither a plain install nor an extra has, although other extras have them."""
    named = (re.match(r"[\w.-]+", line) for line in requires("wao-predict") or [])
    every = {found[0].lower() for found in named if found is not None} - {"wao-predict"}
    missing = every - packages_of("") - packages_of(extra)
    return {
        module
        for module, packages in packages_distributions().items()
        if {package.lower() for package in packages} <= missing
    }
