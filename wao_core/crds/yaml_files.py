"""CustomResourceDefinitions as YAML, from the models of `wao_core.crds.models`.

`python -m wao_core.crds.yaml_files` writes manifests/crds; with `--check` it fails if they are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from wao_core.cluster.names import GROUP, VERSION
from wao_core.crds import models as crd
from wao_core.errors import ManifestError

FOLDER = Path(__file__).resolve().parents[2] / "manifests" / "crds"
_DROPPED = frozenset({"title", "default_factory"})


@dataclass(frozen=True)
class Resource:
    """One custom resource: its names, models and printer columns (name, type, path)."""

    kind: str
    plural: str
    short: str
    spec: type[BaseModel]
    status: type[BaseModel]
    description: str
    columns: list[tuple[str, str, str]] = field(default_factory=list)


RESOURCES = (
    Resource(
        "NodeConfig",
        "nodeconfigs",
        "nc",
        crd.NodeConfigSpec,
        crd.NodeConfigStatus,
        "NodeConfig has the sensors and the power model of a node.",
        [
            ("Node", "string", ".spec.nodeName"),
            ("InletTemp", "string", ".spec.metricsCollector.inletTemp.type"),
            ("Predictor", "string", ".spec.predictor.powerConsumption.type"),
            ("Power", "string", ".status.standby.powerState"),
            ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    ),
    Resource(
        "NodeConfigTemplate",
        "nodeconfigtemplates",
        "nct",
        crd.NodeConfigTemplateSpec,
        crd.NodeConfigTemplateStatus,
        "NodeConfigTemplate creates a NodeConfig for every node that it selects.",
        [
            ("Nodes", "integer", ".status.nodes"),
            ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason'),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    ),
)


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of a model: no references, no unions with null, required fields sorted."""
    schema = model.model_json_schema(by_alias=True)
    found: dict[str, Any] = _plain(schema, schema.get("$defs", {}))
    return found


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return _plain({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if "anyOf" in schema:
        chosen = [item for item in schema["anyOf"] if item.get("type") != "null"]
        if len(chosen) != 1:
            raise ManifestError(f"a field of several types is not structural: {schema}")
        return _plain({**chosen[0], **{key: value for key, value in schema.items() if key != "anyOf"}}, definitions)
    result: dict[str, Any] = {}
    for key, value in sorted(schema.items()):
        if key in _DROPPED or key == "$defs" or (key == "default" and value is None):
            continue
        if key == "properties":
            result[key] = {name: _plain(item, definitions) for name, item in value.items()}
        elif key in ("items", "additionalProperties"):
            if not isinstance(value, bool):
                result[key] = _plain(value, definitions)
        else:
            result[key] = sorted(value) if key == "required" else deepcopy(value)  # shared, it would be an alias
    return result


def definition(resource: Resource) -> dict[str, Any]:
    """Return the CustomResourceDefinition of one resource."""
    schema = {
        "type": "object",
        "description": resource.description,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(resource.spec),
            "status": structural(resource.status),
        },
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in resource.columns
        ],
        "schema": {"openAPIV3Schema": schema},
    }
    names = {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.kind.lower(),
        "shortNames": [resource.short],
        "categories": ["wao"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def rendered() -> dict[str, str]:
    """Return the files of manifests/crds by name."""
    head = "# Generated from wao_core/crds/models.py by `python -m wao_core.crds.yaml_files`; do not edit.\n"
    files = {
        f"{resource.plural}.yaml": head + yaml.safe_dump(definition(resource), sort_keys=False, width=120)
        for resource in RESOURCES
    }
    listed = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": sorted(files)}
    files["kustomization.yaml"] = yaml.safe_dump(listed, sort_keys=False)
    return files


def main(arguments: list[str]) -> int:
    """Write the files; with --check return 1 if they are out of date, and write nothing."""
    stale = []
    for name, text in rendered().items():
        file = FOLDER / name
        if "--check" in arguments:
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            FOLDER.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run python -m wao_core.crds.yaml_files\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
