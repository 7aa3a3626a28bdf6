"""The report of a comparison: a self-contained HTML file with tables and plots."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from wao_predict.report_page import MUTED, facts_section, svg_figure, tiles, write_page
from wao_predict.simulate.comparison import Comparison, Row
from wao_predict.simulate.variants import Variant

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
    parts.append(facts_section("What was simulated", facts))
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
            (f"{best.saved:z.1f} %", f"energy saved by {best.policy} at {best.load:.0%} load"),
            (f"{best.kwh:,.0f} kWh", "energy that it uses"),
            (f"{best.cooling_kwh:,.0f} kWh", "of this for cooling")
            if best.cooling_kwh
            else (above, "above what no placement can go below"),
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
                colour = _style(comparison, policy)["color"]
                panel.barh(place, saved.mean(), xerr=spread or None, color=colour, height=0.7, ecolor=MUTED, capsize=3)
                panel.annotate(
                    f"{saved.mean():z.1f} %",
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
    switched = _switched(comparison)
    with svg_figure(11.0, 8.2 if switched else 6.2) as (figure, made):
        heights = [1.6, 1.0, 1.0] if switched else [1.6, 1.0]
        power, busy, *more = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        for policy in comparison.policies:
            days, style = comparison.of(load, policy), _style(comparison, policy)
            hours = np.linspace(0.0, days[0].horizon / 3600, days[0].watts.size + 1)
            _steps(power, hours, np.mean([day.watts for day in days], axis=0), label=policy, **style)
            _steps(busy, hours, np.mean([day.busy for day in days], axis=0), **style)
            for on in more:
                _steps(on, hours, np.mean([day.on for day in days], axis=0), **style)
        power.set(title="Power of the fleet", ylabel="power [W]")
        busy.set(title="Nodes with pods", ylabel="nodes")
        for on in more:
            on.set(title="Nodes that are on", ylabel="nodes")
        for panel in (power, busy, *more):
            panel.set_ylim(bottom=0)
        lowest = (busy, *more)[-1]
        lowest.set(xlabel="time [h]")
        lowest.set_xlim(0.0, hours[-1])
        figure.legend(*power.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return f"<section><h2>Over time at {load:.0%} load</h2><p>Means over days.</p>{made[0]}</section>"


def _switched(comparison: Comparison) -> bool:
    # means over intervals are a rounding error below the number of nodes that are always on
    return any(day.starts or (day.on < day.nodes - 1e-6).any() for day in comparison.days)


_LINES: dict[tuple[bool, bool], Any] = {
    (False, False): "-",
    (True, False): (0, (1, 1)),
    (False, True): (0, (4, 1.2)),
    (True, True): (0, (4, 1.2, 1, 1.2)),
}
"""Line styles with and without moves and standby."""


def _style(comparison: Comparison, policy: str) -> dict[str, Any]:
    """Return the colour of a policy, and the line of what is added to it."""
    variant = Variant.of(policy)
    names = list(dict.fromkeys(Variant.of(name).policy for name in comparison.policies))
    colour = COLOURS[names.index(variant.policy) % len(COLOURS)]
    return {
        "color": colour,
        "ls": _LINES[variant.moves, variant.standby],
        "lw": 2.4 if variant.policy == HIGHLIGHT else 1.4,
    }


def _steps(panel: Any, edges: Any, values: Any, **style: Any) -> None:
    panel.stairs(values, edges, baseline=None, **style)


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "policy": lambda row: escape(row.policy).replace("-", "&#8209;"),
    "kWh": lambda row: f"{row.kwh:,.1f}",
    "saved [%]": lambda row: f"{row.saved:z.2f}",
    "std. dev.": lambda row: _number(row.saved_spread, ".2f"),
    "above the bound [%]": lambda row: _number(row.above_bound, ".2f"),
    "nodes with pods": lambda row: f"{row.busy:.1f}",
    "pods that waited": lambda row: f"{row.waited:.1f}",
    "never ran": lambda row: f"{row.refused:.1f}",
}
_COLUMNS_OF_MOVES: dict[str, Callable[[Row], str]] = {"moves per day": lambda row: f"{row.moves:.0f}"}
_COLUMNS_OF_STANDBY: dict[str, Callable[[Row], str]] = {
    "nodes on": lambda row: f"{row.on:.1f}",
    "starts per day": lambda row: f"{row.starts_per_node:.2f}",
    "failed starts": lambda row: f"{row.failed_starts:.1f}",
    "mean wait [s]": lambda row: _number(row.mean_wait, ".0f"),
    "longest wait [s]": lambda row: _number(row.longest_wait, ".0f"),
}


_COLUMNS_OF_COOLING: dict[str, Callable[[Row], str]] = {"cooling [kWh]": lambda row: f"{row.cooling_kwh:,.1f}"}


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _table(rows: list[Row], comparison: Comparison) -> str:
    columns = _COLUMNS | (_COLUMNS_OF_STANDBY if _switched(comparison) else {})
    columns |= _COLUMNS_OF_MOVES if any(row.moves for row in rows) else {}
    if any(row.cooling_kwh for row in rows):
        columns |= _COLUMNS_OF_COOLING
        del columns["above the bound [%]"]
    head = "".join(f"<th>{name}</th>" for name in columns)
    body = ""
    for load in comparison.loads:
        if len(comparison.loads) > 1:
            body += f'<tr class="first"><td colspan="{len(columns)}">{load:.0%} load</td></tr>'
        for row in (row for row in rows if row.load == load):
            body += "<tr>" + "".join(f"<td>{value(row)}</td>" for value in columns.values()) + "</tr>"
    return f"<section><h2>All figures</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
