"""`wao rebalance`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.history_options import HistoryOptions
from wao_core.serving.options import ServerOptions, server_options
from wao_core.serving.plant_options import PlantOptions
from wao_predict.cli.connection import Tls, get_json, naming_server
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table


class ModeOption(StrEnum):
    """What becomes of a plan."""

    RECOMMEND = "recommend"
    AUTO = "auto"


class RuleOption(StrEnum):
    """Increase rule of the scheduler."""

    LOOKAHEAD = "lookahead"
    FLOOR = "floor"
    MARGINAL = "marginal"


class _RunByDefault(TyperGroup):
    """`wao rebalance` with options is `wao rebalance run` with these options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_RunByDefault, help="Move Pods together while that saves power. Without a command: run.")


def _option(help_: str, panel: str, **more: Any) -> Any:
    return typer.Option(help=help_, rich_help_panel=panel, **more)


_BUDGETS, _SAFETY = "Budgets", "What is moved, and when"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceOptions:
    """The options of the rebalancer. Times are in seconds."""

    mode: Annotated[
        ModeOption,
        typer.Option(
            envvar="WAO_REBALANCE_MODE",
            help="recommend: show plans (API, Events, metrics) and change nothing. auto: carry them out.",
        ),
    ] = ModeOption.RECOMMEND
    period: Annotated[float, typer.Option(min=1, max=86_400, help="Time between two plans [s].")] = 600.0
    rule: Annotated[RuleOption, typer.Option(help="Increase rule of the scheduler, which predicts where Pods go.")] = (
        RuleOption.LOOKAHEAD
    )
    moves: Annotated[int, _option("Maximum number of Pods that one plan moves.", _BUDGETS, min=0)] = 30
    moves_per_node: Annotated[
        int, _option("Maximum number of Pods that leave one node in a plan.", _BUDGETS, min=0)
    ] = 30
    moves_per_workload: Annotated[
        int, _option("Maximum number of Pods of one workload in a plan.", _BUDGETS, min=0)
    ] = 10
    minimum_saving: Annotated[float, _option("Minimum power that emptying a node must save [W].", _BUDGETS, min=0)] = (
        5.0
    )
    minimum_age: Annotated[float, _option("Time that a Pod must have been on its node [s].", _BUDGETS, min=0)] = 1800.0
    partial: Annotated[
        bool,
        _option("Move Pods also from nodes on which others stay. On most servers that saves little.", _SAFETY),
    ] = False
    evict_jobs: Annotated[bool, _option("Evict Pods of Jobs too; they lose their work.", _SAFETY)] = False
    exclude_namespace: Annotated[
        list[str] | None,
        _option("Namespace whose Pods are never evicted, in addition to kube-system; can be repeated.", _SAFETY),
    ] = None
    window: Annotated[
        list[str] | None,
        _option(
            "Maintenance window in which Pods may be moved: five cron fields and a duration, such as "
            "'0 22 * * 1-5 8h'; can be repeated. Default: always.",
            _SAFETY,
            metavar="'CRON DURATION'",
        ),
    ] = None
    time_zone: Annotated[str, _option("Time zone of the windows, such as Europe/Berlin.", _SAFETY)] = "UTC"
    eviction_deadline: Annotated[
        float,
        _option(
            "Time for which an eviction is tried that a PodDisruptionBudget refuses [s].", _SAFETY, min=1, max=3600
        ),
    ] = 120.0
    replacement_deadline: Annotated[
        float,
        _option(
            "Time in which evicted Pods must end and their replacements find a node [s].", _SAFETY, min=1, max=3600
        ),
    ] = 180.0
    namespace: Annotated[
        str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease and of the ConfigMap wao-rebalance.")
    ] = "wao-system"
    leader_elect: Annotated[
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Elect a leader with a Lease; only the leader acts.")
    ] = True
    metrics_period: Annotated[
        float, typer.Option(min=1, max=300, help="Time between two reads of CPU use and sensor values [s].")
    ] = 15.0

    def settings(self) -> Any:
        """Return the settings of the rebalancer.

        Raises
        ------
        UsageError
            A window or the time zone is not valid.
        """
        from wao_fleet.rebalance.settings import Mode, RebalanceSettings
        from wao_fleet.windows import Windows
        from wao_predict.rebalance import Budgets

        return RebalanceSettings(
            mode=Mode(self.mode.value),
            period=self.period,
            budgets=Budgets(
                moves=self.moves,
                moves_per_node=self.moves_per_node,
                moves_per_workload=self.moves_per_workload,
                minimum_saving=self.minimum_saving,
                minimum_age=self.minimum_age,
                whole_nodes=not self.partial,
            ),
            windows=Windows.parse(self.window or (), self.time_zone),
            rule=self.rule.value,
            jobs=self.evict_jobs,
            excluded=frozenset({"kube-system", *(self.exclude_namespace or ())}),
            namespace=self.namespace,
            deadline=self.eviction_deadline,
            replaced=self.replacement_deadline,
        )


