"""`wao what-if`: the minimum power increase of a fleet for n additional identical pods, and their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wao_predict.cli.connection import Tls, get_json
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table

if TYPE_CHECKING:
    from wao_predict.fleet import Fleet


@with_options(Tls, "tls", timeout=30.0)
def what_if(
    tls: Tls,
    fleet: Annotated[
        str | None,
        typer.Argument(
            help="CSV file of nodes: name, model, capacity_cores, usage_cores, inlet_temp, delta_p; - reads stdin.",
            metavar="FLEET.csv|-",
        ),
    ] = None,
    cpu: Annotated[str, typer.Option(help="CPU of one pod, for example 500m or 2.")] = "500m",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="Number of identical pods.")] = 1,
    url: Annotated[
        str | None,
        typer.Option(envvar="WAO_SCHEDULER_URL", help="URL of a running scheduler extender, instead of FLEET."),
    ] = None,
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """Show the minimum power increase for n additional identical pods, and the nodes they go to."""
    if (fleet is None) == (url is None):
        raise typer.BadParameter("give either a FLEET table or --url")
    size = parse_cpu(cpu)
    if fleet is not None:
        document = _of_table(fleet, size, count)
    else:
        assert url is not None
        body = {"cpu": size, "count": count}
        document = get_json(url, "/v1/what-if", tls.connection(), body=body)
    if output is TableOrJson.JSON:
        print_json(document)
        return
    print_facts(
        {
            "pods": f"{document['count']} of {document['cpu_cores']:g} cores",
            "nodes": document["nodes"],
            "power before": f"{document['watts_before']:,.1f} W",
            "minimum increase": f"{document['total_increase']:,.2f} W",
            "found": _found(document),
        }
    )
    print_table(["node", "pods"], list(document["per_node"].items()))


def _found(document: dict[str, Any]) -> str:
    if document["method"] == "exact":
        return "the exact optimum"
    return f"one by one, looking ahead: at most {document['excess']:,.2f} W above the optimum"


def parse_cpu(text: str) -> float:
    """Return cores of "500m" or "2".

    Raises
    ------
    BadParameter
        It is neither.
    """
    try:
        value = float(text[:-1]) / 1000.0 if text.endswith("m") else float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value <= 4096.0:
        raise typer.BadParameter(f"--cpu {text!r:.30}: write cores such as 2 or 0.5, or millicores such as 500m")
    return value


def _of_table(table: str, size: float, count: int) -> dict[str, Any]:
    fleet = read_fleet(table)
    result = fleet.what_if(size, count)
    return {
        "cpu_cores": size,
        "count": count,
        "nodes": len(fleet.names),
        "watts_before": float(fleet.watts().sum()),
        "total_increase": result.total_increase,
        "watt_increases": result.watt_increases.tolist(),
        "placements": result.placements,
        "per_node": result.per_node,
        "method": result.method,
        "excess": result.excess,
    }


def read_fleet(table: str) -> Fleet:
    """Return the fleet in a CSV table; a model is loaded once."""
    from wao_predict.csvtable import read_csv
    from wao_predict.fleet import Fleet, curves_of_models

    read = read_csv(table)
    columns = read.numbers(["capacity_cores", "usage_cores", "inlet_temp", "delta_p"])
    places = read.places(["name", "model"])
    names, models = ([read.cell(row, place) for row in range(len(read.rows))] for place in places.values())
    curves = curves_of_models(models, columns["inlet_temp"], columns["delta_p"])
    return Fleet(tuple(names), curves, columns["capacity_cores"], columns["usage_cores"])
