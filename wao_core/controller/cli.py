"""`wao controller`: options only; what does the work is loaded when the command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from wao_core.serving.options import ServerOptions, server_options


@server_options()
def controller(
    server: ServerOptions,
    namespace: Annotated[str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of the Lease.")] = "wao-system",
    leader_elect: Annotated[
        bool, typer.Option(envvar="WAO_LEADER_ELECT", help="Lead only while holding the Lease.")
    ] = True,
) -> None:
    """Make a NodeConfig for every node that a NodeConfigTemplate selects, and keep it so."""
    from wao_core.controller.service import run_controller
    from wao_core.serving.server import run

    run(lambda: run_controller(server, namespace=namespace, leader_elect=leader_elect), server)
