"""Reports as self-contained HTML files: one page with sections, tiles and figures in SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from wao_predict.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MUTED, GRID = "#475569", "#e2e8f0"
_THEMED = {
    "#0f172a": "--ink",
    MUTED: "--muted",
    "#94a3b8": "--axis",
    GRID: "--grid",
    "#2563eb": "--blue",
    "#be185d": "--rose",
}
"""Colours of figures that depend on whether the page is light or dark."""
_STYLE = """
:root { color-scheme: light dark; --page: #f1f5f9; --card: #fff; --ink: #0f172a; --muted: #475569; --axis: #94a3b8;
  --grid: #e2e8f0; --blue: #2563eb; --rose: #be185d; }
@media (prefers-color-scheme: dark) { :root { --page: #0b1220; --card: #162033; --ink: #e6edf6; --muted: #a9b6c8;
  --axis: #64748b; --grid: #2b3a52; --blue: #60a5fa; --rose: #f472b6; } }
@media print { :root { --page: #fff; } section { break-inside: avoid; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .2rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .8rem; }
p { margin: .2rem 0 1rem; color: var(--muted); } p b { color: var(--ink); }
section, .tile { background: var(--card); border: 1px solid var(--grid); border-radius: 10px; }
section { padding: 1.25rem 1.4rem; margin-top: 1.1rem; overflow-x: auto; }
section > :last-child { margin-bottom: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .9rem; margin-top: 1.1rem; }
.tile { padding: .8rem 1.1rem; }
.tile b { display: block; font-size: 1.55rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: .85rem; }
svg { width: 100%; min-width: 42rem; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .38rem .7rem; border-bottom: 1px solid var(--grid); }
th { color: var(--muted); font-weight: 600; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; } td + td { white-space: nowrap; }
tr.first td { font-weight: 650; }
tr:last-child td { border-bottom: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.4rem; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1.25rem .75rem 2rem; } section { padding: 1rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
"""
_FIGURE_STYLE = {
    "font.size": 10,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": "#0f172a",
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.labelcolor": "#0f172a",
    "text.color": "#0f172a",
    "svg.hashsalt": "wao",
    "svg.fonttype": "path",
}


def write_page(path: Path, title: str, parts: Iterable[str]) -> None:
    """Write a page.

    Parameters
    ----------
    path
        File to write.
    title
        Title of the page as text.
    parts
        HTML of its sections.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """Return a row of tiles, each with a value and its label."""
    cells = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(label)}</span></div>' for value, label in figures
    )
    return f'<div class="tiles">{cells}</div>'


def facts_section(title: str, facts: Mapping[str, str]) -> str:
    """Return a section with names and values, given as text."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<section><h2>{escape(title)}</h2><dl>{items}</dl></section>"


@contextmanager
def svg_figure(width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Yield a figure and a list, and append the SVG text of the figure to the list at the end.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("drawing", "plot") from error
    made: list[str] = []
    with mpl.rc_context(_FIGURE_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, made
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in _THEMED.items():
        svg = svg.replace(f": {colour}", f": var({variable})")
    made.append(re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"<svg \1\2", svg, count=1))
