"""`wao what-if`: the minimum power increase of a fleet for n additional identical pods, and their nodes."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from typing import Annotated, Any

import typer

from wao_predict.cli.connection import Tls, get_json, naming_server
from wao_predict.cli.cooling_options import CoolingOptions
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, camel_case, print_facts, print_json, print_table
from wao_predict.printable import say

MAX_CORES = 4096.0
"""Largest CPU of one pod that the command accepts [cores], as `POST /v1/what-if` does."""


class RuleName(StrEnum):
    """Increase rules of the scheduler."""

    LOOKAHEAD = "lookahead"
    MARGINAL = "marginal"
    FLOOR = "floor"


@with_options(CoolingOptions, "cooling")
@with_options(Tls, "tls", timeout=30.0)
def what_if(
    tls: Tls,
    cooling: CoolingOptions,
    fleet: Annotated[
        str | None,
        typer.Argument(
            help="CSV file of nodes: name, model, capacity_cores, usage_cores, and inlet_temp and delta_p where the "
            "model needs them; optionally group, such as the room. - reads stdin. A .yaml file lists groups of equal "
            "nodes.",
            metavar="FLEET.csv|.yaml|-",
        ),
    ] = None,
    cpu: Annotated[str, typer.Option(help="CPU of one pod, for example 500m or 2.")] = "500m",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="Number of identical pods.")] = 1,
    url: Annotated[
        str | None,
        typer.Option(envvar="WAO_SCHEDULER_URL", help="URL of a running scheduler extender, instead of FLEET."),
    ] = None,
    rule: Annotated[
        RuleName | None,
        typer.Option(help="Place the pods one by one by this rule of the scheduler, instead of the minimum."),
    ] = None,
    stays: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Part of the present load that stays, for --rule floor."),
    ] = 1.0,
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """Show the minimum power increase for n additional identical pods, and the nodes they go to.

    The increase with the stock scheduler is shown too.
    """
    if (fleet is None) == (url is None):
        raise typer.BadParameter("give either a FLEET table or --url")
    size = parse_cpu(cpu)
    if url is not None and cooling.cooling is not None:
        raise typer.BadParameter("--cooling needs a FLEET table: the extender at --url has its own plants")
    if rule is not None and (url is not None or cooling.cooling is not None):
        raise typer.BadParameter("--rule needs a FLEET table without --cooling")
    document: Any
    if fleet is not None and rule is not None:
        document = camel_case(_by_rule(fleet, size, count, rule, stays))
    elif fleet is not None:
        document = camel_case(_of_table(fleet, size, count, cooling))
    else:
        assert url is not None
        body = {"cpu": size, "count": count}
        document = get_json(url, "/v1/what-if", tls.connection(), body=body)
    if output is TableOrJson.JSON:
        print_json(document)
        return
    with naming_server(url) if url is not None else nullcontext():
        _show(document, "increase" if rule else "minimum increase")


def _show(document: Any, name: str) -> None:
    """Print the answer to a question; `name` is what the increase is called."""
    print_facts(
        {
            "pods": f"{document['count']} of {document['cpuCores']:g} cores",
            "nodes": document["nodes"],
            "power before": f"{document['wattsBefore']:,.1f} W{_part(document, 'coolingBefore')}",
            name: f"{document['totalIncrease']:,.2f} W{_part(document, 'coolingIncrease')}",
            "found": _found(document),
            "stock scheduler": _stock(document),
        }
    )
    for note in document.get("notes", ()):
        say(f"note: {note}")
    print_table(["node", "pods"], list(document["perNode"].items()))


def _of_table(fleet: str, size: float, count: int, cooling: CoolingOptions) -> dict[str, Any]:
    from wao_predict.simulate.fleet_files import read_columns

    plants = cooling.plants()
    nodes = read_columns(fleet).fleet()
    if plants is None:
        return nodes.what_if(size, count).as_dict()
    from wao_predict.cooling.what_if import what_if_cooled

    return what_if_cooled(nodes, size, count, plants).as_dict()


def _by_rule(fleet: str, size: float, count: int, rule: RuleName, stays: float) -> dict[str, Any]:
    from wao_predict.by_rule import place_by_rule
    from wao_predict.simulate.fleet_files import read_columns

    return place_by_rule(read_columns(fleet).fleet(), size, count, rule.value, stays=stays).as_dict()


def _part(document: dict[str, Any], name: str) -> str:
    """Return the part of a power that is cooling, if it is known."""
    return f", of which cooling {document[name]:,.1f} W" if name in document else ""


def _found(document: dict[str, Any]) -> str:
    if document["method"] == "exact":
        return "the exact optimum"
    if document["method"] != "lookahead":
        return f"one by one by the rule {document['method']}: at most {document['excess']:,.2f} W above the optimum"
    return f"one by one, looking ahead: at most {document['excess']:,.2f} W above the optimum"


def _stock(document: dict[str, Any]) -> str | None:
    """Return what the stock scheduler's placement costs; a server of an earlier version does not say."""
    increase = document.get("stockIncrease")
    if increase is None:
        return None
    saved = increase - document["totalIncrease"]
    return f"{increase:,.2f} W, {saved:,.2f} W more than the minimum (most free CPU first)"


def parse_cpu(text: str) -> float:
    """Return the cores in a Kubernetes quantity such as "500m" or "2".

    Raises
    ------
    BadParameter
        The text is not a quantity, or not above 0 and at most 4096 cores.
    """
    from wao_predict.errors import QuantityError
    from wao_predict.quantity import cores

    try:
        value = cores(text)
    except QuantityError as error:
        raise typer.BadParameter(f"--cpu: {error}") from None
    if not 0.0 < value <= MAX_CORES:
        raise typer.BadParameter(f"--cpu {text}: give more than 0 and at most {MAX_CORES:g} cores, such as 500m or 2")
    return value
