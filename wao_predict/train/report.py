"""The training report: a self-contained HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from wao_predict.features import UNITS, unit_sign
from wao_predict.models.metadata import ModelInfo
from wao_predict.report_page import facts_section, tiles, write_page
from wao_predict.train.pictures import curves_picture, errors_picture
from wao_predict.train.session import Trained, TrainingPlan
from wao_predict.train.table import TrainingTable


def write_report(path: Path, trained: Trained, table: TrainingTable, plan: TrainingPlan) -> None:
    """Write a report with error table, fitted curves, error plots and model card."""
    info = trained.info
    parts = [_head(info, table), _tiles(info), _curves(trained, table), _errors(trained), _card(info, table, plan)]
    write_page(path, f"Power model {info.name}", parts)


def _head(info: ModelInfo, table: TrainingTable) -> str:
    skipped = f" {len(table.skipped):,} rows with a missing value were skipped." if table.skipped else ""
    return (
        f"<h1>Power model {escape(info.name)}</h1>"
        f"<p>Trained on {len(table):,} rows of {escape(table.path.name)}.{skipped}</p>"
    )


def _tiles(info: ModelInfo) -> str:
    figures = info.metrics.get("held_out", {}).get("all") or info.metrics["fit"]["all"]
    where = "held-out rows" if "held_out" in info.metrics else "training rows"
    figures_shown = [
        (f"{figures['mape']:.2f} %", f"mean absolute error, {where}"),
        (f"{figures['mae']:.2f} W", "mean absolute error"),
        (f"{figures['rmse']:.2f} W", "root mean square error"),
        (f"{info.path.stat().st_size / 1000:.0f} kB" if info.path else "-", "size of the model file"),
    ]
    return tiles(figures_shown)


def _curves(trained: Trained, table: TrainingTable) -> str:
    return (
        "<section><h2>Power curves and data</h2><p>Lines: the model at a low, a middle and a high value of a feature. "
        "Points: measurements at or near these readings."
        + (" Band around the middle line: 90 % of held-out measurements." if trained.info.intervals else "")
        + "</p>"
        + curves_picture(trained.model, table, trained.info.intervals)
        + "</section>"
    )


def _errors(trained: Trained) -> str:
    body = _table(("rows", "number", "MAE [W]", "RMSE [W]", "MAPE [%]"), error_rows(trained.info))
    if trained.held_out is None:
        note = "No rows were held out: these are errors of the fit, not of predictions."
        return f"<section><h2>Errors</h2><p>{note}</p>{body}</section>"
    note = (
        "The model was fitted without whole planes of a grid or whole blocks of a log, and these rows were predicted. "
        "The exported model is fitted to all rows, so its errors between the points of a grid are smaller."
    )
    return f"<section><h2>Errors</h2><p>{note}</p>{body}</section><section>{errors_picture(trained.held_out)}</section>"


def error_rows(info: ModelInfo) -> list[tuple[str, int, float, float, float]]:
    """Return the rows of the error table: name, number of rows, MAE [W], RMSE [W], MAPE [%]."""
    parts = {f"held out: {name}": part for name, part in info.metrics.get("held_out", {}).items()}
    parts["seen in training"] = info.metrics["fit"]["all"]
    return [(name, int(part["rows"]), part["mae"], part["rmse"], part["mape"]) for name, part in parts.items()]


def _table(header: Sequence[str], rows: Iterable[tuple[str, int, float, float, float]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr{' class=first' if index == 0 else ''}><td>{escape(name)}</td><td>{number:,}</td>"
        + "".join(f"<td>{figure:.2f}</td>" for figure in figures)
        + "</tr>"
        for index, (name, number, *figures) in enumerate(rows)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _card(info: ModelInfo, table: TrainingTable, plan: TrainingPlan) -> str:
    route = "PyTorch, monotone in CPU usage by construction" if plan.route == "torch" else "scikit-learn, skl2onnx"
    facts = {
        "File": str(info.path),
        "Route": f"{route}; seed {plan.seed}" + (f", {plan.epochs} epochs" if plan.route == "torch" else ""),
        **({f"Trained {name}": _range(info, name) for name in info.features} if info.ranges else {}),
        "Curve knots": f"{len(info.knots)}" if info.knots else "none",
        "Rows": f"{len(table):,} used, {len(table.skipped):,} skipped",
        "Source of the data": info.source or "not stated (--source)",
        "Licence of the data": info.license or "not stated (--license)",
        "Made with": info.created_with,
    }
    return facts_section("Model card", facts)


def _range(info: ModelInfo, name: str) -> str:
    assert info.ranges is not None
    low, high = info.ranges[name]
    return f"{low:g} to {high:g} {unit_sign(UNITS.get(name, ''))}; outside, the nearest trained value is used"
