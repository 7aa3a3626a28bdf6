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
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Write only while holding the Lease; for several replicas.")
    ] = True,
    serving_certificate: Annotated[
        list[str] | None,
        typer.Option(
            help="Service that gets a serving certificate, in the Secret NAME-tls; repeatable. "
            "Default: none, for use with cert-manager or your own certificates."
        ),
    ] = None,
    authority_namespace: Annotated[
        str,
        typer.Option(
            envvar="WAO_AUTHORITY_NAMESPACE",
            help="Namespace of the key of the certificate authority, which only the controller may read.",
        ),
    ] = "wao-pki",
    bundle_namespace: Annotated[
        list[str] | None,
        typer.Option(help="Namespace that gets a copy of the ConfigMap wao-ca, for clients there; repeatable."),
    ] = None,
    api_service: Annotated[
        list[str] | None,
        typer.Option(
            help="APIService whose caBundle is kept up to date, if it refers to one of these Services; repeatable."
        ),
    ] = None,
) -> None:
    """Create and update a NodeConfig for every node that a NodeConfigTemplate selects."""
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
