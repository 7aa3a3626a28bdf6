"""`wao train`: check measurements, train an ONNX model from them, and write a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wao_predict.cli.options import with_options
from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.train.preparing import Preparation
    from wao_predict.train.search import Tried
    from wao_predict.train.session import TrainingPlan
    from wao_predict.train.table import TrainingTable

TABLE, MODEL = "Table", "Model"


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


class LoadUnit(StrEnum):
    """Unit of cpu_usage."""

    PERCENT = "percent"
    FRACTION = "fraction"
    CORES = "cores"
    MILLICORES = "millicores"


class TempUnit(StrEnum):
    """Unit of inlet_temp."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"
    KELVIN = "kelvin"


class Device(StrEnum):
    """Device of torch."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class Units:
    """Options about the units of a table."""

    load_unit: Annotated[LoadUnit, typer.Option(help="Unit of cpu_usage.", rich_help_panel=TABLE)] = LoadUnit.PERCENT
    cores: Annotated[
        float | None,
        typer.Option(help="Cores of the server, if cpu_usage is in cores or millicores.", rich_help_panel=TABLE),
    ] = None
    temp_unit: Annotated[TempUnit, typer.Option(help="Unit of inlet_temp.", rich_help_panel=TABLE)] = TempUnit.CELSIUS

    def preparation(self, **others: Any) -> Preparation:
        """Return what to change in the table."""
        from wao_predict.train.preparing import Preparation

        return Preparation(load_unit=self.load_unit.value, cores=self.cores, temp_unit=self.temp_unit.value, **others)


@dataclass(frozen=True)
class Measurements:
    """Options about the table."""

    features: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME+,...",
            help="Columns to learn from, cpu_usage first. A + or - after a name states that power never falls, or "
            "never rises, with it. Default: cpu_usage, and inlet_temp and delta_p if all files have them.",
            rich_help_panel=TABLE,
            show_default=False,
        ),
    ] = ""
    node: Annotated[
        list[str] | None,
        typer.Option(help="Use only the rows of this node. Repeatable.", rich_help_panel=TABLE),
    ] = None
    lag: Annotated[
        int | None,
        typer.Option(
            metavar="ROWS", help="Rows by which watts are behind the load. Default: estimated.", rich_help_panel=TABLE
        ),
    ] = None
    drop_repeats: Annotated[
        bool,
        typer.Option(
            "--drop-repeats", help="Leave out watts that a BMC repeated from its cache.", rich_help_panel=TABLE
        ),
    ] = False
    drop_outliers: Annotated[
        bool, typer.Option("--drop-outliers", help="Leave out the outliers that are found.", rich_help_panel=TABLE)
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Check the table only. Needs no extra.", rich_help_panel=TABLE)
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Train although a check failed.", rich_help_panel=TABLE)] = (
        False
    )

    def preparation(self, units: Units) -> Preparation:
        """Return what to change in the table."""
        return units.preparation(lag=self.lag, drop_repeats=self.drop_repeats, drop_outliers=self.drop_outliers)

    def named(self) -> tuple[list[str] | None, dict[str, int]]:
        """Return the features, None for the default, and the declared directions."""
        texts = [text.strip() for text in self.features.split(",") if text.strip()]
        signs = {text[:-1]: {"+": 1, "-": -1}[text[-1]] for text in texts if text[-1] in "+-"}
        return [text.rstrip("+-") for text in texts] or None, signs


@with_options(Measurements, "measurements")
@with_options(Units, "units")
def train(
    units: Units,
    measurements: Measurements,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file, or a folder of such files, with the columns cpu_usage and watts, and optionally "
            "inlet_temp, delta_p, node, time and others.",
        ),
    ],
    save: Annotated[
        Path | None, typer.Option("--save", "-s", metavar="FILE.onnx", help="Write the model to this file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report with plots to this file.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model. Default: name of the model file.")] = "",
    route: Annotated[
        Route,
        typer.Option(
            help="torch trains a small network (extra train), sklearn boosted trees (extra train-sklearn).",
            rich_help_panel=MODEL,
        ),
    ] = Route.TORCH,
    epochs: Annotated[
        int, typer.Option(help="Passes over the data, for torch.", min=1, max=100_000, rich_help_panel=MODEL)
    ] = 200,
    seed: Annotated[
        int,
        typer.Option(help="Random seed; the same seed and data give the same model.", min=0, rich_help_panel=MODEL),
    ] = 0,
    device: Annotated[
        Device,
        typer.Option(help="Device of torch. auto: CUDA if present and the table is large.", rich_help_panel=MODEL),
    ] = Device.AUTO,
    holdout: Annotated[
        Holdout,
        typer.Option(
            help="Rows held out to measure errors. auto: planes if the table is a grid, else blocks of rows.",
            rich_help_panel=MODEL,
        ),
    ] = Holdout.AUTO,
    trials: Annotated[
        int,
        typer.Option(
            "--search",
            metavar="N",
            min=0,
            max=1000,
            help="Try N sizes and seeds, and use the one with the smallest error on held-out rows.",
            rich_help_panel=MODEL,
        ),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=1024,
            help="Processes of the search. Default: one per core.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Search on a Ray cluster. Needs the extra ray.", rich_help_panel=MODEL),
    ] = None,
    source: Annotated[str, typer.Option(help="Origin of the data, stored in the model file.")] = "",
    license_: Annotated[str, typer.Option("--license", help="Licence of the data, stored in the model file.")] = "",
) -> None:
    """Check measurements, train a power model from them, measure its errors on held-out rows, and export it as ONNX.

    Units: cpu_usage in percent of the server, inlet_temp in degC, delta_p in Pa, watts in W. Rows with a missing value
    are skipped and counted. Errors and prediction intervals by load are stored in the model file.
    """
    if save is None and not measurements.check:
        raise typer.BadParameter("give --save FILE.onnx, or --check to check the table only")
    if save is not None and save.suffix != ".onnx":
        raise typer.BadParameter(f"--save {save}: use a file name that ends in .onnx")
    for target in filter(None, (save, report)):
        _check_target(target)
    table, directions = _checked(data, measurements, units)
    if save is None or measurements.check:
        return
    _require(route)
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.train import TrainingPlan, train_to_onnx, write_report

    plan = TrainingPlan(route.value, epochs, seed, holdout.value, device=device.value, directions=directions)
    if trials:
        plan = _searched(table, plan, trials, jobs, ray)
    info = ModelInfo(name or save.stem, source=source, license=license_)
    with _progress() as report_progress:
        trained = train_to_onnx(table, save, plan=plan, info=info, on_progress=report_progress)
    _print_errors(trained.info)
    sys.stdout.write(f"model   {save} ({save.stat().st_size:,} bytes)\n")
    if report:
        write_report(report, trained, table, plan)
        sys.stdout.write(f"report  {report}\n")


def _searched(table: TrainingTable, plan: TrainingPlan, trials: int, jobs: int | None, ray: str | None) -> TrainingPlan:
    """Return the best of some plans; show each trial as it ends."""
    from typing import cast

    from wao_predict.simulate.executors import on_processes, on_ray
    from wao_predict.train.search import search

    done = [0]

    def show(tried: Tried) -> None:
        done[0] += 1
        say(
            f"search {done[0]}/{trials}: {tried.plan.hidden} units, seed {tried.plan.seed}: "
            f"{tried.mape:.2f} % MAPE on held-out rows"
        )

    executor = cast(Any, on_processes(jobs) if ray is None else on_ray(ray))
    best = search(table, plan, trials, executor=executor, on_tried=show)
    say(f"search: {best.plan.hidden} units and seed {best.plan.seed} are the best")
    return best.plan


def _require(route: Route) -> None:
    """Fail before the work if the library of a route is not installed."""
    from importlib.util import find_spec

    from wao_predict.errors import MissingExtra

    if route is Route.TORCH and find_spec("torch") is None:
        raise MissingExtra("training with torch (--route sklearn needs 0.4 GB instead of 5)", "train")
    if find_spec("skl2onnx") is None:
        raise MissingExtra("training", "train-sklearn")


def _check_target(path: Path) -> None:
    """Fail before training rather than after it if a file cannot be written."""
    from wao_predict.errors import UsageError

    if not path.resolve().parent.is_dir():
        raise UsageError(f"{path}: the folder {path.resolve().parent} does not exist; create it first")
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give a file name")


def _checked(data: Path, measurements: Measurements, units: Units) -> tuple[TrainingTable, dict[str, int]]:
    """Return the table to train on, and the directions of features; report what the checks find.

    Raises
    ------
    UsageError
        A model trained on the table would be useless, and --force is not given.
    """
    from wao_predict.errors import UsageError
    from wao_predict.train.checks import check_table
    from wao_predict.train.preparing import in_units, prepared
    from wao_predict.train.table import load_table

    how = measurements.preparation(units)
    features, directions = measurements.named()
    read = load_table(data, features=features, nodes=measurements.node, any_load=True)
    if read.skipped:
        lines = ", ".join(str(line) for line in read.skipped[:10]) + (", ..." if len(read.skipped) > 10 else "")
        say(f"warning: skipped {len(read.skipped)} rows with a missing value (line {lines})")
    table = in_units(read, how)
    found = [finding for finding in check_table(table) if finding.check != "lag" or how.lag is None]
    fatal = [finding for finding in found if finding.fatal]
    for finding in found:
        say(f"{'error' if finding.fatal else 'warning'}: {finding.text}")
    if fatal and not measurements.force:
        raise UsageError(
            f"{data}: {len(fatal)} failed check{'s' if len(fatal) > 1 else ''}, see above; --force trains anyway"
        )
    ready = prepared(table, how)
    say(f"{data}: {len(ready):,} of {len(read):,} rows, features {', '.join(ready.features)}")
    return ready, directions


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
    if info.intervals is not None:
        bounds = info.intervals
        rows = [
            (f"{low:g}-{high:g} % CPU", *(f"{a:+.1f} to {b:+.1f}" for a, b in zip(lows, highs, strict=True)))
            for low, high, lows, highs in zip(bounds.edges[:-1], bounds.edges[1:], bounds.low, bounds.high, strict=True)
        ]
        columns = [f"{100 * level:g} % of rows W" for level in bounds.levels]
        print_table(("load", *columns), rows, title="Measured minus predicted power")
