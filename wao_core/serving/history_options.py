"""The options of servers that restore floors after a restart. Light at import: typer and the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wao_core.prediction.floor_history import HistorySource

_PANEL = "Floors after a restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """The Prometheus server with the CPU use of the nodes before the process began."""

    floor_history: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="WAO_FLOOR_HISTORY",
            help="Prometheus server from which the floors of --rule floor are restored after a restart. Default: they "
            "begin at the present loads.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    floor_history_query: Annotated[
        str | None,
        typer.Option(
            metavar="PROMQL",
            envvar="WAO_FLOOR_HISTORY_QUERY",
            help="CPU use in cores, with one series for each node. Default: that of node_exporter.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    floor_history_label: Annotated[
        str,
        typer.Option(
            metavar="LABEL",
            envvar="WAO_FLOOR_HISTORY_LABEL",
            help="Label of the series whose value is the name of the node.",
            rich_help_panel=_PANEL,
        ),
    ] = "instance"
    floor_history_ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="WAO_FLOOR_HISTORY_CA_FILE",
            help="PEM file of the certificate authorities of the server. Default: those of the system.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    floor_history_token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="WAO_FLOOR_HISTORY_TOKEN_FILE",
            help="File with a bearer token for the server, which needs https.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def source(self) -> HistorySource | None:
        """Return where the history is, None without a server."""
        from wao_core.prediction.floor_history import HistorySource
        from wao_predict.connection import TlsPolicy

        if self.floor_history is None:
            return None
        return HistorySource(
            url=self.floor_history,
            query=self.floor_history_query,
            label=self.floor_history_label,
            tls=TlsPolicy(ca_file=self.floor_history_ca_file),
            token_file=self.floor_history_token_file,
        )

    def problems(self) -> list[str]:
        """Return everything that is wrong with these options, in the words of the command line."""
        from wao_predict.errors import UsageError

        source = self.source()
        if source is None:
            alone = (self.floor_history_query, self.floor_history_ca_file, self.floor_history_token_file)
            return [] if alone == (None, None, None) else ["--floor-history: give the URL of the server too"]
        try:
            source.check()
        except UsageError as error:
            return [f"--floor-history: {error}"]
        return []
