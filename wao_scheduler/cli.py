"""`wao scheduler` and `wao explain`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.options import ServerOptions, server_options
from wao_predict.cli.connection import Tls, get_json, naming_server
from wao_predict.cli.options import with_options
from wao_predict.cli.output import print_facts, print_json, print_table
from wao_predict.printable import printable


@endpoint_options()
@server_options()
def scheduler(
    server: ServerOptions,
    endpoints: EndpointOptions,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_SCHEDULER_CONFIG",
            help="Settings file (YAML): profiles, rules, limits; or a KubeSchedulerConfiguration of the reference.",
        ),
    ] = None,
    client_ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_SCHEDULER_CLIENT_CA_FILE",
            help="PEM file of the authorities of kube-scheduler's client certificate. When set, filter and prioritize "
            "refuse clients without a certificate.",
        ),
    ] = None,
) -> None:
    """Serve the extender of kube-scheduler: /prioritize and /filter, /v1/decisions and /v1/what-if."""
    from wao_core.serving.server import run
    from wao_scheduler.config import load_settings
    from wao_scheduler.server import run_scheduler

    settings = load_settings(config)
    problems = endpoints.problems()
    if client_ca_file is not None and server.insecure_http:
        problems.append("--client-ca-file with --insecure-http: client certificates need TLS; remove one of the two")
    elif client_ca_file is not None and not client_ca_file.is_file():
        problems.append(f"--client-ca-file {client_ca_file}: no such file")
    run(lambda: run_scheduler(server, settings, endpoints, client_ca=client_ca_file), server, *problems)


class ExplainOutput(StrEnum):
    """Output format of `wao explain`."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"


@with_options(Tls, "tls")
def explain(
    tls: Tls,
    pod: Annotated[str, typer.Argument(help="The pod, as namespace/name.", metavar="POD")],
    url: Annotated[
        str, typer.Option(envvar="WAO_SCHEDULER_URL", help="URL of the scheduler extender.")
    ] = "https://127.0.0.1:8443",
    rebalance_url: Annotated[
        str | None,
        typer.Option(
            envvar="WAO_REBALANCE_URL",
            help="URL of the rebalancer, which knows why a pod was evicted. Default: none.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of nodes to show.")] = 15,
    output: Annotated[
        ExplainOutput, typer.Option("--output", "-o", help="Output format; wide adds columns.")
    ] = ExplainOutput.TABLE,
) -> None:
    """Explain the placement of a pod: watts before and after on each candidate node, and the ages of the inputs.

    With --rebalance-url also why it was evicted.
    """
    from urllib.parse import quote

    name = quote(pod, safe="")
    eviction = None if rebalance_url is None else _get_if_known(rebalance_url, f"/v1/evictions?pod={name}", tls)
    decisions = f"/v1/decisions?pod={name}&limit={limit}"
    if eviction is None:
        document = get_json(url, decisions, tls.connection())
    else:
        document = _get_if_known(url, decisions, tls)
    if output is ExplainOutput.JSON:
        print_json(document if eviction is None else {"decision": document, "eviction": eviction})
        return
    if document is not None:
        with naming_server(url):
            show_decision(document, wide=output is ExplainOutput.WIDE)
    if eviction is not None:
        with naming_server(str(rebalance_url)):
            show_eviction(eviction)


def _get_if_known(url: str, path: str, tls: Tls) -> Any:
    """Return the answer of a server, None if it does not know the pod."""
    from wao_predict.errors import RemoteError

    try:
        return get_json(url, path, tls.connection())
    except RemoteError as error:
        if error.status_code == 404:
            return None
        raise


def show_eviction(document: Any) -> None:
    """Print an eviction in the form of `GET /v1/evictions`."""
    print_facts(
        {
            "pod": document["pod"],
            document["result"]: f"{document['at']} from {document['node']}",
            "why": document["reason"],
        }
    )


_COLUMNS = {
    "node": "node",
    "score": "score",
    "wattsBefore": "W before",
    "wattsAfter": "W after",
    "increase": "increase",
    "costFactor": "factor",
    "usageCores": "CPU",
    "assumedCores": "assumed",
    "floorCores": "floor",
    "inletTemp": "inlet",
    "deltaP": "deltaP",
    "residualWatts": "residual",
    "usageAge": "age",
    "reason": "reason",
}
_ONLY_WIDE = frozenset({"costFactor", "assumedCores", "floorCores", "deltaP", "residualWatts", "reason"})
_SCORED = {
    "lookahead": "increase: lowest average per core for this and later pods, not after - before",
    "floor": "increase: slope of the hull above the load that stays, not after - before",
    "marginal": "increase: after - before",
}


def show_decision(document: Any, *, wide: bool = False) -> None:
    """Print a decision in the form of `GET /v1/decisions`: in 80 columns, or with all columns."""
    print_facts(
        {
            "pod": document["pod"],
            "chosen": document["chosen"] or "-",
            "why": document["summary"],
            "cpu": f"{document['cpuCores']:g} cores ({document['cpuSource']})",
            "rule": f"{document['rule']} (profile {document['profile']})",
            "candidates": document["candidates"],
        }
    )
    nodes = document["nodes"]
    columns = {
        key: header
        for key, header in _COLUMNS.items()
        if (wide or key not in _ONLY_WIDE) and (key != "costFactor" or any(node.get(key) is not None for node in nodes))
    }
    chosen = [index for index, node in enumerate(nodes) if node["node"] == document["chosen"]]
    typer.echo()
    rows = [[node.get(key) for key in columns] for node in nodes]
    print_table(
        list(columns.values()),
        rows,
        highlight=chosen,
        digits=dict.fromkeys(set(columns.values()) - {"increase", "factor"}, 1),
    )
    typer.echo()
    if document["rule"] in _SCORED:
        typer.echo(_SCORED[document["rule"]])
    typer.echo(
        "increase in W, CPU in cores, inlet in degC"
        + (", deltaP in Pa, residual (measured - predicted) in W" if wide else "")
        + ", age in s"
    )
    for node in nodes:
        if node["reason"] and not wide:
            typer.echo(printable(f"{node['node']}: {node['reason']}"))
