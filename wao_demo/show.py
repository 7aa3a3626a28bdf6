"""Output of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from wao_predict.simulate.placement import Outcome

console = Console(width=118, highlight=False)


def heading(number: int, text: str) -> None:
    """Print the title of a step."""
    console.print(f"\n[bold cyan]{number}[/]  [bold]{text}[/]")


def say(text: str) -> None:
    """Print a line of explanation."""
    console.print(f"   {text}")


def _table(columns: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False, padding=(0, 2))
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left")
    return table


def _indented(table: Table) -> None:
    from rich.padding import Padding

    console.print(Padding(table, (0, 0, 0, 3)))


def metrics(samples: Mapping[str, Mapping[str, float]], sources: Mapping[str, str], first: int = 2) -> None:
    """Print the metrics of the first nodes of each type."""
    table = _table(
        [
            ("node", "left"),
            ("mocked BMC", "left"),
            ("inlet_temp", "right"),
            ("delta_p", "right"),
            ("power_watts", "right"),
            ("predicted", "right"),
            ("residual", "right"),
        ]
    )
    shown: dict[str, int] = {}
    for node, values in samples.items():
        kind = sources[node]
        shown[kind] = shown.get(kind, 0) + 1
        if shown[kind] <= first:
            table.add_row(
                node,
                kind,
                _number(values.get("inlet_temp"), "\u00b0C"),
                _number(values.get("delta_p"), "Pa"),
                _number(values.get("power_watts"), "W"),
                _number(values.get("predicted_watts"), "W"),
                _number(_residual(values), "W", sign="+"),
            )
    table.add_row(f"... {len(samples)} nodes", *[""] * 6, style="dim")
    _indented(table)


def _residual(values: Mapping[str, float]) -> float | None:
    """Return measured minus predicted power [W], None if one of them is missing."""
    measured, predicted = values.get("power_watts"), values.get("predicted_watts")
    return None if measured is None or predicted is None else measured - predicted


def decision(document: Mapping[str, Any], rows: int = 5) -> None:
    """Print the best and the worst candidates of a decision."""
    table = _table(
        [
            ("node", "left"),
            ("watts before", "right"),
            ("after", "right"),
            ("increase scored", "right"),
            ("score", "right"),
        ]
    )
    nodes = document["nodes"]
    for node in [*nodes[:rows], *nodes[-2:]]:
        style = "bold green" if node["node"] == document["chosen"] else ""
        table.add_row(
            node["node"],
            _number(node["wattsBefore"], "W"),
            _number(node["wattsAfter"], "W"),
            _number(node["increase"], "W", 2),
            str(node["score"]),
            style=style,
        )
    _indented(table)


def weights(document: Mapping[str, Any]) -> None:
    """Print the weights of a Service's endpoints."""
    table = _table([("endpoint", "left"), ("node", "left"), ("weight", "right"), ("", "left"), ("note", "left")])
    for port in document["ports"]:
        for item in sorted(port["endpoints"], key=lambda entry: -entry["weight"]):
            table.add_row(
                f"{item['address']}:{item['port']}",
                item["nodeName"],
                f"{item['weight']:.1f} %",
                "[cyan]" + "\u2588" * round(item["weight"] / 2) + "[/]",
                item["reason"],
            )
    _indented(table)


def outcomes(results: Sequence[Outcome], pods: int) -> None:
    """Print the power of each policy and its saving relative to the first one."""
    table = _table(
        [
            ("policy", "left"),
            ("fleet", "right"),
            (f"{pods} pods cost", "right"),
            ("saving", "right"),
            ("nodes used", "right"),
        ]
    )
    first = results[0]
    for outcome in results:
        saving = 100.0 * (1.0 - outcome.watts / first.watts)
        style = "bold green" if outcome.policy == "lookahead" else ""
        table.add_row(
            _WORDS.get(outcome.policy, outcome.policy),
            _number(outcome.watts, "W"),
            _number(outcome.increase, "W"),
            "" if outcome is first else f"{saving:.1f} %",
            str(outcome.nodes_used),
            style=style,
        )
    _indented(table)


_WORDS = {
    "spread": "spread (stock scheduler)",
    "reference": "reference (whole watts)",
    "marginal": "marginal",
    "lookahead": "lookahead (WAO)",
    "optimum": "exact optimum",
}


def _number(value: float | None, unit: str, digits: int = 1, *, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign},.{digits}f} {unit}"
