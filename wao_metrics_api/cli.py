"""`wao metrics-api`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_core.serving.options import ServerOptions, server_options
from wao_metrics_api.settings import Authentication, DelegateSettings, Settings


@endpoint_options()
@server_options()
def metrics_api(
    server: ServerOptions,
    endpoints: EndpointOptions,
    authentication: Annotated[
        Authentication,
        typer.Option(
            envvar="WAO_METRICS_API_AUTHENTICATION",
            help="How clients authenticate. auto: through the API server, with the given files, or (with --manifests, "
            "on loopback) without authentication.",
        ),
    ] = Authentication.AUTO,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_METRICS_API_TOKEN_FILE",
            help='File of bearer tokens, one per line: token,user,uid,"group1,group2".',
        ),
    ] = None,
    client_ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_METRICS_API_CLIENT_CA_FILE", help="PEM file of the authorities of client certificates."
        ),
    ] = None,
    delegate: Annotated[
        str | None,
        typer.Option(
            envvar="WAO_METRICS_API_DELEGATE",
            help="Another custom metrics API, such as https://prometheus-adapter.monitoring.svc: requests for metrics "
            "that are not ours are forwarded to it, and discovery lists its metrics too.",
        ),
    ] = None,
    delegate_ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_METRICS_API_DELEGATE_CA_FILE",
            help="PEM file of the authorities of the delegate's certificate. Default: those of the system.",
        ),
    ] = None,
    delegate_fingerprint: Annotated[
        str | None,
        typer.Option(
            envvar="WAO_METRICS_API_DELEGATE_FINGERPRINT",
            help="SHA-256 fingerprint of the delegate's certificate; no other certificate is accepted.",
        ),
    ] = None,
    delegate_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_METRICS_API_DELEGATE_TOKEN_FILE",
            help="File with the bearer token for the delegate, of an account that may only read custom metrics.",
        ),
    ] = None,
) -> None:
    """Collect temperature, pressure and power from the BMCs of the nodes, and serve them as custom.metrics.k8s.io."""
    from wao_core.serving.server import run
    from wao_metrics_api.server import run_metrics_api

    settings = Settings(
        authentication=authentication,
        token_file=token_file,
        client_ca_file=client_ca_file,
        delegate=None
        if delegate is None
        else DelegateSettings(
            url=delegate, ca_file=delegate_ca_file, fingerprint=delegate_fingerprint, token_file=delegate_token_file
        ),
    )
    problems = settings.problems(server) + endpoints.problems()
    run(lambda: run_metrics_api(server, settings, endpoints), server, *problems)
