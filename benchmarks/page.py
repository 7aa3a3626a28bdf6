"""The history of benchmarks as one HTML page without scripts: `python -m benchmarks.page`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.figures import HISTORY, ROOT

PAGE = ROOT / "build" / "benchmarks.html"
WIDTH, HEIGHT, MARGIN = 220.0, 36.0, 4.0
STYLE = """
:root { color-scheme: light dark; --line: #0b6e99; --soft: #8886 }
@media (prefers-color-scheme: dark) { :root { --line: #6cc5ee } }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--soft); vertical-align: middle }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
svg { display: block } polyline { fill: none; stroke: var(--line); stroke-width: 1.6 } circle { fill: var(--line) }
.note { opacity: .75 }
"""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure in one run."""

    run: str
    value: float


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs in a folder, the oldest first."""
    runs = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return sorted(runs, key=lambda run: str(run["time"]))


def render(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the page: a table of figures by benchmark, each with its history, and the runs."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmarks</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style><h1>Benchmarks</h1>",
        '<p class="note">Ratios (% and x) are measured within one run. Compare other figures of one machine only.</p>',
    ]
    for benchmark, figures in _history(runs).items():
        parts.append(f"<h2>{escape(benchmark)}</h2><table><tr><th>figure<th>last<th>before<th>history</tr>")
        parts += [_row(name, unit, points) for (name, unit), points in figures.items()]
        parts.append("</table>")
    parts.append("<h2>Runs</h2><table><tr><th>time<th>commit<th>machine<th>versions<th>ended early</tr>")
    parts += [_run_row(run) for run in reversed(runs)]
    return "\n".join([*parts, "</table></html>"]) + "\n"


def _history(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[tuple[str, str], list[Point]]]:
    history: dict[str, dict[tuple[str, str], list[Point]]] = {}
    for run in runs:
        for benchmark in run["benchmarks"]:
            for figure in benchmark["figures"]:
                of = history.setdefault(benchmark["name"], {})
                points = of.setdefault((figure["name"], figure["unit"]), [])
                points.append(Point(_label(run), figure["value"]))
    return history


def _label(run: Mapping[str, Any]) -> str:
    return f"{str(run['time'])[:16].replace('T', ' ')} {str(run['commit'])[:9]}{'+' if run['changed'] else ''}"


def _row(name: str, unit: str, points: Sequence[Point]) -> str:
    before = _text(points[-2].value, unit) if len(points) > 1 else ""
    return (
        f'<tr><td>{escape(name)}<td class="number">{_text(points[-1].value, unit)}<td class="number">{before}'
        f"<td>{plot(points, unit)}</tr>"
    )


def plot(points: Sequence[Point], unit: str) -> str:
    """Return a line from 0 to the largest value as SVG; each point names its run and value."""
    top = max(point.value for point in points) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(1, len(points) - 1)
    places = [
        (MARGIN + index * step, HEIGHT - MARGIN - max(0.0, point.value) / top * (HEIGHT - 2 * MARGIN))
        for index, point in enumerate(points)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(_dots(points, places, unit))
    return f'<svg width="{WIDTH:g}" height="{HEIGHT:g}" role="img"><polyline points="{line}"/>{dots}</svg>'


def _dots(points: Sequence[Point], places: Sequence[tuple[float, float]], unit: str) -> Iterator[str]:
    for point, (x, y) in zip(points, places, strict=True):
        title = f"{escape(point.run)}: {_text(point.value, unit)}"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"><title>{title}</title></circle>'


def _text(value: float, unit: str) -> str:
    return f"{value:.3g} {escape(unit)}" if abs(value) < 1000 else f"{value:,.0f} {escape(unit)}"


def _run_row(run: Mapping[str, Any]) -> str:
    machine, versions = run["machine"], run["versions"]
    failed = ", ".join(f"{item['name']}: {item['error']}" for item in run["benchmarks"] if item["error"])
    commit = f"{str(run['commit'])[:9]}{' (changed)' if run['changed'] else ''}"
    return (
        f"<tr><td>{escape(str(run['time']))}<td>{escape(commit)}"
        f"<td>{escape(str(machine['cpu']))}, {machine['cores']} cores, load {machine['load']:.1f}"
        f"<td>{escape(', '.join(f'{name} {version}' for name, version in versions.items() if version))}"
        f"<td>{escape(failed)}</tr>"
    )


def write_page(folder: Path = HISTORY, page: Path = PAGE) -> Path:
    """Write the page of the runs in `folder`, and return its path."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(read_runs(folder)))
    return page


if __name__ == "__main__":
    if not any(HISTORY.glob("*.json")):
        sys.exit(f"no results in {HISTORY}: run `make bench` first")
    print(f"the history is at file://{write_page()}")
