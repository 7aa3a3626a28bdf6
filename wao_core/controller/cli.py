"""`wao controller`: options only; the implementation is imported when the command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from wao_core.serving.options import ServerOptions, server_options


@server_options()
def controller(
    server: ServerOptions,
    namespace: Annotated[
        str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease and of our Services.")
    ] = "wao-system",
    leader_elect: Annotated[
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Lead only while holding the Lease.")
    ] = True,
    serving_certificate: Annotated[
        list[str] | None,
        typer.Option(
            help="Service to keep a serving certificate for, in the Secret NAME-tls; several are allowed. "
            "Default: none, for use with cert-manager or certificates of your own."
        ),
    ] = None,
    authority_namespace: Annotated[
        str,
        typer.Option(
            envvar="WAO_AUTHORITY_NAMESPACE", help="Namespace of the authority's key, which only we may read."
        ),
    ] = "wao-pki",
    bundle_namespace: Annotated[
        list[str] | None,
        typer.Option(help="Further namespace that gets the ConfigMap wao-ca, for clients there; several are allowed."),
    ] = None,
    api_service: Annotated[
        list[str] | None,
        typer.Option(help="APIService whose caBundle is kept, if it points at one of these Services; several allowed."),
    ] = None,
) -> None:
    """Make a NodeConfig for every node that a NodeConfigTemplate selects, and keep it so."""
    from wao_core.certificates.serving_certificates import CertificateSettings
    from wao_core.controller.server import run_controller
    from wao_core.serving.server import run

    certificates = CertificateSettings(
        namespace,
        authority_namespace,
        tuple(serving_certificate or ()),
        tuple(api_service or ()),
        tuple(bundle_namespace or ()),
    )
    run(lambda: run_controller(server, certificates, leader_elect=leader_elect), server)
