"""Check `crds`: our custom resources are installed, served, and as this release needs them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wao_core.cluster.names import GROUP, VERSION
from wao_core.crds.yaml_files import RESOURCES, definition
from wao_doctor.facts import Facts, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, listed, plural
from wao_doctor.wire import Crd

_APPLY = "`kubectl apply --server-side -k manifests/crds`"

MISSING = Kind(
    "crd-missing",
    Severity.ERROR,
    "A custom resource is not installed.",
    "No part of WAO starts to work: the configuration of the nodes cannot be stored.",
    "the API server has no definition of this name",
    _APPLY,
)
NOT_SERVED = Kind(
    "crd-not-served",
    Severity.ERROR,
    "A custom resource is not served.",
    f"The API server refuses requests for version {VERSION}, which this release uses.",
    "the served versions, or the condition of the definition",
    _APPLY + ". If it is not Established: `kubectl describe crd {name}`",
)
OLDER = Kind(
    "crd-older",
    Severity.WARNING,
    "A custom resource is older than this release.",
    "The API server drops fields that its schema does not have, without an error: sensors, models or standby are "
    "then not configured as the manifests say, and statuses are incomplete.",
    "fields of this release that the schema does not have",
    _APPLY,
)
NEWER = Kind(
    "crd-newer",
    Severity.INFO,
    "A custom resource has fields that this release does not know.",
    "The definitions are of a newer release than this command. Newer servers use these fields; older ones ignore them.",
    "fields that this release does not have",
    "Use wao doctor of the release that runs in the cluster.",
)
KINDS = (MISSING, NOT_SERVED, OLDER, NEWER)


def check_crds(facts: Facts) -> Outcome:
    """Compare the definitions in the cluster with those of this release."""
    present = known(facts.crds)
    found: list[Finding] = []
    for resource in RESOURCES:
        name = f"{resource.plural}.{GROUP}"
        found += _examine(name, present.get(name), definition(resource))
    return Outcome(f"{plural(len(RESOURCES), 'custom resource')}, version {VERSION} is served", found)


def _examine(name: str, crd: Crd | None, ours: Mapping[str, Any]) -> Iterator[Finding]:
    if crd is None:
        yield MISSING.found(name, "there is no CustomResourceDefinition of this name")
        return
    served = {version.name: version for version in crd.spec.versions or () if version.served}
    established = crd.status.condition("Established")
    if VERSION not in served:
        yield NOT_SERVED.found(name, f"served versions: {', '.join(sorted(served)) or 'none'}", name=name)
        return
    if established is None or established.status != "True":
        why = (
            "it is not Established"
            if established is None
            else f"Established={established.status}: {established.message}"
        )
        yield NOT_SERVED.found(name, why, name=name)
    (version,) = [item for item in ours["spec"]["versions"] if item["name"] == VERSION]
    wanted = set(fields_of(version["schema"]["openAPIV3Schema"]))
    there = set(fields_of(served[VERSION].schema.open_api or {}))
    if lacking := top(wanted - there):
        yield OLDER.found(name, f"missing: {listed(lacking)}")
    elif more := top(there - wanted):
        yield NEWER.found(name, f"not known here: {listed(more)}")


def fields_of(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all fields of a schema."""
    for name, child in (schema.get("properties") or {}).items():
        yield f"{path}{name}"
        yield from fields_of(child, f"{path}{name}.")
    for below in ("items", "additionalProperties"):
        if isinstance(child := schema.get(below), Mapping):
            yield from fields_of(child, path.removesuffix(".") + "[].")


def top(paths: set[str]) -> list[str]:
    """Return paths without those below another one.

    Examples
    --------
    >>> top({"spec.tls", "spec.tls.insecure", "spec.x"})
    ['spec.tls', 'spec.x']
    """
    return sorted(path for path in paths if not any(path.startswith((f"{other}.", f"{other}[]")) for other in paths))
