"""The report of a comparison: a self-contained HTML file with tables and plots."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.report_page import MUTED, svg_figure, tiles, write_page
from wao_predict.simulate.sweep import Comparison, Row

COLOURS = ("#94a3b8", "#d97706", "#7c3aed", "#2563eb", "#0f766e", "#be185d", "#65a30d", "#b45309")
HIGHLIGHT = "floor"


def write_simulation_report(path: Path, comparison: Comparison, *, title: str, facts: dict[str, str]) -> None:
    """Write a report.

    Parameters
    ----------
    path
        File to write.
    comparison
        The results.
    title
        Title of the page, such as the name of the fleet.
    facts
        What was simulated, by name.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    UsageError
        The file cannot be written.
    """
    rows = comparison.rows()
    parts = [_head(comparison, title), _tiles(rows, comparison), _savings(comparison), _table(rows, comparison)]
    parts += [_over_time(comparison, load) for load in comparison.loads]
    parts.append(_facts(facts))
    write_page(path, title, parts)


def _head(comparison: Comparison, title: str) -> str:
    days = len(comparison.of(comparison.loads[0], comparison.policies[0]))
    number = f"{days} simulated days each" if days > 1 else "one simulated day each"
    return (
        f"<h1>{escape(title)}</h1><p>Energy by policy, {number}. Savings are relative to "
        f"{escape(comparison.policies[0])} on the same day.</p>"
    )


def _tiles(rows: list[Row], comparison: Comparison) -> str:
    best = max(
        (row for row in rows if row.policy != comparison.policies[0]), key=lambda row: row.saved, default=rows[0]
    )
    above = "-" if best.above_bound is None else f"{best.above_bound:.1f} %"
    waited = sum(row.waited for row in rows if row.policy == best.policy)
    return tiles(
        [
            (f"{best.saved:.1f} %", f"energy saved by {best.policy} at {best.load:.0%} load"),
            (f"{best.kwh:,.0f} kWh", "energy that it uses"),
            (above, "above what no placement can go below"),
            (f"{waited:.0f}", "of its pods waited for room"),
        ]
    )


def _savings(comparison: Comparison) -> str:
    others = comparison.policies[1:]
    if not others:
        return ""
    with svg_figure(11.0, 0.45 * len(others) * len(comparison.loads) + 1.2) as (figure, made):
        panel = figure.subplots()
        labels, place = [], 0.0
        for load in comparison.loads:
            for policy in others:
                saved = comparison.savings(load, policy)
                spread = float(saved.std(ddof=1)) if saved.size > 1 else 0.0
                colour = COLOURS[comparison.policies.index(policy) % len(COLOURS)]
                panel.barh(place, saved.mean(), xerr=spread, color=colour, height=0.7, ecolor=MUTED, capsize=3)
                panel.annotate(
                    f"{saved.mean():.1f} %",
                    (max(float(saved.mean()), 0.0) + spread, place),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                    color=MUTED,
                )
                labels.append((place, f"{policy}, {load:.0%} load" if len(comparison.loads) > 1 else policy))
                place += 1.0
            place += 0.4
        panel.set_yticks([at for at, _ in labels], [text for _, text in labels])
        panel.invert_yaxis()
        panel.margins(x=0.12)
        panel.grid(axis="y", visible=False)
        panel.set(xlabel=f"energy saved against {comparison.policies[0]} [%]")
    note = (
        "Lines show the standard deviation between days."
        if len(comparison.of(comparison.loads[0], others[0])) > 1
        else ""
    )
    return f"<section><h2>Energy saved</h2><p>{note}</p>{made[0]}</section>"


def _over_time(comparison: Comparison, load: float) -> str:
    with svg_figure(11.0, 6.2) as (figure, made):
        power, nodes = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
        for number, policy in enumerate(comparison.policies):
            days = comparison.of(load, policy)
            hours = np.linspace(0.0, days[0].horizon / 3600, days[0].watts.size + 1)
            style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "lw": 2.4 if policy == HIGHLIGHT else 1.4}
            _steps(power, hours, np.mean([day.watts for day in days], axis=0), label=policy, **style)
            _steps(nodes, hours, np.mean([day.busy for day in days], axis=0), **style)
        power.set(title="Power of the fleet", ylabel="power [W]")
        nodes.set(title="Nodes with pods", xlabel="time [h]", ylabel="nodes")
        nodes.set_ylim(bottom=0)
        nodes.set_xlim(0.0, hours[-1])
        power.legend(loc="best", ncols=3)
    return f"<section><h2>Over time at {load:.0%} load</h2><p>Means over days.</p>{made[0]}</section>"


def _steps(panel: Any, edges: Any, values: Any, **style: Any) -> None:
    panel.stairs(values, edges, baseline=None, **style)


_HEADER = (
    "policy",
    "kWh",
    "saved [%]",
    "spread",
    "above the bound [%]",
    "nodes with pods",
    "pods that waited",
    "never ran",
)


def _table(rows: list[Row], comparison: Comparison) -> str:
    head = "".join(f"<th>{name}</th>" for name in _HEADER)
    body = ""
    for load in comparison.loads:
        if len(comparison.loads) > 1:
            body += f'<tr class="first"><td colspan="{len(_HEADER)}">{load:.0%} load</td></tr>'
        for row in (row for row in rows if row.load == load):
            cells = (
                f"{row.kwh:,.1f}",
                f"{row.saved:.2f}",
                "-" if row.saved_spread is None else f"{row.saved_spread:.2f}",
                "-" if row.above_bound is None else f"{row.above_bound:.2f}",
                f"{row.busy:.1f}",
                f"{row.waited:.1f}",
                f"{row.refused:.1f}",
            )
            body += f"<tr><td>{escape(row.policy)}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    return f"<section><h2>All figures</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"


def _facts(facts: dict[str, str]) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<section><h2>What was simulated</h2><dl>{items}</dl></section>"
