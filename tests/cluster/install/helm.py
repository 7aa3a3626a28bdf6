"""Calls helm with our chart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.build import BuildError, tool

CHART = Path(__file__).parents[3] / "charts" / "wao"
SECONDS = 120.0


def helm(folder: Path, *arguments: str) -> str:
    """Run helm with all its files in a folder, and return what it prints; an error of it fails the test."""
    done = run(folder, *arguments)
    if done.returncode != 0:
        pytest.fail(f"helm {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm, whatever the result is."""
    try:
        program = tool("helm")
    except BuildError as error:
        pytest.fail(str(error))
    places = {name: str(folder / name) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **places}
    command = [str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
