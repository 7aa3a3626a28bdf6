"""`wao standby`: options only; other modules are imported when a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.options import ServerOptions, server_options
from wao_core.serving.plant_options import PlantOptions
from wao_predict.cli.connection import Tls, get_json, naming_server
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table

app = typer.Typer(
    help="Switch idle servers off, and on again when capacity is needed.",
    no_args_is_help=True,
)
_CAPACITY, _LIMITS = "Capacity", "Limits"
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="The API server; not needed inside a cluster.")
]
Namespace = Annotated[
    str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease and of the kill switch (ConfigMap).")
]
Form = Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")]
NodeName = Annotated[str, typer.Argument(help="Name of the Node.", metavar="NODE")]


@app.command("controller")
@endpoint_options()
@with_options(PlantOptions, "plants")
@server_options()
def controller(
    server: ServerOptions,
    endpoints: EndpointOptions,
    plants: PlantOptions,
    act: Annotated[
        bool,
        typer.Option(
            "--act/--recommend",
            envvar="WAO_STANDBY_ACT",
            help="Switch nodes off, or only report which (Events, metrics, wao standby plan). Nodes that sleep are "
            "started in both modes.",
        ),
    ] = False,
    stop: Annotated[
        bool,
        typer.Option("--stop", envvar="WAO_STANDBY_STOP", help="Start every node, and switch nothing off."),
    ] = False,
    namespace: Namespace = "wao-system",
    config_namespace: Annotated[
        list[str] | None,
        typer.Option(
            help="Namespace whose NodeConfigs count. Can be repeated. Whoever may write NodeConfigs there can have "
            "nodes drained and switched off. Default: wao-bmc.",
        ),
    ] = None,
    secret_namespace: Annotated[
        str,
        typer.Option(envvar="WAO_STANDBY_SECRET_NAMESPACE", help="Namespace of the accounts that may switch power."),
    ] = "wao-power",  # noqa: S107 - a namespace
    leader_elect: Annotated[
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Elect a leader with a Lease; only the leader acts.")
    ] = True,
    period: Annotated[float, typer.Option(min=0.1, max=300.0, help="Seconds between two decisions.")] = 5.0,
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="Time in which nodes may be switched off: five cron fields and a duration, such as "
            "'0 20 * * 1-5 10h'; can be repeated. Default: always.",
            metavar="'CRON DURATION'",
        ),
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Time zone of the windows, such as Europe/Berlin.")] = "UTC",
    keep_label: Annotated[
        list[str] | None,
        typer.Option(
            help="Label of nodes that stay on, KEY or KEY=VALUE, in addition to those of control planes and storage. "
            "Can be repeated."
        ),
    ] = None,
    spare_percent: Annotated[
        float, typer.Option(help="Part of the running capacity to keep free [%].", rich_help_panel=_CAPACITY)
    ] = 10.0,
    spare_cores: Annotated[
        float,
        typer.Option(
            help="CPU to keep free [cores], if it is more than --spare-percent of the capacity.",
            rich_help_panel=_CAPACITY,
        ),
    ] = 16.0,
    reserve_largest: Annotated[
        bool,
        typer.Option(help="Also keep the capacity of the largest running node free.", rich_help_panel=_CAPACITY),
    ] = True,
    look_back_seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="A node is switched off only if the others can carry the highest demand of this time.",
            rich_help_panel=_CAPACITY,
        ),
    ] = 1800.0,
    nodes_per_group: Annotated[
        int, typer.Option(help="Minimum number of running nodes of each group.", rich_help_panel=_CAPACITY)
    ] = 1,
    nodes_per_zone: Annotated[
        int, typer.Option(help="Minimum number of running nodes of each zone.", rich_help_panel=_CAPACITY)
    ] = 1,
    empty_seconds: Annotated[
        float, typer.Option(help="Time that a node must be empty before it is switched off.", rich_help_panel=_LIMITS)
    ] = 900.0,
    on_seconds: Annotated[
        float, typer.Option(help="Minimum time that a node is on before it is switched off.", rich_help_panel=_LIMITS)
    ] = 900.0,
    off_seconds: Annotated[
        float, typer.Option(help="Minimum time that a node is off, unless a Pod waits.", rich_help_panel=_LIMITS)
    ] = 300.0,
    starts_at_once: Annotated[
        int, typer.Option(help="Maximum number of nodes that start at the same time.", rich_help_panel=_LIMITS)
    ] = 10,
    stops_at_once: Annotated[
        int, typer.Option(help="Maximum number of nodes that stop at the same time.", rich_help_panel=_LIMITS)
    ] = 2,
    starts_per_hour: Annotated[
        int, typer.Option(help="Maximum number of starts within an hour.", rich_help_panel=_LIMITS)
    ] = 60,
    stops_per_hour: Annotated[
        int, typer.Option(help="Maximum number of stops within an hour.", rich_help_panel=_LIMITS)
    ] = 12,
) -> None:
    """Run the controller. By default it only recommends what to switch off."""
    from wao_core.serving.server import run
    from wao_fleet.standby.candidates import KEPT_LABELS
    from wao_fleet.standby.controller import Policy
    from wao_fleet.standby.server import StandbyOptions, run_standby
    from wao_fleet.windows import Windows
    from wao_predict.standby import StandbySettings

    settings = StandbySettings(
        spare_percent=spare_percent,
        spare_cores=spare_cores,
        reserve_largest=reserve_largest,
        empty_seconds=empty_seconds,
        on_seconds=on_seconds,
        off_seconds=off_seconds,
        starts_at_once=starts_at_once,
        stops_at_once=stops_at_once,
        starts_per_hour=starts_per_hour,
        stops_per_hour=stops_per_hour,
        nodes_per_group=nodes_per_group,
        nodes_per_zone=nodes_per_zone,
    )
    policy = Policy(
        act=act,
        stop=stop,
        settings=settings,
        windows=Windows.parse(window or (), time_zone),
        kept=(*KEPT_LABELS, *(keep_label or ())),
        look_back=look_back_seconds,
        period=period,
        namespaces=frozenset(config_namespace or ["wao-bmc"]),
    )
    options = StandbyOptions(namespace, secret_namespace, leader_elect, endpoints, plants.source())
    run(lambda: run_standby(server, options, policy), server, *endpoints.problems(), *plants.problems())


@app.command("plan")
@with_options(Tls, "tls")
def plan(
    tls: Tls,
    url: Annotated[
        str, typer.Option(envvar="WAO_STANDBY_URL", help="URL of the controller.")
    ] = "https://127.0.0.1:8443",
    everything: Annotated[
        bool, typer.Option("--all", help="Also show nodes that standby may not switch, and why.")
    ] = False,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Show the last decision of the controller: what it switches or would switch, and why not more."""
    document = get_json(url, "/v1/standby", tls.connection())
    if output is TableOrJson.JSON:
        print_json(document)
        return
    with naming_server(url):
        _show_plan(document, everything=everything)


