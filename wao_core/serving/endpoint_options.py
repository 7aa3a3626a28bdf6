"""The options of servers that connect to endpoints of NodeConfigs. Light at import: typer and the standard library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.options import with_options
from wao_predict.errors import UsageError

if TYPE_CHECKING:
    from wao_core.collector.endpoints import EndpointAccess
    from wao_predict.connection import TlsPolicy

_PANEL = "Endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """What the endpoints of NodeConfigs may reach, and how their certificates are verified by default."""

    endpoint_network: Annotated[
        list[str] | None,
        typer.Option(
            envvar="WAO_ENDPOINT_NETWORK",
            help="Network that sensors and models may be in, such as 10.1.0.0/16. Can be repeated. Default: any, "
            "except link-local and, unless --manifests is given, loopback.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    refuse_network: Annotated[
        list[str] | None,
        typer.Option(
            envvar="WAO_REFUSE_NETWORK",
            help="Network that sensors and models must not be in, such as those of Services and Pods. Can be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    model_folder: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_MODEL_FOLDER",
            help="Folder of model files that endpoints of type Onnx may name in addition to the included models. "
            "Default: none; with --manifests any file.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    endpoint_ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_ENDPOINT_CA_FILE",
            help="PEM file of the certificate authorities of sensors and models, instead of the system's. A NodeConfig "
            "that has tls takes precedence.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    endpoint_insecure_skip_verify: Annotated[
        bool,
        typer.Option(
            "--endpoint-insecure-skip-verify",
            envvar="WAO_ENDPOINT_INSECURE_SKIP_VERIFY",
            help="Accept any certificate of sensors and models, with a warning. A NodeConfig that has tls takes "
            "precedence.",
            rich_help_panel=_PANEL,
        ),
    ] = False

    def access(self, *, standalone: bool) -> EndpointAccess:
        """Return what endpoints may reach.

        Parameters
        ----------
        standalone
            The cluster is a folder of manifests, whose author runs this server.

        Raises
        ------
        UsageError
            A network cannot be parsed, or the authorities cannot be read.
        """
        from wao_core.collector.addresses import AddressRule
        from wao_core.collector.endpoints import EndpointAccess
        from wao_predict.model_files import ModelFiles

        rule = AddressRule.of(self.endpoint_network or (), refused=self.refuse_network or (), loopback=standalone)
        anywhere = standalone and self.model_folder is None
        return EndpointAccess(rule=rule, model_files=ModelFiles(self.model_folder, anywhere), tls=self._tls())

    def _tls(self) -> TlsPolicy:
        from wao_predict.connection import TlsPolicy, ssl_context

        if self.endpoint_insecure_skip_verify:
            return TlsPolicy(insecure=True)
        policy = TlsPolicy(ca_file=self.endpoint_ca_file)
        try:
            ssl_context(policy)
        except UsageError as error:
            raise UsageError(f"--endpoint-ca-file: {error}") from None
        return policy

    def problems(self) -> list[str]:
        """Return everything that is wrong with these options, in the words of the command line."""
        found = []
        if self.model_folder is not None and not self.model_folder.is_dir():
            found.append(f"--model-folder {self.model_folder}: there is no such folder")
        if self.endpoint_insecure_skip_verify and self.endpoint_ca_file is not None:
            found.append("--endpoint-ca-file with --endpoint-insecure-skip-verify: remove one of the two")
        try:
            self.access(standalone=False)
        except UsageError as error:
            found.append(str(error))
        return found


def endpoint_options() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add all options of `EndpointOptions` to a typer command; it takes them as one argument `endpoints`."""
    return with_options(EndpointOptions, "endpoints")
