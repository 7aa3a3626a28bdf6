"""Our Deployments and DaemonSets, as the manifests have them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from wao_predict.quantity import parse_quantity

MANIFESTS = Path(__file__).parents[2] / "manifests"


@cache
def workload(name: str) -> dict[str, Any]:
    """Return the Deployment or DaemonSet of this name; raises `LookupError` if no manifest has one."""
    for path in MANIFESTS.rglob("*.yaml"):
        for document in documents(path):
            if document["kind"] in ("Deployment", "DaemonSet") and document["metadata"]["name"] == name:
                return document
    raise LookupError(f"no manifest has a Deployment or DaemonSet {name}")


@cache
def documents(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the objects in a file, the same ones each time; with the parser of libyaml, which is much quicker."""
    return tuple(found for found in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader) if found)


def memory_limit(name: str) -> int:
    """Return the memory limit of a workload's container [bytes]."""
    (container,) = workload(name)["spec"]["template"]["spec"]["containers"]
    return int(parse_quantity(container["resources"]["limits"]["memory"]))
