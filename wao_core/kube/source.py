"""The interface of a source that may be an API server."""

from __future__ import annotations

from typing import Protocol

from wao_core.cluster.source import Source
from wao_core.kube.client import KubeClient


class ClusterSource(Source, Protocol):
    """A source with the connection to its API server, if it has one."""

    @property
    def client(self) -> KubeClient | None:
        """The connection to the API server, or None for a folder of manifests."""
        ...
