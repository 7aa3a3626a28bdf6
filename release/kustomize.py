"""Builds manifests with kustomize: parts and components, and the image to use."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from docs.generator.files import ROOT

MANIFESTS = ROOT / "manifests"
SECONDS = 60.0


class KustomizeError(Exception):
    """The manifests cannot be built; the text has the reason."""


@dataclass(frozen=True)
class Overlay:
    """What to build.

    Parameters
    ----------
    resources, components
        Folders of manifests/, and of manifests/components.
    images
        Entries of `images`, as in a kustomization.
    """

    resources: Sequence[str] = (".",)
    components: Sequence[str] = ()
    images: Sequence[dict[str, str]] = field(default_factory=list)

    def document(self, place: Path) -> dict[str, Any]:
        """Return the kustomization of an overlay in this folder."""
        manifests = Path(os.path.relpath(MANIFESTS, place))
        return {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [str(manifests / name) for name in self.resources],
            "components": [str(manifests / "components" / name) for name in self.components],
            "images": list(self.images),
        }


def build(overlay: Overlay) -> str:
    """Return the objects of an overlay as YAML.

    Raises
    ------
    KustomizeError
        kubectl is missing, or refuses the manifests.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise KustomizeError(
            "kubectl is needed to build the manifests: install it (https://kubernetes.io/docs/tasks/tools)"
        )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        (place / "kustomization.yaml").write_text(yaml.safe_dump(overlay.document(place)), encoding="utf-8")
        command = [kubectl, "kustomize", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise KustomizeError(f"kubectl kustomize: {done.stderr.strip()}")
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of YAML documents."""
    return [document for document in yaml.load_all(text, Loader=_LOADER) if document]


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
