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
        for document in yaml.safe_load_all(path.read_text()):
            if document and document["kind"] in ("Deployment", "DaemonSet") and document["metadata"]["name"] == name:
                found: dict[str, Any] = document
                return found
    raise LookupError(f"no manifest has a Deployment or DaemonSet {name}")


def memory_limit(name: str) -> int:
    """Return the memory limit of a workload's container [bytes]."""
    (container,) = workload(name)["spec"]["template"]["spec"]["containers"]
    return int(parse_quantity(container["resources"]["limits"]["memory"]))
