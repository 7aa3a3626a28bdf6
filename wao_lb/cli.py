"""`wao lb`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.options import ServerOptions, server_options
from wao_core.serving.plant_options import PlantOptions
from wao_predict.cli.options import with_options


class DefaultRule(StrEnum):
    """Rule of Services without the annotation."""

    LOOKAHEAD = "lookahead"
    PROPORTIONAL = "proportional"


@with_options(PlantOptions, "plants")
@endpoint_options()
@server_options()
def lb(
    server: ServerOptions,
    endpoints: EndpointOptions,
    plants: PlantOptions,
    rule: Annotated[
        DefaultRule,
        typer.Option(envvar="WAO_LB_RULE", help="Rule of Services without the annotation waok8s.github.io/lb-rule."),
    ] = DefaultRule.LOOKAHEAD,
    proxy_name: Annotated[
        str,
        typer.Option(
            envvar=["WAO_LB_PROXY_NAME", "WAO_SERVICE_PROXY_NAME"],
            help="Compute weights for Services whose label service.kubernetes.io/service-proxy-name has this value; "
            "'' selects every Service.",
        ),
    ] = "wao-loadbalancer",
    node_ceiling: Annotated[
        float, typer.Option(min=1, max=100, help="Maximum load of a node due to traffic [%].")
    ] = 70.0,
    pod_ceiling: Annotated[
        float, typer.Option(min=1, max=100, help="Maximum load of a pod due to traffic [% of its CPU limit].")
    ] = 70.0,
    floor: Annotated[
        float, typer.Option(min=0, max=50, help="Minimum share of every ready endpoint [% of an equal share].")
    ] = 2.0,
    settle_time: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="Time in which weights close two thirds of the gap to new weights [s]; 0: immediately.",
        ),
    ] = 15.0,
    agent_check_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port for HAProxy agent checks. Default: none.")
    ] = None,
    cilium: Annotated[
        bool,
        typer.Option(
            envvar="WAO_LB_CILIUM",
            help="Write EndpointSlices with weights for Cilium, for Services with the annotation "
            "waok8s.github.io/weights-of; needs --proxy-name ''.",
        ),
    ] = False,
    namespace: Annotated[
        str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease of --cilium.")
    ] = "wao-system",
    leader_elect: Annotated[
        bool,
        typer.Option(envvar="WAO_LEADER_ELECT", help="With --cilium, elect a leader with a Lease; only it writes."),
    ] = True,
) -> None:
    """Serve weights of endpoints by predicted power: /v1/weights/NAMESPACE/SERVICE, Envoy EDS, HAProxy agent checks."""
    from wao_core.cluster.names import is_label_value
    from wao_core.serving.server import run
    from wao_lb.server import CiliumSettings, run_lb
    from wao_lb.settings import LbSettings
    from wao_predict.traffic.limits import Limits
    from wao_predict.traffic.reasons import Rule
    from wao_predict.traffic.steps import Pace

    settings = LbSettings(
        proxy_name=proxy_name or None,
        rule=Rule(rule.value),
        limits=Limits(node_ceiling=node_ceiling, pod_ceiling=pod_ceiling, floor=floor),
        pace=Pace(settle=settle_time),
    )
    unusable = proxy_name and not is_label_value(proxy_name)
    problems = [f"--proxy-name {proxy_name!r:.80}: not a valid label value"] if unusable else []
    if cilium and proxy_name:
        problems.append("--cilium: Cilium ignores Services with the label of --proxy-name; give --proxy-name ''")
    slices = CiliumSettings(namespace, leader_elect) if cilium else None
    run(
        lambda: run_lb(
            server, settings, endpoints, agent_check_port=agent_check_port, cilium=slices, plants=plants.source()
        ),
        server,
        *problems,
        *plants.problems(),
        *endpoints.problems(),
    )
