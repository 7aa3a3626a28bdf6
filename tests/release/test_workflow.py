"""The release workflow: pinned actions, and in each job the permissions that it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / ".github" / "workflows" / "release.yaml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_each_action_is_pinned_by_its_commit_next_to_its_version() -> None:
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert len(lines) == sum("uses" in step for step in STEPS)
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_a_job_can_write_only_what_it_publishes() -> None:
    assert WORKFLOW["permissions"] == {}
    writes = {
        name: {right for right, level in job["permissions"].items() if level == "write"}
        for name, job in WORKFLOW["jobs"].items()
    }
    assert {name: rights for name, rights in writes.items() if rights} == {
        "image": {"packages"},
        "chart": {"packages"},
        "package": {"id-token"},
    }


def test_the_code_of_the_repository_runs_only_where_nothing_can_be_published() -> None:
    for name, job in WORKFLOW["jobs"].items():
        runs_code = any("make " in step.get("run", "") for step in job["steps"])
        assert not (runs_code and "write" in job["permissions"].values()), name


def test_no_expression_is_expanded_inside_a_script() -> None:
    """A tag could have a name that is a command."""
    assert all("${{" not in step.get("run", "") for step in STEPS)


def test_the_image_is_built_for_both_platforms() -> None:
    (build,) = [step["with"] for step in STEPS if step.get("id") == "build"]
    assert build["platforms"] == "linux/amd64,linux/arm64"
