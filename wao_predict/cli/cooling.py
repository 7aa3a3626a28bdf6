"""`wao cooling`: cooling plants, and the set points at which servers and plant together use least."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wao_predict.cli.cluster_options import ClusterOptions
from wao_predict.cli.connection import Tls
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table
from wao_predict.cli.what_if import parse_cpu
from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.cooling.groups import Plant
    from wao_predict.cooling.set_points import Limits, Recommendation
    from wao_predict.cooling.site import Site
    from wao_predict.fleet_table import FleetColumns

app = typer.Typer(
    help="Cooling plants: set points at which servers and plant together use least.", no_args_is_help=True
)

FEWEST_CELLS, MOST_CELLS, PLACEMENTS = 12, 120, 40_000
"""States of the air for which pods are placed, and placements of one pod that this takes at most."""
CORRECTED = 0.02
"""Difference between the models and the curves of a cluster from which a warning says so, as a fraction."""
LIMITS, LOAD, RESULT = "Limits", "Load", "Result"
"""Panels of the help."""


@app.callback()
def cooling() -> None:
    """Cooling plants: set points at which servers and plant together use least."""


@dataclass(frozen=True)
class LimitOptions:
    """Options about limits."""

    inlet_ceiling: Annotated[
        float | None,
        typer.Option(min=0.0, max=60.0, help="Highest inlet temperature of any server [degC].", rich_help_panel=LIMITS),
    ] = 27.0
    ramp: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CHANGE",
            help="Largest change of a set point, such as chilled_water_temp=2. Repeatable.",
            rich_help_panel=LIMITS,
        ),
    ] = None

    def limits(self) -> Limits:
        """Return the limits."""
        from wao_predict.cooling.set_points import Limits

        return Limits(self.inlet_ceiling, dict(_pair(text, "--ramp") for text in self.ramp or ()))


@dataclass(frozen=True)
class LoadOptions:
    """Options about the load."""

    load: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Load of every server, as a fraction of its CPU.",
            rich_help_panel=LOAD,
            show_default="the present load",
        ),
    ] = None
    cpu: Annotated[
        str | None, typer.Option(help="CPU of each of --count further pods, such as 2.", rich_help_panel=LOAD)
    ] = None
    count: Annotated[
        int,
        typer.Option(
            "--count",
            "-n",
            min=0,
            max=2_000,
            help="Further pods to place together with the set points.",
            rich_help_panel=LOAD,
        ),
    ] = 0


@dataclass(frozen=True)
class ResultOptions:
    """Options about the result."""

    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.", rich_help_panel=RESULT)] = (
        TableOrJson.TABLE
    )
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png|.svg", help="Write a plot of all set points to this file.", rich_help_panel=RESULT
        ),
    ] = None
    metrics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.prom",
            help="Write metrics for the textfile collector of node_exporter to this file.",
            rich_help_panel=RESULT,
        ),
    ] = None


@app.command("optimize")
@with_options(Tls, "tls", timeout=30.0)
@with_options(ClusterOptions, "cluster")
@with_options(ResultOptions, "result")
@with_options(LoadOptions, "load")
@with_options(LimitOptions, "limits")
def optimize(
    limits: LimitOptions,
    load: LoadOptions,
    result: ResultOptions,
    cluster: ClusterOptions,
    tls: Tls,
    plants: Annotated[Path, typer.Option("--cooling", metavar="PLANT.yaml", help="Plants with their present state.")],
    fleet: Annotated[
        str | None,
        typer.Argument(help="Table or YAML file of nodes as for wao simulate.", metavar="FLEET.csv|.yaml|-"),
    ] = None,
    model_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --from-cluster: folder of the model files that the cluster uses.",
            show_default="the present folder",
        ),
    ] = None,
    group: Annotated[str | None, typer.Option(help="Group whose plant is optimized, if there are several.")] = None,
    outdoor_temp: Annotated[
        float | None, typer.Option(min=-60.0, max=60.0, help="Outdoor temperature instead of the file's [degC].")
    ] = None,
    outdoor_humidity: Annotated[
        float | None, typer.Option(min=0.0, max=100.0, help="Outdoor humidity instead of the file's [%].")
    ] = None,
) -> None:
    """Recommend set points of a plant for the present or a given load. Nothing is changed in the plant.

    All set points are searched in steps, then in tenths of a step. The saving is relative to the present set points;
    its error is that of the plant's model.
    """
    from wao_predict.cli.cooling_options import read_cooling
    from wao_predict.cooling.servers import server_table, watts_with_pods
    from wao_predict.cooling.set_points import optimize as best_of
    from wao_predict.cooling.site import Site
    from wao_predict.simulate.fleet_files import read_columns

    if result.plot is not None and result.plot.suffix not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter(f"--plot {result.plot}: use a file name that ends in .png, .svg or .pdf")
    if load.count and load.cpu is None:
        raise typer.BadParameter("--count needs --cpu, the CPU of one pod")
    name, plant = _chosen(read_cooling(plants, outdoor_temp, outdoor_humidity).plants, group)
    url = cluster.url_instead_of(fleet)
    columns = read_columns(str(fleet)) if url is None else _present(url, cluster, tls, model_folder)
    nodes = _cooled(columns, name, load)
    size = parse_cpu(load.cpu) if load.count and load.cpu else 0.0
    if load.count:
        cells = min(max(PLACEMENTS // load.count, FEWEST_CELLS), MOST_CELLS)
        table = server_table(nodes, plant, watts_with_pods(size, load.count), most_cells=cells)
    else:
        table = server_table(nodes, plant)
    site = Site(plant, table)
    asked = limits.limits()
    found = best_of(site, asked)
    document: dict[str, Any] = {"group": name, "nodes": len(nodes.names), **found.as_dict()}
    if load.count:
        document["placement"] = _placement(nodes, site, found, size, load.count)
    _show(document, found, site, asked, result)


def _pair(text: str, option: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r:.60}: write NAME=NUMBER, such as chilled_water_temp=2") from None


def _present(url: str, cluster: ClusterOptions, tls: Tls, model_folder: Path | None) -> FleetColumns:
    """Return the nodes of a running extender; what the result does not count is reported on standard error."""
    from wao_predict.cooling.cluster_documents import columns_of_documents
    from wao_predict.simulate.fleet_documents import present_fleet_of_document

    document = cluster.fleet(url, tls)
    columns, notes = columns_of_documents(document, cluster.nodes(url, tls), model_folder=model_folder)
    for note in notes:
        say(f"warning: {note}")
    predicted, used = (float(fleet.watts().sum()) for fleet in (columns.fleet(), present_fleet_of_document(document)))
    if abs(predicted - used) > CORRECTED * used:
        say(
            f"warning: the models predict {predicted:,.0f} W at present, the curves of the cluster {used:,.0f} W: "
            "corrections by calibration are not counted"
        )
    return columns


def _chosen(plants: Any, group: str | None) -> tuple[str, Plant]:
    """Return the plant of a group; if none is given, the only one with set points."""
    with_points = [name for name, plant in plants.items() if plant.model.set_points]
    if group is None and len(with_points) != 1:
        raise typer.BadParameter(
            f"--group: choose a plant with set points: {', '.join(with_points) or 'there is none'}"
        )
    name = with_points[0] if group is None else group
    if name not in plants:
        raise typer.BadParameter(f"--group {name}: there are {', '.join(plants)}")
    return name, plants[name]


def _cooled(columns: FleetColumns, name: str, load: LoadOptions) -> FleetColumns:
    """Return the nodes that a plant cools, at the given load."""
    from wao_predict.cooling.groups import EVERY_OTHER
    from wao_predict.errors import UsageError

    groups = columns.groups or ("",) * len(columns.names)
    rows = [row for row, group in enumerate(groups) if name in (group, EVERY_OTHER)]
    if not rows:
        raise UsageError(f"no node of the fleet is in group {name!r:.80}: fill its column group, or room")
    nodes = columns.rows(rows)
    return nodes if load.load is None else nodes.with_usage(load.load * nodes.capacity_cores)


def _placement(nodes: FleetColumns, site: Site, found: Recommendation, size: float, count: int) -> dict[str, int]:
    """Return the number of pods by node at the recommended set points."""
    shift, ratio = site.change_at(found.recommended)
    return nodes.at(shift, ratio).fleet().what_if(size, count).per_node


def _show(document: dict[str, Any], found: Recommendation, site: Site, limits: Limits, result: ResultOptions) -> None:
    if result.output is TableOrJson.JSON:
        print_json(document)
    else:
        _print(document, found, site)
    if result.metrics is not None:
        from wao_predict.cooling.report import write_metrics

        write_metrics(result.metrics, found, plant=document["group"])
    if result.plot is not None:
        from wao_predict.cooling.plot import SetPointDisplay
        from wao_predict.errors import UsageError

        display = SetPointDisplay(site, found, limits).plot()
        try:
            display.figure_.savefig(result.plot, dpi=130)
        except OSError as error:
            raise UsageError(f"{result.plot}: cannot be written ({error.strerror}); choose another file") from None


def _print(document: dict[str, Any], found: Recommendation, site: Site) -> None:
    units = {point.name: point.unit for point in site.points}
    rows: list[list[object]] = [
        [f"{name} [{units[name]}]", found.present[name], found.recommended[name]] for name in found.present
    ]
    before, after = document["before"], document["after"]
    for key, text in (
        ("supply_air_temp", "supply air [degC]"),
        ("hottest_inlet", "hottest inlet [degC]"),
        ("server_watts", "servers [W]"),
        ("cooling_watts", "cooling [W]"),
        ("total_watts", "total [W]"),
    ):
        rows.append([text, before[key], after[key]])
    print_table(["", "present", "recommended"], rows, title=f"{document['nodes']} nodes, plant {document['group']}")
    error = document["saving_error_watts"]
    facts = {
        "saving": f"{found.saving:,.0f} W ({document['saving_percent']:.1f} %)"
        + ("" if error is None else f" +- {error:,.0f} W, the error of the plant's model"),
        "evaluated": f"{found.evaluated:,} combinations of set points",
    }
    if not found.allowed:
        facts["limits"] = "no set point within reach keeps all inlets below the ceiling: these are the coolest"
    print_facts(facts)
    if "placement" in document:
        print_table(["node", "pods"], list(document["placement"].items()))
