"""The release workflow is valid."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster.build import tool

pytestmark = pytest.mark.cluster

WORKFLOWS = sorted((Path(__file__).parents[3] / ".github" / "workflows").glob("*.yaml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(workflow: Path) -> None:
    done = subprocess.run([tool("actionlint"), workflow], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
