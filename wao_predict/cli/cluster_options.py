"""The option --from-cluster: the nodes of a running scheduler extender instead of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from wao_predict.cli.connection import Tls, get_json

MOST_BYTES = 256 * 1024 * 1024
"""Largest document of a cluster: one with 5,000 nodes and 100,000 pods has about 12 MB."""


@dataclass(frozen=True)
class ClusterOptions:
    """Options about a running cluster."""

    from_cluster: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="URL of a running scheduler extender, instead of FLEET: its measured nodes as they are now.",
        ),
    ] = None
    group_label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="With --from-cluster: node label whose value is the group of a plant. Default: that of the "
            "scheduler's setting cooling.",
        ),
    ] = None

    def url_instead_of(self, fleet: str | None) -> str | None:
        """Return the URL of the extender, None if a table is given.

        Raises
        ------
        BadParameter
            Both are given, or neither.
        """
        if (fleet is None) == (self.from_cluster is None):
            raise typer.BadParameter("give either a FLEET table or --from-cluster")
        return self.from_cluster

    def fleet(self, url: str, tls: Tls, *, pods: bool = False) -> Any:
        """Return the document of `GET /v1/fleet`, with the pods that run on the nodes if wanted."""
        query = ({"pods": "true"} if pods else {}) | (
            {} if self.group_label is None else {"groupLabel": self.group_label}
        )
        path = f"/v1/fleet?{urlencode(query)}" if query else "/v1/fleet"
        return get_json(url, path, tls.connection(), max_bytes=MOST_BYTES)

    def nodes(self, url: str, tls: Tls) -> Any:
        """Return the document of `GET /v1/nodes`."""
        return get_json(url, "/v1/nodes", tls.connection(), max_bytes=MOST_BYTES)
