"""`wao train`: from a table of measurements to an ONNX model and a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.train.table import TrainingTable


class Route(StrEnum):
    """Which library fits the model."""

    TORCH = "torch"
    SKLEARN = "sklearn"


class Holdout(StrEnum):
    """Which rows are held out to measure errors."""

    AUTO = "auto"
    PLANES = "planes"
    BLOCKS = "blocks"
    NONE = "none"


def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA.csv", help="Measurements: cpu_usage, inlet_temp, delta_p, watts.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="The model to write.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a report with plots.")] = None,
    name: Annotated[str, typer.Option(help="The model's name; by default the output file's.")] = "",
    epochs: Annotated[int, typer.Option(help="Passes over the data (torch).", min=1, max=100_000)] = 200,
    seed: Annotated[int, typer.Option(help="Same seed, same data: same model.", min=0)] = 0,
    holdout: Annotated[
        Holdout,
        typer.Option(help="Rows held out to measure errors; auto: planes of a grid, else blocks of rows."),
    ] = Holdout.AUTO,
    route: Annotated[Route, typer.Option(help="torch: a small network; sklearn: boosted trees.")] = Route.TORCH,
    source: Annotated[str, typer.Option(help="Where the data come from, kept in the model file.")] = "",
    license_: Annotated[str, typer.Option("--license", help="The data's licence, kept in the model file.")] = "",
) -> None:
    """Train a power model from measurements, measure its errors on held-out rows, and export it as ONNX.

    Columns: cpu_usage [% of the server], inlet_temp [degC], delta_p [Pa], watts [W]. Lines with a missing value are
    skipped and counted. Needs the extra `train`.
    """
    if output.suffix != ".onnx":
        raise typer.BadParameter(f"--output {output}: name a .onnx file")
    for target in filter(None, (output, report)):
        _check_target(target)
    table = _load(data)
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.train import Plan, train_to_onnx, write_report

    plan = Plan(route.value, epochs, seed, holdout.value)
    info = ModelInfo(name or output.stem, source=source, license=license_)
    with _progress() as tell:
        trained = train_to_onnx(table, output, plan=plan, info=info, on_progress=tell)
    _print_errors(trained.info)
    sys.stdout.write(f"model   {output} ({output.stat().st_size:,} bytes)\n")
    if report:
        write_report(report, trained, table, plan)
        sys.stdout.write(f"report  {report}\n")


def _check_target(path: Path) -> None:
    """Fail before the work is done, not after it."""
    from wao_predict.errors import UsageError

    if not path.resolve().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.resolve().parent}; make it first")
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give a file name")


def _load(data: Path) -> TrainingTable:
    from wao_predict.train.table import load_table

    table = load_table(data)
    if table.skipped:
        lines = ", ".join(str(line) for line in table.skipped[:10]) + (", ..." if len(table.skipped) > 10 else "")
        sys.stderr.write(f"warning: skipped {len(table.skipped)} lines with a missing value (line {lines})\n")
    return table


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar on stderr, gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("training"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda what, part: progress.update(task, description=what, completed=part)


def _print_errors(info: ModelInfo) -> None:
    from wao_predict.cli.output import print_table
    from wao_predict.train import error_rows

    held_out = "held_out" in info.metrics
    print_table(
        ("rows", "number", "MAE W", "RMSE W", "MAPE %"),
        error_rows(info),
        title=f"Errors of {info.name}",
        caption="" if held_out else "no rows were held out: this is how close the fit is, not how well it predicts",
    )
