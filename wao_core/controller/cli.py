"""`wao controller`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wao_core.serving.options import ServerOptions, server_options


@server_options()
def controller(
    server: ServerOptions,
    namespace: Annotated[
        str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease and of the WAO Services.")
    ] = "wao-system",
    leader_elect: Annotated[
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Elect a leader with a Lease; only the leader writes.")
    ] = True,
    serving_certificate: Annotated[
        list[str] | None,
        typer.Option(
            help="Service whose serving certificate is maintained, in the Secret NAME-tls; can be repeated. "
            "Default: none."
        ),
    ] = None,
    client_certificate: Annotated[
        list[str] | None,
        typer.Option(
            help="Client whose certificate for the WAO servers is maintained, in the Secret NAME-tls; can be repeated."
        ),
    ] = None,
    authority_namespace: Annotated[
        str,
        typer.Option(
            envvar="WAO_AUTHORITY_NAMESPACE", help="Namespace of the authority's key; only the controller may read it."
        ),
    ] = "wao-pki",
    authority_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_AUTHORITY_FILE",
            help="PEM certificates of your own authority, such as that of cert-manager. They are published as those "
            "to trust, and the controller issues no certificates. Default: none.",
        ),
    ] = None,
    bundle_namespace: Annotated[
        list[str] | None,
        typer.Option(
            help="Additional namespace for a copy of the ConfigMap wao-ca, for clients there; can be repeated."
        ),
    ] = None,
    api_service: Annotated[
        list[str] | None,
        typer.Option(
            help="APIService whose caBundle is maintained if it points to one of these Services; can be repeated."
        ),
    ] = None,
) -> None:
    """Maintain a NodeConfig for every node that a NodeConfigTemplate selects."""
    from wao_core.certificates.serving_certificates import CertificateSettings
    from wao_core.controller.server import run_controller
    from wao_core.serving.server import run

    certificates = CertificateSettings(
        namespace,
        authority_namespace,
        tuple(serving_certificate or ()),
        tuple(api_service or ()),
        tuple(bundle_namespace or ()),
        tuple(client_certificate or ()),
        authority_file,
    )
    run(lambda: run_controller(server, certificates, leader_elect=leader_elect), server)
