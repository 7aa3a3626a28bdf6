"""`wao train`: train an ONNX model from a table of measurements, and write a report."""

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
    """Library that fits the model."""

    TORCH = "torch"
    SKLEARN = "sklearn"


class Holdout(StrEnum):
    """Rows that are held out to measure errors."""

    AUTO = "auto"
    PLANES = "planes"
    BLOCKS = "blocks"
    NONE = "none"


def train(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA.csv", help="CSV file with the columns cpu_usage, inlet_temp, delta_p and watts."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="Model file to write.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Report with plots to write.")] = None,
    name: Annotated[str, typer.Option(help="Name of the model. Default: name of the output file.")] = "",
    epochs: Annotated[int, typer.Option(help="Passes over the data, for torch.", min=1, max=100_000)] = 200,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed and data give the same model.", min=0)] = 0,
    holdout: Annotated[
        Holdout,
        typer.Option(help="Rows held out to measure errors. auto: planes if the table is a grid, else blocks of rows."),
    ] = Holdout.AUTO,
    route: Annotated[Route, typer.Option(help="torch trains a small network, sklearn boosted trees.")] = Route.TORCH,
    source: Annotated[str, typer.Option(help="Origin of the data, stored in the model file.")] = "",
    license_: Annotated[str, typer.Option("--license", help="Licence of the data, stored in the model file.")] = "",
) -> None:
    """Train a power model from measurements, measure its errors on held-out rows, and export it as ONNX.

    Units: cpu_usage in percent of the server, inlet_temp in degC, delta_p in Pa, watts in W. Rows with a missing value
    are skipped and counted. This command needs the extra `train`.
    """
    if output.suffix != ".onnx":
        raise typer.BadParameter(f"--output {output}: use a file name that ends in .onnx")
    for target in filter(None, (output, report)):
        _check_target(target)
    table = _load(data)
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.train import TrainingPlan, train_to_onnx, write_report

    plan = TrainingPlan(route.value, epochs, seed, holdout.value)
    info = ModelInfo(name or output.stem, source=source, license=license_)
    with _progress() as report_progress:
        trained = train_to_onnx(table, output, plan=plan, info=info, on_progress=report_progress)
    _print_errors(trained.info)
    sys.stdout.write(f"model   {output} ({output.stat().st_size:,} bytes)\n")
    if report:
        write_report(report, trained, table, plan)
        sys.stdout.write(f"report  {report}\n")


def _check_target(path: Path) -> None:
    """Fail before training rather than after it if a file cannot be written."""
    from wao_predict.errors import UsageError

    if not path.resolve().parent.is_dir():
        raise UsageError(f"{path}: the folder {path.resolve().parent} does not exist; create it first")
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give a file name")


def _load(data: Path) -> TrainingTable:
    from wao_predict.train.table import load_table

    table = load_table(data)
    if table.skipped:
        lines = ", ".join(str(line) for line in table.skipped[:10]) + (", ..." if len(table.skipped) > 10 else "")
        sys.stderr.write(f"warning: skipped {len(table.skipped)} rows with a missing value (line {lines})\n")
    return table


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar on stderr, and remove it at the end."""
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
        caption="" if held_out else "no rows were held out: these are errors of the fit, not of predictions",
    )
