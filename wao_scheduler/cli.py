"""`wao scheduler` and `wao explain`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.options import ServerOptions, server_options
from wao_predict.cli.connection import Tls, get_json
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table


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
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
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
    if output is TableOrJson.JSON:
        print_json(document if eviction is None else {"decision": document, "eviction": eviction})
        return
    if document is not None:
        show_decision(document)
    if eviction is not None:
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
    from wao_predict.timestamps import format_rfc3339

    print_facts(
        {
            "pod": document["pod"],
            document["result"]: f"{format_rfc3339(document['at'])} from {document['node']}",
            "why": document["reason"],
        }
    )


def show_decision(document: Any) -> None:
    """Print a decision in the form of `GET /v1/decisions` as a table."""
    print_facts(
        {
            "pod": document["pod"],
            "chosen": document["chosen"] or "-",
            "why": document["summary"],
            "cpu": f"{document['cpu_cores']:g} cores ({document['cpu_source']})",
            "rule": f"{document['rule']} (profile {document['profile']})",
            "candidates": document["candidates"],
        }
    )
    with_costs = any(node.get("cost_factor") is not None for node in document["nodes"])
    rows = [
        [
            node["node"],
            node["score"],
            node["watts_before"],
            node["watts_after"],
            node["increase"],
            *([node.get("cost_factor")] if with_costs else []),
            node["usage_cores"],
            node["assumed_cores"],
            node["floor_cores"],
            node["inlet_temp"],
            node["delta_p"],
            node["usage_age"],
            node["reason"],
        ]
        for node in document["nodes"]
    ]
    header = (
        f"node score watts_before watts_after increase {'cost_factor ' if with_costs else ''}usage_cores assumed_cores "
        "floor_cores inlet_temp delta_p usage_age reason"
    ).split()
    chosen = [index for index, node in enumerate(document["nodes"]) if node["node"] == document["chosen"]]
    units = "watts and increase in W, usage, assumed and floor in cores, inlet_temp in degC, delta_p in Pa, age in s"
    print_table(header, rows, caption=units, highlight=chosen)
