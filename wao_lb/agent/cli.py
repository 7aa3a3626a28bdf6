"""`wao lb-agent`: options only; other modules are imported when the command runs."""

from __future__ import annotations

import ipaddress
import re
import socket
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from wao_core.serving.options import ServerOptions, server_options

if TYPE_CHECKING:
    from wao_lb.agent.view import NodeSettings


class NodePorts(StrEnum):
    """Addresses on which node ports are served."""

    PRIMARY = "primary"
    ALL = "all"


PROXY, WEIGHTS, ACTION = "Proxying", "Weights", "Instead of running"


@server_options()
def lb_agent(
    server: ServerOptions,
    node_name: Annotated[
        str | None,
        typer.Option(
            envvar="NODE_NAME", help="Name of this node in the cluster. Default: the host name.", rich_help_panel=PROXY
        ),
    ] = None,
    proxy_name: Annotated[
        str,
        typer.Option(
            envvar=["WAO_LB_PROXY_NAME", "WAO_SERVICE_PROXY_NAME"],
            help="Serve the Services whose label service.kubernetes.io/service-proxy-name has this value.",
            rich_help_panel=PROXY,
        ),
    ] = "wao-loadbalancer",
    cluster_cidr: Annotated[
        list[str] | None,
        typer.Option(
            envvar="WAO_CLUSTER_CIDR",
            help="Network of all pods, one per address family; other sources are masqueraded. "
            "Default: the pod CIDRs of this node.",
            rich_help_panel=PROXY,
        ),
    ] = None,
    pod_interface: Annotated[
        str,
        typer.Option(
            envvar="WAO_POD_INTERFACE",
            help="Identify pods by this interface instead of by network; cali* matches all names with this prefix.",
            rich_help_panel=PROXY,
        ),
    ] = "",
    masquerade_all: Annotated[
        bool, typer.Option(help="Masquerade all traffic to cluster IPs.", rich_help_panel=PROXY)
    ] = False,
    masquerade_bit: Annotated[
        int,
        typer.Option(
            min=0,
            max=31,
            help="Packet-mark bit that requests masquerading (default: kube-proxy's).",
            rich_help_panel=PROXY,
        ),
    ] = 14,
    node_ports: Annotated[
        NodePorts,
        typer.Option(
            help="Serve node ports on the primary address of the node, or on all addresses except loopback.",
            rich_help_panel=PROXY,
        ),
    ] = NodePorts.PRIMARY,
    least_sync: Annotated[
        float, typer.Option(min=0.05, max=60, help="Minimum time between two syncs [s].", rich_help_panel=PROXY)
    ] = 1.0,
    weights_url: Annotated[
        str,
        typer.Option(
            envvar="WAO_LB_WEIGHTS_URL",
            help="URL of the weight service, such as https://wao-lb.wao-system.svc. Default: none, equal weights.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "",
    weights_ca: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_LB_WEIGHTS_CA",
            help="PEM file of the authorities to trust for the weight service. Default: those of the system.",
            rich_help_panel=WEIGHTS,
        ),
    ] = None,
    weights_stale: Annotated[
        float,
        typer.Option(
            min=3, max=3600, help="Time without an answer after which weights are equal [s].", rich_help_panel=WEIGHTS
        ),
    ] = 60.0,
    weights_period: Annotated[
        float,
        typer.Option(
            min=0.05, max=600, help="Minimum time between two updates of weights [s].", rich_help_panel=WEIGHTS
        ),
    ] = 5.0,
    weights_tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Relative change of a share below which weights are not rewritten [%].",
            rich_help_panel=WEIGHTS,
        ),
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Write the rules once and exit.", rich_help_panel=ACTION)
    ] = False,
    print_: Annotated[
        bool,
        typer.Option(
            "--print", help="Print the rules as nft commands and exit; needs no root.", rich_help_panel=ACTION
        ),
    ] = False,
    cleanup: Annotated[
        bool,
        typer.Option("--cleanup", help="Delete the tables wao-loadbalancer and exit.", rich_help_panel=ACTION),
    ] = False,
) -> None:
    """Serve Services on this node with nftables, and split their traffic by weight; runs next to kube-proxy.

    The agent serves Services with the label service.kubernetes.io/service-proxy-name, which kube-proxy ignores. The
    rules are in the tables `ip wao-loadbalancer` and `ip6 wao-loadbalancer`, and stay there when the agent stops. The
    agent needs the command nft (1.0.1 or later) and the capability NET_ADMIN.
    """
    from wao_core.serving.server import run
    from wao_lb.agent.node_agent import AgentOptions
    from wao_lb.agent.server import clean_up, print_rules, run_agent, run_once
    from wao_lb.agent.sync import SyncIntervals
    from wao_lb.agent.view import NodeSettings

    options = AgentOptions(
        node=NodeSettings(
            node_name=node_name or socket.gethostname().lower(),
            proxy_name=proxy_name,
            cluster_cidrs=tuple(cluster_cidr or ()),
            interface=pod_interface,
            masquerade_all=masquerade_all,
            masquerade_mark=1 << masquerade_bit,
            node_ports_everywhere=node_ports is NodePorts.ALL,
        ),
        intervals=SyncIntervals(sync=least_sync, weights=weights_period, tolerance=weights_tolerance / 100.0),
        weights_url=weights_url,
        weights_ca=weights_ca,
        weights_stale=weights_stale,
    )
    problems = _problems(options.node, weights_url, weights_ca)
    problems += ["--once, --print and --cleanup: give one of them"] if once + print_ + cleanup > 1 else []
    if cleanup:
        run(clean_up, server, *problems)
    elif print_:
        run(lambda: print_rules(server, options), server, *problems)
    elif once:
        run(lambda: run_once(server, options), server, *problems)
    else:
        run(lambda: run_agent(server, options), server, *problems)


def _problems(node: NodeSettings, url: str, ca: Path | None) -> list[str]:
    """Return the problems of the options, each naming its flag."""
    from wao_core.cluster.names import is_label_value

    found = []
    if not node.proxy_name:
        found.append(
            "--proxy-name '': the agent cannot serve the Services without the label in place of kube-proxy: run "
            "kube-proxy for them, and label the Services whose traffic is to be split"
        )
    elif not is_label_value(node.proxy_name):
        found.append(f"--proxy-name {node.proxy_name!r:.80}: not the value of a label")
    for text in node.cluster_cidrs:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            found.append(f"--cluster-cidr {text!r:.60}: {error}; write it as 10.244.0.0/16")
    if node.interface and not re.fullmatch(r"[-A-Za-z0-9_.@]{1,14}[-A-Za-z0-9_.@*]?", node.interface):
        found.append(f"--pod-interface {node.interface!r:.40}: not an interface name, such as cni0 or cali*")
    if url and not (url.startswith("https://") or _is_local(url)):
        found.append(f"--weights-url {url!r:.200}: write https://HOST[:PORT]; plain http is for this machine only")
    if ca is not None and not ca.is_file():
        found.append(f"--weights-ca {ca}: there is no such file")
    return found


def _is_local(url: str) -> bool:
    return urlsplit(url).scheme == "http" and urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
