"""The manifests are valid for each version of Kubernetes that docs/install/versions.md lists."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from release.chart.chart_file import OLDEST
from release.kustomize import Overlay, build, objects
from tests.manifests.groups import FOREIGN

PAGE = (Path(__file__).parents[2] / "docs" / "install" / "versions.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^\| (1\.\d+) \| valid \|", PAGE, re.MULTILINE)


@cache
def lists() -> list[dict[str, Any]]:
    """All objects, as one list of each kind: a schema takes longer to load than to use."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not there: install it to build the manifests")
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for item in objects(build(Overlay(components=("rebalance", "standby", "ui", "network-policies", "ha")))):
        kinds[item["apiVersion"], item["kind"]].append(item)
    return [
        {"apiVersion": version, "kind": f"{kind}List", "items": items}
        for (version, kind), items in kinds.items()
        if not version.startswith(FOREIGN)
    ]


def test_the_page_lists_all_versions_from_the_oldest_to_the_newest() -> None:
    newest = ".".join(kubernetes_validate.latest_version().split(".")[:2])
    first, last = (int(version.removeprefix("1.")) for version in (OLDEST, newest))
    assert [f"1.{minor}" for minor in range(first, last + 1)] == LISTED


@pytest.mark.parametrize("version", LISTED)
def test_the_manifests_are_valid(version: str) -> None:
    for item in lists():
        kubernetes_validate.validate(item, version, strict=True)


def test_a_field_that_does_not_exist_is_found_in_a_list() -> None:
    (item,) = [item for item in lists() if item["kind"] == "DeploymentList"]
    wrong = {**item, "items": [{**item["items"][0], "spec": {**item["items"][0]["spec"], "replica": 1}}]}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)