@with_options(HistoryOptions, "history")
@with_options(PlantOptions, "plants")
@endpoint_options()
@server_options()
@with_options(RebalanceOptions, "options")
def run(
    server: ServerOptions,
    endpoints: EndpointOptions,
    plants: PlantOptions,
    history: HistoryOptions,
    options: RebalanceOptions,
) -> None:
    """Plan which Pods to move, and recommend or carry out the moves; serve /v1/plan and /v1/evictions.

    `wao rebalance` without a command is the same.
    """
    from wao_core.serving.server import run as run_server
    from wao_fleet.rebalance.server import run_rebalance

    settings = options.settings()
    run_server(
        lambda: run_rebalance(
            server,
            settings,
            endpoints,
            leader_elect=options.leader_elect,
            metrics_period=options.metrics_period,
            plants=plants.source(),
            history=history.source(),
        ),
        server,
        *endpoints.problems(),
        *plants.problems(),
        *history.problems(),
    )


app.command("run")(run)


@app.command("plan")
@with_options(Tls, "tls")
def plan(
    tls: Tls,
    url: Annotated[
        str, typer.Option(envvar="WAO_REBALANCE_URL", help="URL of the rebalancer.")
    ] = "https://127.0.0.1:8443",
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """Show the plan: which Pods would move, what that saves, and why other nodes keep their Pods."""
    document = get_json(url, "/v1/plan", tls.connection())
    if output is TableOrJson.JSON:
        print_json(document)
    else:
        with naming_server(url):
            show_plan(document)


def show_plan(document: Any) -> None:
    """Print a plan in the form of `GET /v1/plan` as tables."""
    opening = document["nextWindow"]
    acts = "now" if document["windowOpen"] else "from " + (opening or "a later window on")
    print_facts(
        {
            "plan": document["at"],
            "mode": "recommend: nothing is moved" if document["mode"] == "recommend" else f"auto: Pods may move {acts}",
            "power": f"{document['wattsBefore']:,.1f} W, after the plan {document['wattsAfter']:,.1f} W",
            "moves": sum(len(drain["moves"]) for drain in document["drains"]),
        }
    )
    rows = [
        [drain["node"], move["pod"], move["cpuRequest"], move["target"], move["saved"]]
        for drain in document["drains"]
        for move in drain["moves"]
    ]
    if rows:
        typer.echo()
        print_table("node pod cpu_request target saved".split(), rows, caption="cpu_request in cores, saved in W")
    if document["kept"]:
        typer.echo()
        print_table(["node that keeps its Pods", "why"], [list(item) for item in document["kept"].items()])
    if document["history"]:
        typer.echo()
        print_table(
            "drained result evicted predicted reason".split(),
            [
                [past["node"], past["result"], past["evicted"], past["predicted"], past["reason"]]
                for past in document["history"][:10]
            ],
            caption="the last drains, the newest first; predicted saving in W",
        )
