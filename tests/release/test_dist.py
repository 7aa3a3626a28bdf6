"""What users download: each part alone and all together, with the image that was named."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from release.dist import PARTS, ImageName, install_files
from release.kustomize import objects

IMAGE = ImageName("registry.example.com/wao", f"sha256:{'1' * 64}")


@pytest.fixture(scope="module")
def files() -> dict[str, list[dict[str, Any]]]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not there: install it to build the manifests")
    return {name: objects(text) for name, text in install_files(IMAGE).items()}


def identities(found: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in found}


def test_the_parts_together_are_the_default_installation(files: dict[str, list[dict[str, Any]]]) -> None:
    parts = [identities(files[f"install-{part}.yaml"]) for part in PARTS if part not in ("rebalance", "standby", "ui")]
    assert identities(files["install.yaml"]) == set().union(*parts)
    assert sum(map(len, parts)) == len(files["install.yaml"])


def test_optional_parts_are_files_of_their_own(files: dict[str, list[dict[str, Any]]]) -> None:
    for part in ("rebalance", "standby", "ui", "monitoring"):
        assert identities(files[f"install-{part}.yaml"])
        assert not identities(files[f"install-{part}.yaml"]) & identities(files["install.yaml"])


def test_each_server_has_the_image_by_digest(files: dict[str, list[dict[str, Any]]]) -> None:
    found = [item for name in files for item in files[name] if item["kind"] in ("Deployment", "DaemonSet")]
    images = {item["spec"]["template"]["spec"]["containers"][0]["image"] for item in found}
    ours = {image for image in images if "kube-scheduler" not in image}
    assert ours == {f"{IMAGE.name}@{IMAGE.digest}"}


def test_the_chart_gets_the_same_image() -> None:
    assert IMAGE.value().model_dump() == {
        "repository": IMAGE.name,
        "tag": "0.1.0",
        "digest": IMAGE.digest,
        "pull_policy": "",
    }
