"""The stops of one decision of standby. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wao_predict.standby.capacity import Need, Room
from wao_predict.standby.settings import StandbySettings
from wao_predict.standby.state import Action, ActionKind, History, NodeState, StandbyNodes, cores_text


class Stops:
    """The stops of one decision."""

    def __init__(self, nodes: StandbyNodes, room: Room, history: History, settings: StandbySettings) -> None:
        self._nodes, self._room, self._settings = nodes, room, settings
        self._need = Need(settings, peak=history.peak, hysteresis=True)
        stopping = int((nodes.state == NodeState.STOPPING).sum())
        self._left = min(settings.stops_at_once - stopping, settings.stops_per_hour - history.stops)
        pods = history.largest
        self._largest = [
            (request, self._room.fits(request, pods.allowed_of(pod))) for pod, request in enumerate(pods.requests)
        ]
        self.actions: list[Action] = []
        self.kept: dict[int, str] = {}

    def decide(self, doubt: str | None) -> None:
        """Stop empty nodes, the most expensive first."""
        nodes = self._nodes
        empty = np.flatnonzero((nodes.state == NodeState.ON) & nodes.candidate & (nodes.empty_seconds >= 0))
        cost = np.fmax(nodes.watts_per_core[empty], -np.inf)  # a node without a curve is last
        for node in empty[np.lexsort((-nodes.empty_seconds[empty], -cost))].tolist():
            reason = doubt or self._why_not(node)
            if reason is None:
                self._room.close_node(node)
                self._left -= 1
                minutes = nodes.empty_seconds[node] / 60
                self.actions.append(Action(ActionKind.STOP, node, f"empty for {minutes:.0f} min"))
            else:
                self.kept[node] = reason

    def _why_not(self, node: int) -> str | None:
        checks: tuple[Callable[[int], str | None], ...] = (self._too_early, self._floors, self._capacity, self._limit)
        return next((reason for check in checks if (reason := check(node))), None)

    def _too_early(self, node: int) -> str | None:
        nodes, settings = self._nodes, self._settings
        if not nodes.wake_tested[node]:
            return "its start has never been tested"
        if not nodes.schedulable[node]:
            return "it is cordoned or not ready"
        if np.isnan(nodes.requested[node]).any() or np.isnan(nodes.capacity[node]).any():
            return "its requests or its capacity are unknown"
        if self._room.taken[node]:
            return "a pod that waits fits on it"
        if nodes.empty_seconds[node] < settings.empty_seconds:
            return f"empty for less than {settings.empty_seconds / 60:g} min"
        if not nodes.state_seconds[node] >= settings.on_seconds:
            return f"on for less than {settings.on_seconds / 60:g} min"
        return None

    def _floors(self, node: int) -> str | None:
        for kind, member, least in (
            ("group", self._nodes.group, self._settings.nodes_per_group),
            ("zone", self._nodes.zone, self._settings.nodes_per_zone),
        ):
            if member[node] >= 0 and int((self._room.open & (member == member[node])).sum()) <= least:
                return f"at least {least} nodes of its {kind} run"
        return None

    def _capacity(self, node: int) -> str | None:
        for request, fits in self._largest:
            if fits[node] and not (fits & self._room.open).sum() > 1:
                return f"no other running node has room for a pod as large as a recent one: {cores_text(request)}"
        self._room.close_node(node)
        lacking = self._need.lacking(self._room)
        self._room.open_node(node)
        return None if lacking is None else f"{lacking} would be left"

    def _limit(self, node: int) -> str | None:
        return "the limit of stops is reached" if self._left <= 0 else None
