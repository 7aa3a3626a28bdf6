"""`wao simulate`: what a fleet uses while pods come and go, by policy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.cluster_options import ClusterOptions
from wao_predict.cli.connection import Tls
from wao_predict.cli.cooling_options import CoolingOptions
from wao_predict.cli.options import with_options
from wao_predict.cli.output import Output, print_csv, print_json, print_table
from wao_predict.cli.simulate_options import Moves, Pods, Result, Simulation, SwitchOff, Year
from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.fleet import Fleet
    from wao_predict.simulate.comparison import Comparison, Row
    from wao_predict.simulate.fleet_documents import PresentPods
    from wao_predict.simulate.moves import Moving
    from wao_predict.simulate.standby import Standby
    from wao_predict.simulate.sweep import DailyPods, Executor, Task
    from wao_predict.simulate.trace import Trace

DAILY_PODS = 2_000
"""Pods of a drawn day, unless the user gives a number."""


@with_options(Tls, "tls", timeout=30.0)
@with_options(ClusterOptions, "cluster")
@with_options(Result, "result")
@with_options(CoolingOptions, "cooling")
@with_options(Year, "year")
@with_options(SwitchOff, "switch_off")
@with_options(Moves, "moves")
@with_options(Simulation, "simulation")
@with_options(Pods, "pods")
def simulate(
    pods: Pods,
    simulation: Simulation,
    moves: Moves,
    switch_off: SwitchOff,
    cooling: CoolingOptions,
    year: Year,
    result: Result,
    cluster: ClusterOptions,
    tls: Tls,
    fleet: Annotated[
        str | None,
        typer.Argument(
            help="Table of nodes as for wao what-if; usage_cores is a base load that stays. A .yaml file lists groups "
            "of equal nodes.",
            metavar="FLEET.csv|.yaml|-",
        ),
    ] = None,
    remaining: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=8784.0,
            metavar="HOURS",
            help="With --from-cluster: time for which each running pod runs on [h]. Default: as long as it has run so "
            "far.",
        ),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Output format.")] = Output.TABLE,
) -> None:
    """Simulate a fleet while pods come and go, and compare the energy of policies.

    With --cpu, --price, --co2, --pue or --yearly: what our scheduler would save in a year compared with the stock
    scheduler, at the load of the fleet and at loads of 10 to 90 %, with an interval.
    """
    from wao_predict.simulate.sweep import compare, tasks_for

    _check_outputs(result)
    nodes, running = _nodes_of(fleet, cluster, tls, with_pods=not year.wanted)
    if year.wanted:
        from wao_predict.cli.savings import simulate_year

        _refuse_with_year(switch_off, moves, cooling)
        simulate_year(pods, simulation, year, result, nodes, name_of(fleet or "the cluster"), output)
        return
    trace = None if running is None else running.trace(remaining=hours(remaining))
    if trace is not None and not pods.load and pods.pods is None:
        pods = replace(pods, load=[_load_of(nodes, trace)])
    if switch_off.standby and (nodes.usage_cores > 0).all():
        say("note: every node has a base load that stays, so no server is switched off")
    tasks = tasks_for(
        nodes,
        _pods_of(pods, trace),
        _policies(simulation, moves, switch_off),
        seeds=simulation.seeds,
        floor_window=3600.0 * simulation.floor_window,
        standby=_standby_of(switch_off),
        moving=_moving_of(moves),
        cooling=cooling.plants(),
    )
    with progress_bar(len(tasks)) as step:
        comparison = compare(tasks, executor_of(simulation), progress=step)
    facts = {} if running is None else {"Running pods": _about_running(running, remaining)}
    _print(comparison, nodes, facts, output)
    _write(result, comparison, tasks, nodes, fleet or "the cluster", facts)


def _refuse_with_year(switch_off: SwitchOff, moves: Moves, cooling: CoolingOptions) -> None:
    """Refuse options that the saving per year does not have."""
    if switch_off.standby or moves.rebalance:
        raise typer.BadParameter(
            "--standby and --rebalance are for comparisons without --cpu, --price, --co2, --pue, --yearly"
        )
    if cooling.plants() is not None:
        raise typer.BadParameter("a plant file is for comparisons; for the saving per year, give --pue")


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


def _nodes_of(
    fleet: str | None, cluster: ClusterOptions, tls: Tls, *, with_pods: bool
) -> tuple[Fleet, PresentPods | None]:
    """Return the nodes in a file, or those of a running extender with the pods that run on them."""
    from wao_predict.simulate.fleet_documents import cluster_of_document, fleet_of_document
    from wao_predict.simulate.fleet_files import read_columns

    url = cluster.url_instead_of(fleet)
    if url is None:
        return read_columns(str(fleet)).fleet(), None
    document = cluster.fleet(url, tls, pods=with_pods)
    return cluster_of_document(document) if with_pods else (fleet_of_document(document), None)


def _load_of(nodes: Fleet, running: Trace) -> float:
    """Return the present load of a cluster, as a fraction of its CPU."""
    used = float(nodes.usage_cores.sum() + running.use.sum())
    return min(max(used / float(nodes.capacity_cores.sum()), 0.01), 1.0)


def _about_running(running: PresentPods, remaining: float | None) -> str:
    """Return how many pods run, and what is assumed of them."""
    how_long = "as long as it has run so far" if remaining is None else f"for {remaining:g} h"
    return (
        f"{len(running):,} running pods, {int(running.movable.sum()):,} of them movable: each runs on {how_long}, and "
        "uses its share of its node's CPU use by request"
    )


def hours(given: float | None) -> float | None:
    """Return hours as seconds."""
    return None if given is None else 3600.0 * given


def _pods_of(options: Pods, running: Trace | None = None) -> Trace | list[DailyPods]:
    from wao_predict.simulate.sweep import DailyPods

    if options.pods is None:
        count = options.count or DAILY_PODS
        loads = options.load or [0.3, 0.6]
        return [
            DailyPods(load=load, pods=count, days=options.days, movable=options.movable, running=running)
            for load in dict.fromkeys(loads)
        ]
    return table_of(options) if running is None else table_of(options).after(running)


def table_of(options: Pods) -> Trace:
    """Return the pods of the table."""
    from wao_predict.simulate.trace_files import PRESETS, read_trace

    if options.load:
        raise typer.BadParameter("--load is for drawn days: give either --pods or --load")
    assert options.pods is not None
    names = [part.partition("=") for part in options.column or ()]
    if any(not name or not column for name, _, column in names):
        raise typer.BadParameter("--column: write NAME=COLUMN, such as arrival=start")
    columns = PRESETS[options.preset.value].renamed({name: column for name, _, column in names})
    return read_trace(options.pods, columns)


def _policies(simulation: Simulation, moves: Moves, switch_off: SwitchOff) -> tuple[str, ...]:
    """Return the policies, then each of them with what is to be added."""
    from wao_predict.simulate.sweep import DEFAULT_POLICIES
    from wao_predict.simulate.variants import Variant

    chosen = [Variant.of(name) for name in simulation.policy or DEFAULT_POLICIES]
    if moves.rebalance:
        chosen += [replace(variant, moves=True) for variant in chosen]
    if switch_off.standby:
        chosen += [replace(variant, standby=True) for variant in chosen]
    names = [variant.name for variant in chosen]
    return tuple(names if not (moves.rebalance or switch_off.standby) else dict.fromkeys(names))


def _moving_of(options: Moves) -> Moving:
    from wao_predict.rebalance import Budgets
    from wao_predict.simulate.moves import Moving

    budgets = Budgets(moves=options.moves, minimum_saving=options.minimum_saving, whole_nodes=not options.partial)
    return Moving(budgets, period=options.move_period)


def _standby_of(options: SwitchOff) -> Standby:
    from wao_predict.simulate.standby import Standby
    from wao_predict.standby import StandbySettings

    settings = StandbySettings(
        spare_percent=options.spare_percent, spare_cores=options.spare_cores, empty_seconds=options.empty_seconds
    )
    return Standby(
        settings,
        start_seconds=options.start_time,
        off_watts=options.off_watts,
        failure_rate=options.start_failures,
    )


def executor_of(options: Simulation) -> Executor:
    """Return what runs the simulations."""
    from wao_predict.simulate.executors import on_processes, on_ray

    return on_ray(options.ray) if options.ray else on_processes(options.jobs)


@contextmanager
def progress_bar(tasks: int) -> Iterator[Callable[[], None]]:
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


def _print(comparison: Comparison, nodes: Fleet, facts: dict[str, str], output: Output) -> None:
    rows = comparison.rows()
    if output is Output.JSON:
        print_json({"policies": list(comparison.policies), "rows": [row.as_dict() for row in rows]})
    elif output is Output.CSV:
        dicts = [row.as_dict() for row in rows]
        print_csv(list(dicts[0]), [list(row.values()) for row in dicts])
    else:
        _print_rows(rows, comparison, nodes)
        sys.stdout.writelines(f"{fact}\n" for fact in facts.values())


def _print_rows(rows: Sequence[Row], comparison: Comparison, nodes: Fleet) -> None:
    columns: dict[str, Callable[[Row], object]] = {
        "load": lambda row: f"{row.load:.0%}",
        "policy": lambda row: row.policy,
        "kWh": lambda row: row.kwh,
        "saved [%]": lambda row: row.saved,
        "+-": lambda row: row.saved_spread,
        "above bound [%]": lambda row: row.above_bound,
        "busy nodes": lambda row: row.busy,
        "waited": lambda row: row.waited,
        "never ran": lambda row: row.refused,
    }
    if any(row.cooling_kwh for row in rows):
        columns |= {"cooling [kWh]": lambda row: row.cooling_kwh}
        del columns["above bound [%]"]
    if any(row.starts_per_node for row in rows):
        columns |= {
            "on": lambda row: row.on,
            "starts a day": lambda row: row.starts_per_node,
            "longest wait [s]": lambda row: row.longest_wait,
        }
    best = [
        max((index for index, row in enumerate(rows) if row.load == load), key=lambda index: rows[index].saved)
        for load in comparison.loads
    ]
    if any(row.moves for row in rows):
        columns["moves a day"] = lambda row: row.moves
    first = comparison.days[0]
    more = "; starts a day: of one node" if "on" in columns else ""
    bound = "; bound: no placement is below it" if "above bound [%]" in columns else ""
    print_table(
        list(columns),
        [[value(row) for value in columns.values()] for row in rows],
        title=f"{len(nodes.names)} nodes, {first.pods:,} pods in {first.horizon / 3600:,.4g} h",
        caption=f"saved: against {comparison.policies[0]}{bound}{more}",
        highlight=best,
    )


def _write(
    result: Result,
    comparison: Comparison,
    tasks: Sequence[Task],
    nodes: Fleet,
    fleet: str,
    more: Mapping[str, str],
) -> None:
    from wao_predict.simulate.report import write_simulation_report
    from wao_predict.simulate.result_files import series, write_columns

    if result.save is not None:
        write_columns(result.save, series(comparison))
    if result.report is not None:
        first = comparison.days[0]
        drawn = f"{len({task.seed for task in tasks})} drawn days for each load"
        facts = {
            "Nodes": f"{len(nodes.names):,} with {nodes.capacity_cores.sum():,.0f} cores",
            "Base load": f"{nodes.usage_cores.sum() / nodes.capacity_cores.sum():.1%} of the CPU, permanent",
            "Pods": f"{first.pods:,} in {first.horizon / 3600:,.4g} h",
            **more,
            "Days": drawn,
            "Floor": f"lowest load of {tasks[0].floor_window / 3600:g} h",
            "Cooling": "not counted" if tasks[0].cooling is None else f"plants of {', '.join(tasks[0].cooling.plants)}",
        }
        write_simulation_report(result.report, comparison, title=f"Energy of {name_of(fleet)}", facts=facts)


def name_of(source: str) -> str:
    """Return the name of a fleet: that of its file."""
    return "Standard input" if source == "-" else Path(source).stem
