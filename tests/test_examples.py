"""The examples run as they stand, and so does the README's first block of Python."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.extras import modules_without

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("[0-9]*.ipynb"))
TRAINING = {"16_train_your_own.ipynb", "19_gpu_server.ipynb"}
"""Notebooks that need the extra `train` or `train-sklearn`."""
RUN_NOTEBOOK = (
    "import nbclient, nbformat, sys; nbclient.NotebookClient(nbformat.read(sys.argv[1], 4), timeout=60).execute()"
)


RUN_WITHOUT = """
import runpy, sys
file, missing = sys.argv[1], sys.argv[2].split(",")
sys.modules.update(dict.fromkeys(missing))
sys.argv = [file]
runpy.run_path(file, run_name="__main__")
"""


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_runs_with_the_extra_that_it_names_and_says_something(file: Path, tmp_path: Path) -> None:
    stated = re.search(r"Needs (?:the extra (\w+)|no extra)\.", file.read_text())
    assert stated is not None
    command = [sys.executable, "-c", RUN_WITHOUT, str(file), ",".join(modules_without(stated[1] or ""))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr
    assert len(file.read_text().splitlines()) <= 30


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=pytest.mark.train if file.name in TRAINING else ()) for file in NOTEBOOKS],
    ids=lambda file: file.name,
)
def test_a_notebook_runs_and_shows_its_results(file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN_NOTEBOOK, str(file)]  # a process of its own: the kernel keeps sockets open
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # on a busy machine, several threads mostly wait for each other
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=90, check=False, env=alone)
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in cells)
    assert sum(len(cell["source"]) for cell in cells) <= 30


def test_the_readmes_python_runs() -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    namespace: dict[str, object] = {}
    exec(block.group(1), namespace)
    assert len(namespace["watts"]) == 2  # type: ignore[arg-type]


def test_the_readme_has_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    for command in (
        "predict",
        "curve",
        "models",
        "train",
        "what-if",
        "read",
        "metrics-api",
        "scheduler",
        "lb",
        "explain",
        "demo",
    ):
        assert f"wao {command}" in text
