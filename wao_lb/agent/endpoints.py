"""The endpoints of a Service port that receive traffic, in the cluster and on this node. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wao_core.cluster.service_endpoints import ServiceEndpoint, receiving_traffic
from wao_lb.agent.slots import Key


@dataclass(frozen=True, slots=True)
class Chosen:
    """The endpoints in use: of the whole cluster and of this node. If the second has any, the first has too.

    Attributes
    ----------
    perhaps_here
        Addresses on this node or without a known node.
    """

    cluster: tuple[Key, ...]
    local: tuple[Key, ...]
    perhaps_here: frozenset[str] = frozenset()


def choose(group: Sequence[ServiceEndpoint], node_name: str) -> Chosen:
    """Return the endpoints in use, sorted so that the same endpoints always give the same rules.

    The rule of `receiving_traffic` applies to the cluster and to this node independently, as in kube-proxy.
    """
    local = [item for item in group if item.endpoint.node_name == node_name]
    here = frozenset(item.address for item in group if item.endpoint.node_name in (node_name, None, ""))
    return Chosen(_keys(receiving_traffic(group)), _keys(receiving_traffic(local)), here)


def _keys(group: Iterable[ServiceEndpoint]) -> tuple[Key, ...]:
    return tuple(sorted((item.address, item.port) for item in group))


def local_ready(groups: Sequence[Sequence[ServiceEndpoint]], node_name: str) -> int:
    """Return the number of ready endpoints on this node; one that serves several ports counts once."""
    return len(
        {
            item.address
            for group in groups
            for item in group
            if item.endpoint.ready and item.endpoint.node_name == node_name
        }
    )
