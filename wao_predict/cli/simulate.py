"""`wao simulate`: what a fleet uses while pods come and go, by policy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.options import with_options
from wao_predict.cli.output import Output, print_csv, print_json, print_table

if TYPE_CHECKING:
    from wao_predict.fleet import Fleet
    from wao_predict.simulate.sweep import Comparison, DailyPods, Executor, Row, Task
    from wao_predict.simulate.trace import Trace

PODS, WHERE, RESULT = "Pods", "Simulation", "Result"
"""Panels of the help."""


class Preset(StrEnum):
    """Column names of a table of pods."""

    DEFAULT = "default"
    ALIBABA_GPU_2023 = "alibaba-gpu-2023"


@dataclass(frozen=True)
class Pods:
    """Options about the pods."""

    pods: Annotated[
        str | None,
        typer.Option(
            metavar="PODS.csv|.parquet|-",
            help="Table of pods: arrival [s], duration or end [s], cpu_request [cores], and if known cpu_use and "
            "movable. Without it, days are drawn.",
            rich_help_panel=PODS,
        ),
    ] = None
    preset: Annotated[Preset, typer.Option(help="Column names of the table of pods.", rich_help_panel=PODS)] = (
        Preset.DEFAULT
    )
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN",
            help="Another column name, such as arrival=start. Repeatable.",
            rich_help_panel=PODS,
        ),
    ] = None
    load: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Mean load of a drawn day, as a fraction of the CPU. Repeatable.",
            rich_help_panel=PODS,
            show_default="0.3 and 0.6",
        ),
    ] = None
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1_000_000, help="Pods of a drawn day.", rich_help_panel=PODS)
    ] = 2_000
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to draw in a row.", rich_help_panel=PODS)] = 1


@dataclass(frozen=True)
class Simulation:
    """Options about the simulation."""

    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            help="Policy to compare; savings are relative to the first. Repeatable.",
            rich_help_panel=WHERE,
            show_default="least-allocated, reference, peaks, lookahead, floor",
        ),
    ] = None
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Days to draw for each load.", rich_help_panel=WHERE)] = 5
    floor_window: Annotated[
        float, typer.Option(min=1.0, max=720.0, help="Window of the rule floor [h].", rich_help_panel=WHERE)
    ] = 24.0
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=1024, help="Processes. Default: one per core.", rich_help_panel=WHERE),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Ray cluster, such as ray://host:10001. Needs the extra ray.",
            rich_help_panel=WHERE,
        ),
    ] = None


@dataclass(frozen=True)
class Result:
    """Options about the result."""

    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Report with plots to write.", rich_help_panel=RESULT),
    ] = None
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv|.parquet", help="Write power and busy nodes over time.", rich_help_panel=RESULT),
    ] = None


@with_options(Result, "result")
@with_options(Simulation, "simulation")
@with_options(Pods, "pods")
def simulate(
    pods: Pods,
    simulation: Simulation,
    result: Result,
    fleet: Annotated[
        str,
        typer.Argument(
            help="Table of nodes as for wao what-if; usage_cores is a base load that stays. A .yaml file lists groups "
            "of equal nodes.",
            metavar="FLEET.csv|.yaml|-",
        ),
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="Output format.")] = Output.TABLE,
) -> None:
    """Simulate a fleet while pods come and go, and compare the energy of policies."""
    from wao_predict.simulate.sweep import DEFAULT_POLICIES, compare, tasks_for

    _check_outputs(result)
    nodes = read_nodes(fleet)
    tasks = tasks_for(
        nodes,
        _pods_of(pods),
        tuple(simulation.policy or DEFAULT_POLICIES),
        seeds=simulation.seeds,
        floor_window=3600.0 * simulation.floor_window,
    )
    with _progress(len(tasks)) as step:
        comparison = compare(tasks, _executor(simulation), progress=step)
    rows = comparison.rows()
    if output is Output.JSON:
        print_json({"policies": list(comparison.policies), "rows": [row.as_dict() for row in rows]})
    elif output is Output.CSV:
        dicts = [row.as_dict() for row in rows]
        print_csv(list(dicts[0]), [list(row.values()) for row in dicts])
    else:
        _print_rows(rows, comparison, nodes)
    _write(result, comparison, tasks, nodes, fleet)


def _check_outputs(result: Result) -> None:
    """Refuse files that cannot be written before the simulations run."""
    from wao_predict.simulate.result_files import check_suffix

    if result.save is not None:
        check_suffix(result.save)
    if result.report is not None and result.report.suffix not in (".html", ".htm"):
        raise typer.BadParameter(f"--report {result.report}: use a file name that ends in .html")
    for file in filter(None, (result.save, result.report)):
        if not file.absolute().parent.is_dir():
            raise typer.BadParameter(f"{file}: the folder {file.absolute().parent} does not exist")


def read_nodes(source: str) -> Fleet:
    """Return the fleet in a table, or in a YAML file of groups."""
    from wao_predict.fleet import Fleet
    from wao_predict.simulate.fleet_files import read_groups

    return read_groups(Path(source)) if source.endswith((".yaml", ".yml")) else Fleet.from_table(source)


def _pods_of(options: Pods) -> Trace | list[DailyPods]:
    from wao_predict.simulate.sweep import DailyPods
    from wao_predict.simulate.trace_files import PRESETS, read_trace

    if options.pods is None:
        loads = options.load or [0.3, 0.6]
        return [DailyPods(load=load, pods=options.count, days=options.days) for load in dict.fromkeys(loads)]
    if options.load:
        raise typer.BadParameter("--load is for drawn days: give either --pods or --load")
    names = [part.partition("=") for part in options.column or ()]
    if any(not name or not column for name, _, column in names):
        raise typer.BadParameter("--column: write NAME=COLUMN, such as arrival=start")
    columns = PRESETS[options.preset.value].renamed({name: column for name, _, column in names})
    return read_trace(options.pods, columns)


def _executor(options: Simulation) -> Executor:
    from wao_predict.simulate.executors import on_processes, on_ray

    return on_ray(options.ray) if options.ray else on_processes(options.jobs)


@contextmanager
def _progress(tasks: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=tasks)
        yield lambda: bar.advance(task)


def _print_rows(rows: Sequence[Row], comparison: Comparison, nodes: Fleet) -> None:
    header = ["load", "policy", "kWh", "saved [%]", "+-", "above bound [%]", "busy nodes", "waited", "never ran"]
    shown = [
        [
            f"{row.load:.0%}",
            row.policy,
            row.kwh,
            row.saved,
            row.saved_spread,
            row.above_bound,
            row.busy,
            row.waited,
            row.refused,
        ]
        for row in rows
    ]
    best = [
        max((index for index, row in enumerate(rows) if row.load == load), key=lambda index: rows[index].saved)
        for load in comparison.loads
    ]
    first = comparison.days[0]
    print_table(
        header,
        shown,
        title=f"{len(nodes.names)} nodes, {first.pods:,} pods in {first.horizon / 3600:,.4g} h",
        caption=f"saved: against {comparison.policies[0]}; bound: no placement is below it",
        highlight=best,
    )


def _write(result: Result, comparison: Comparison, tasks: Sequence[Task], nodes: Fleet, fleet: str) -> None:
    from wao_predict.simulate.report import write_simulation_report
    from wao_predict.simulate.result_files import series, write_columns

    if result.save is not None:
        write_columns(result.save, series(comparison))
    if result.report is not None:
        first = comparison.days[0]
        drawn = f"{len({task.seed for task in tasks})} drawn days for each load"
        facts = {
            "Nodes": f"{len(nodes.names)}, {nodes.capacity_cores.sum():,.0f} cores",
            "Base load": f"{nodes.usage_cores.sum() / nodes.capacity_cores.sum():.1%} of the CPU, permanent",
            "Pods": f"{first.pods:,} in {first.horizon / 3600:,.4g} h",
            "Days": drawn,
            "Floor": f"lowest load of {tasks[0].floor_window / 3600:g} h",
        }
        name = "Standard input" if fleet == "-" else Path(fleet).stem
        write_simulation_report(result.report, comparison, title=f"Energy of {name}", facts=facts)
