"""Which endpoints of a Service port get traffic, in the cluster and on this node. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wao_lb.agent.slots import Key
from wao_lb.members import Member


@dataclass(frozen=True, slots=True)
class Chosen:
    """The endpoints in use: of the whole cluster and of this node. Where the second has any, the first has too.

    Attributes
    ----------
    perhaps_here
        Addresses that are on this node or on none that is known.
    """

    cluster: tuple[Key, ...]
    local: tuple[Key, ...]
    perhaps_here: frozenset[str] = frozenset()


def choose(group: Sequence[Member], node_name: str) -> Chosen:
    """Return the endpoints in use, sorted so that the same ones always make the same rules."""
    local = _serving([member for member in group if member.endpoint.node_name == node_name])
    here = frozenset(member.address for member in group if member.endpoint.node_name in (node_name, None, ""))
    return Chosen(_serving(group), local, here)


def _serving(group: Sequence[Member]) -> tuple[Key, ...]:
    """Return the ready ones, else those that still serve while they end (KEP-1669).

    With publishNotReadyAddresses every endpoint arrives as ready, ending ones too.
    """
    ready = [member for member in group if member.endpoint.ready]
    used = ready or [member for member in group if member.endpoint.serving and member.endpoint.terminating]
    return tuple(sorted((member.address, member.port) for member in used))


def local_ready(groups: Sequence[Sequence[Member]], node_name: str) -> int:
    """Return how many endpoints on this node are ready, counting one that serves several ports once."""
    return len(
        {
            member.address
            for group in groups
            for member in group
            if member.endpoint.ready and member.endpoint.node_name == node_name
        }
    )
