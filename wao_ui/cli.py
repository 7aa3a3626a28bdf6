"""`wao ui`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wao_core.cluster.names import ZONE
from wao_core.serving.options import ServerOptions, server_options
from wao_ui.settings import Authentication, Settings

_SOURCES, _VIEWERS = "Sources", "Viewers"


def _url(name: str, what: str) -> Any:
    return typer.Option(
        f"--{name}-url",
        envvar=f"WAO_UI_{name.upper()}_URL",
        help=f"URL of {what}. Default: its parts of the page say that it is missing.",
        show_default=False,
        rich_help_panel=_SOURCES,
    )


@server_options()
def ui(
    server: ServerOptions,
    scheduler_url: Annotated[str | None, _url("scheduler", "wao scheduler")] = None,
    lb_url: Annotated[str | None, _url("lb", "wao lb")] = None,
    rebalance_url: Annotated[str | None, _url("rebalance", "wao rebalance")] = None,
    standby_url: Annotated[str | None, _url("standby", "wao standby")] = None,
    metrics_url: Annotated[
        str | None,
        typer.Option(
            envvar="WAO_UI_METRICS_URL",
            help="URL of wao metrics-api. Default: through the API server; with --manifests none.",
            show_default=False,
            rich_help_panel=_SOURCES,
        ),
    ] = None,
    metrics_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_UI_METRICS_TOKEN_FILE",
            help="File with the bearer token for --metrics-url. It is read again for each request.",
            rich_help_panel=_SOURCES,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_UI_CA_FILE",
            help="PEM file of the certificate authorities of these applications, instead of the system's.",
            rich_help_panel=_SOURCES,
        ),
    ] = None,
    period: Annotated[
        float,
        typer.Option(
            envvar="WAO_UI_PERIOD",
            min=1.0,
            max=3600.0,
            help="Seconds between two readings of all sources.",
            rich_help_panel=_SOURCES,
        ),
    ] = 10.0,
    history: Annotated[
        float,
        typer.Option(
            envvar="WAO_UI_HISTORY",
            min=0.1,
            max=168.0,
            help="Hours of which the total power is kept in memory.",
            rich_help_panel=_SOURCES,
        ),
    ] = 24.0,
    group_label: Annotated[
        str,
        typer.Option(
            envvar="WAO_UI_GROUP_LABEL",
            help="Label of Nodes by which the heat map groups them, such as that of the rack.",
            rich_help_panel=_SOURCES,
        ),
    ] = ZONE,
    authentication: Annotated[
        Authentication,
        typer.Option(
            envvar="WAO_UI_AUTHENTICATION",
            help="How viewers authenticate. auto: with a token of --token-file, else with a token that the API server "
            "reviews, or (with --manifests, on loopback) without authentication.",
            rich_help_panel=_VIEWERS,
        ),
    ] = Authentication.AUTO,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_UI_TOKEN_FILE",
            help='File of bearer tokens of viewers, one per line: token,user,uid,"group1,group2".',
            rich_help_panel=_VIEWERS,
        ),
    ] = None,
    viewers: Annotated[
        int,
        typer.Option(
            envvar="WAO_UI_VIEWERS", min=1, max=1000, help="Pages open at the same time.", rich_help_panel=_VIEWERS
        ),
    ] = 64,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="WAO_UI_ALLOWED_HOST",
            help="Name by which browsers may call the page, in addition to --host and, on loopback, localhost. "
            "Can be repeated.",
            rich_help_panel=_VIEWERS,
        ),
    ] = None,
) -> None:
    """Serve a page that shows the fleet, decisions and their reasons, weights, and the ages of all inputs.

    The page is read-only.
    """
    from wao_core.serving.server import run
    from wao_ui.server import run_ui

    urls = {
        "metrics": metrics_url,
        "scheduler": scheduler_url,
        "lb": lb_url,
        "rebalance": rebalance_url,
        "standby": standby_url,
    }
    settings = Settings(
        urls={name: url for name, url in urls.items() if url},
        ca_file=ca_file,
        metrics_token_file=metrics_token_file,
        authentication=authentication,
        token_file=token_file,
        period=period,
        history=history,
        viewers=viewers,
        group_label=group_label,
        allowed_hosts=tuple(allowed_host or ()),
    )
    run(lambda: run_ui(server, settings), server, *settings.problems(server))
