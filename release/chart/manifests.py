"""The manifests that the chart is made of, one folder of kustomize at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs.generator.files import ROOT

MANIFESTS = ROOT / "manifests"


@dataclass(frozen=True)
class Manifest:
    """A file of a kustomization."""

    path: Path
    labels: dict[str, str]
    """What the kustomization adds to the metadata of each object."""

    @property
    def texts(self) -> list[str]:
        """The documents, with their comments."""
        return [text.strip("\n") + "\n" for text in self.path.read_text(encoding="utf-8").split("\n---\n")]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The documents, parsed."""
        return [yaml.safe_load(text) for text in self.texts]


def manifests_of(folder: str) -> list[Manifest]:
    """Return the files that the kustomization of a folder lists."""
    place = MANIFESTS / folder
    kustomization = yaml.safe_load((place / "kustomization.yaml").read_text(encoding="utf-8"))
    labels = {name: value for item in kustomization.get("labels", []) for name, value in item["pairs"].items()}
    names = [name for name in kustomization.get("resources", []) if name.endswith(".yaml")]
    return [Manifest(place / name, labels) for name in names]


def additions(component: str, document: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield what the patches of a component append to lists of an object: the path of the list, and the item."""
    kustomization = yaml.safe_load((MANIFESTS / component / "kustomization.yaml").read_text(encoding="utf-8"))
    for patch in kustomization["patches"]:
        if patch["target"] != {"kind": document["kind"], "name": document["metadata"]["name"]}:
            continue
        for operation in yaml.safe_load(patch["patch"]):
            *path, end = operation["path"].strip("/").split("/")
            if (operation["op"], end) != ("add", "-"):
                raise ValueError(f"{component}: {operation} is not in the chart: only items of lists can be added")
            yield tuple(int(part) if part.isdigit() else part for part in path), operation["value"]


def delegate_url() -> str:
    """Return the address of the other adapter in the component."""
    api = {"kind": "Deployment", "metadata": {"name": "wao-metrics-api"}}
    flags = [value for _, value in additions("components/delegate", api) if str(value).startswith("--delegate=")]
    (flag,) = flags
    return str(flag).partition("=")[2]


def objects(folders: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield all documents of some folders."""
    for folder in folders:
        for manifest in manifests_of(folder):
            yield from manifest.documents
