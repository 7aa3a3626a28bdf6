"""The benchmarks are found by name, and those that measure quality hold what they promise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import BENCHMARKS, load
from benchmarks.figures import BenchmarkResult, Figure, document_of, record, recording, write
from benchmarks.page import HEIGHT, Point, plot, write_page
from benchmarks.quality import CASES, MEASURED, fleet_of_tables
from wao_predict.simulate.placement import simulate


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_benchmark_is_a_function_with_a_sentence(name: str) -> None:
    assert load(name).__doc__


def test_the_error_for_an_unknown_name_lists_the_known_ones() -> None:
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("no benchmark speed; there are quality, ")


@pytest.mark.parametrize(("case", "measured"), list(zip(CASES, MEASURED, strict=True)), ids=[case[0] for case in CASES])
def test_the_published_tables_give_what_was_measured_live(
    case: tuple[str, dict[str, int], int], measured: tuple[int, int, int]
) -> None:
    """The conditions of those runs are not known; one temperature for all comes to within 1.2 % of every figure."""
    _, counts, pods = case
    spread, _, optimum = measured
    policies = ("spread", "lookahead", "optimum")
    found = {outcome.policy: outcome.watts for outcome in simulate(fleet_of_tables(counts), 2.0, pods, policies)}
    assert found["spread"] == pytest.approx(spread, rel=0.012)
    assert found["optimum"] == pytest.approx(optimum, rel=0.012)
    assert found["lookahead"] <= 1.0001 * found["optimum"]


def run_of(value: float, *, error: str = "") -> dict[str, Any]:
    result = BenchmarkResult("collector", [Figure("first <reading>", value, "ms")], 1.5, error)
    return {**document_of([result]), "time": f"2026-11-29T10:00:{int(value):02}+00:00", "commit": "0123456789abcdef"}


def test_figures_are_recorded_for_the_benchmark_that_runs() -> None:
    record("lost", 1.0, "ms")
    with recording("collector") as result:
        record("kept", 2.0, "ms")
    record("lost", 3.0, "ms")
    assert [Figure("kept", 2.0, "ms")] == result.figures


def test_a_saved_run_names_commit_machine_and_versions(tmp_path: Path) -> None:
    path = write([BenchmarkResult("collector", [Figure("first", 2.0, "ms")])], tmp_path)
    document = json.loads(path.read_text())
    assert document["commit"][:9] in path.name
    assert {"cpu", "cores", "load", "system"} == document["machine"].keys()
    assert document["versions"]["numpy"] == np.__version__
    assert document["benchmarks"][0]["figures"] == [{"name": "first", "value": 2.0, "unit": "ms"}]


def test_the_page_shows_each_figure_with_its_history_and_needs_nothing_else(tmp_path: Path) -> None:
    for run in (run_of(8.0), run_of(2.0, error="OSError: gone")):
        (tmp_path / f"{run['time']}.json").write_text(json.dumps(run))
    page = write_page(tmp_path, tmp_path / "build" / "page.html").read_text()
    assert "<td>first &lt;reading&gt;" in page
    assert page.index(">8 ms<") < page.index("<svg")
    assert page.index(">2 ms<") > page.index(">8 ms<")
    assert page.count("<circle") == 2
    assert "OSError: gone" in page
    assert "src=" not in page
    assert "href=" not in page


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [3.0, -1.0]])
def test_a_plot_of_any_values_stays_inside(values: list[float]) -> None:
    drawn = plot([Point("run", value) for value in values], "ms")
    heights = [float(text) for text in re.findall(r'cy="([\d.]+)"', drawn)]
    assert len(heights) == len(values)
    assert all(0.0 <= height <= HEIGHT for height in heights)
