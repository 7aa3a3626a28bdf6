"""The part of `wao simulate` that shows what would be saved in a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from wao_predict.cli.output import Output, print_csv, print_json, print_table
from wao_predict.cli.simulate import executor_of, progress_bar, table_of
from wao_predict.cli.simulate_options import Pods, Result, Simulation, Year
from wao_predict.cli.what_if import parse_cpu

if TYPE_CHECKING:
    from wao_predict.fleet import Fleet
    from wao_predict.models.stated_errors import ModelError
    from wao_predict.simulate.savings import Prices, Savings
    from wao_predict.simulate.trace import Trace

DEFAULT_LOAD = 0.3
"""Load of the fleet, unless the user gives one."""


def simulate_year(
    pods: Pods, simulation: Simulation, year: Year, result: Result, nodes: Fleet, name: str, output: Output
) -> None:
    """Show what would be saved in a year."""
    from wao_predict.models.stated_errors import model_errors
    from wao_predict.simulate import savings
    from wao_predict.simulate.workloads import PodMix

    if pods.days != 1 or result.save is not None:
        raise typer.BadParameter("--days and --save are for comparisons without --cpu, --price, --co2, --pue, --yearly")
    prices = prices_of(year)
    if not nodes.models:  # a running scheduler states curves, not models
        nodes = replace(nodes, models=("models of the cluster",) * len(nodes))
    own: float | Trace
    if pods.pods is not None:
        if year.cpu is not None or pods.count is not None:
            raise typer.BadParameter("--cpu and --count are for drawn pods: give either --pods or --cpu")
        own = table_of(pods)
        mix = PodMix.of_trace(own)
    else:
        own = headline_load(nodes, pods.load, cpu_of(year), pods.count)
        mix = PodMix.of_sizes(cpu_of(year))
    errors = model_errors(nodes.models, assumed=year.model_error)
    tasks = savings.savings_tasks(
        nodes,
        mix,
        own,
        errors,
        policies=tuple(simulation.policy or savings.POLICIES),
        seeds=simulation.seeds,
        floor_window=3600.0 * simulation.floor_window,
    )
    with progress_bar(len(tasks)) as step:
        found = savings.find_savings(tasks, executor_of(simulation), own=savings.own_load(nodes, own), progress=step)
    print_savings(found, prices, errors, nodes, output)
    if result.report is not None:
        write_savings(result.report, found, prices, errors, nodes, name=name, pods=_pods_text(pods, year))


def _pods_text(pods: Pods, year: Year) -> str:
    """Return what the pods of the headline are."""
    if pods.pods is not None:
        return f"the pods of {Path(pods.pods).name}"
    if year.cpu is None:
        return "drawn pods of 0.25 to 8 cores"
    return f"{pods.count:,} pods of {cpu_of(year):g} cores" if pods.count else f"pods of {cpu_of(year):g} cores"


def cpu_of(year: Year) -> float | None:
    """Return the size of the pods [cores], None for mixed sizes."""
    return None if year.cpu is None else parse_cpu(year.cpu)


def prices_of(year: Year) -> Prices:
    """Return the prices."""
    from wao_predict.simulate.savings import Prices

    return Prices(year.price, year.currency, year.co2, 1.0 if year.pue is None else year.pue)


def headline_load(fleet: Fleet, loads: Sequence[float] | None, cpu: float | None, count: int | None) -> float:
    """Return the load of a fleet whose pods are drawn [fraction of its CPU]."""
    if loads and (len(loads) > 1 or count is not None):
        raise typer.BadParameter("--load: give one load, or --cpu and --count; other loads are in the picture anyway")
    if count is not None:
        if cpu is None:
            raise typer.BadParameter("--count: give --cpu too, the size of the pods that run at a time")
        return float((fleet.usage_cores.sum() + count * cpu) / fleet.capacity_cores.sum())
    return loads[0] if loads else DEFAULT_LOAD


def print_savings(savings: Savings, prices: Prices, errors: Sequence[ModelError], fleet: Fleet, output: Output) -> None:
    """Print the saving at each load."""
    from wao_predict.simulate.savings import saving_document

    documents = [saving_document(saving, prices) for saving in savings.all()]
    if output is Output.JSON:
        models = [{"model": error.model, "mape": error.mape, "stated": error.stated} for error in errors]
        print_json({"own_load": savings.own, "policies": list(savings.policies), "models": models, "loads": documents})
        return
    if output is Output.CSV:
        flat = [_flat(document) for document in documents]
        print_csv(list(flat[0]), [list(row.values()) for row in flat])
        return
    header = ["load", "policy", "stock [W]", "power [W]", "saved [%]", "90 % interval", "kWh/year"]
    header += [f"{prices.currency}/year"] if prices.price is not None else []
    header += ["kg CO2/year"] if prices.co2 is not None else []
    yearly = header[6:]
    rows = []
    for saving in savings.all():
        year = prices.yearly(saving.saved_watts.mean)
        row: list[object] = [f"{saving.load:.0%}", saving.policy, saving.stock_watts, saving.watts, saving.percent.mean]
        row += [f"{saving.percent.low:.1f} to {saving.percent.high:.1f}", year.kwh]
        rows.append(row + [value for value in (year.money, year.co2) if value is not None])
    print_table(
        header,
        rows,
        title=f"Saving on {len(fleet):,} nodes, at their load of {savings.own:.0%} and at others",
        caption=f"saved: against {savings.policies[0]}; interval: errors of the models and differences between days; "
        "years include the PUE",
        highlight=[index for index, saving in enumerate(savings.all()) if saving.load == savings.own],
        digits=dict.fromkeys(yearly, 0),
    )


def _flat(document: dict[str, object]) -> dict[str, object]:
    """Return a document without nested objects: a key of two names for each of their values."""
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update({f"{name}_{part}": number for part, number in value.items()})
        else:
            flat[name] = value
    return flat


def write_savings(
    path: Path,
    savings: Savings,
    prices: Prices,
    errors: Sequence[ModelError],
    fleet: Fleet,
    *,
    name: str,
    pods: str,
) -> None:
    """Write the report."""
    from wao_predict.simulate.savings_report import write_savings_report

    days = len({day.seed for day in savings.days})
    facts = {
        "Nodes": f"{len(fleet):,} with {fleet.capacity_cores.sum():,.0f} cores",
        "Base load": f"{fleet.usage_cores.sum() / fleet.capacity_cores.sum():.1%} of the CPU, permanent",
        "Pods": pods,
        "Days": f"{days} for each load, each after a day of warming up" if days > 1 else "one for each load",
        "Compared": f"{savings.policies[0]} (the stock scheduler's rule) with {', '.join(savings.policies[1:])}"
        if savings.policies[0] == "least-allocated"
        else f"{savings.policies[0]} with {', '.join(savings.policies[1:])}",
    }
    write_savings_report(path, savings, prices, errors, fleet_name=name, pods=pods, facts=facts)