def _show_plan(document: Any, *, everything: bool) -> None:
    """Print a decision in the form of `GET /v1/standby`."""
    print_facts(
        {
            "time": document["at"],
            "mode": document["mode"],
            "switching off": document["doubt"] or "permitted",
            "waiting pods": document["waiting"],
            "held back": "; ".join(document["held"]) or "-",
            "saved": f"{document['saved']:,.1f} W",
        }
    )
    shown = [node for node in document["nodes"] if everything or node["candidate"]]
    rows = [[node["node"], node["state"], node["action"], node["why"] or "-"] for node in shown]
    typer.echo()
    print_table(["node", "state", "action", "why"], rows)


@app.command("status")
def status(
    kubeconfig: Kubeconfig = None,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Show the phase and power state of every node that standby may switch, from the status of its NodeConfig."""
    from wao_fleet.standby.commands import read_states, with_client

    states = with_client(kubeconfig, read_states)
    if output is TableOrJson.JSON:
        print_json(states)
        return
    header = ["node", "method", "phase", "power", "tested", "failed", "since", "reason"]
    print_table(header, [[str(state[name]) for name in header] for state in states])


@app.command("wake")
def wake(
    node: Annotated[str | None, typer.Argument(help="Name of the Node.", metavar="NODE")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Start every node and switch nothing off until `wao standby resume`.")
    ] = False,
    namespace: Namespace = "wao-system",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Start a node, or all nodes."""
    from wao_fleet.standby.commands import request, set_stop, with_client

    if (node is None) != everything:
        raise typer.BadParameter("give the name of a node or --all")
    if node is not None:
        typer.echo(with_client(kubeconfig, lambda client: request(client, node, "wake")))
        return
    with_client(kubeconfig, lambda client: set_stop(client, namespace, stop=True))
    typer.echo("all nodes are started, and none is switched off; to go on: wao standby resume")


@app.command("resume")
def resume(namespace: Namespace = "wao-system", kubeconfig: Kubeconfig = None) -> None:
    """End the stop of `wao standby wake --all`."""
    from wao_fleet.standby.commands import set_stop, with_client

    with_client(kubeconfig, lambda client: set_stop(client, namespace, stop=False))
    typer.echo("nodes may be switched off again")


@app.command("sleep")
def sleep(node: NodeName, kubeconfig: Kubeconfig = None) -> None:
    """Drain a node and switch it off; its start must have been tested."""
    from wao_fleet.standby.commands import request, with_client

    typer.echo(with_client(kubeconfig, lambda client: request(client, node, "sleep")))


@app.command("test")
def try_start(node: NodeName, kubeconfig: Kubeconfig = None) -> None:
    """Drain a node, switch it off and on again: afterwards standby may switch it off by itself."""
    from wao_fleet.standby.commands import request, with_client

    typer.echo(with_client(kubeconfig, lambda client: request(client, node, "test")))
