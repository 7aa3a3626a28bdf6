"""Nodes in rooms with cooling plants."""

from __future__ import annotations

from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import ClusterState

ROOM = "example.com/room"
PLANTS = {
    "plants": [
        {"group": "warm", "type": "factor", "factor": 0.6},
        {"group": "cold", "type": "factor", "factor": 0.1},
    ]
}


def rooms(**groups: str) -> ClusterState:
    state = ClusterState()
    for name, room in groups.items():
        state.put(Kind.NODE, Node(name=name, labels={ROOM: room}))
    return state
