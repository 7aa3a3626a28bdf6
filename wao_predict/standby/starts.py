"""The starts of one decision of standby. Pure."""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.increase import FIT_TOLERANCE
from wao_predict.standby.capacity import Need, Room
from wao_predict.standby.settings import StandbySettings
from wao_predict.standby.state import Action, ActionKind, History, NodeState, PodGroup, StandbyNodes, cores_text


class Starts:
    """The starts of one decision.

    Attributes
    ----------
    missing
        Whether starts are wanted, or a pod waits that a node could hold whose stop has begun.
    """

    def __init__(self, nodes: StandbyNodes, history: History, settings: StandbySettings) -> None:
        self._nodes, self._settings = nodes, settings
        starting = nodes.state == NodeState.STARTING
        self.room = Room(nodes, nodes.up | starting)
        self._need = Need(settings)
        self._left = settings.starts_at_once - int(starting.sum())
        self._left_in_hour = settings.starts_per_hour - history.starts
        self._off: BoolArray = (nodes.state == NodeState.OFF) & nodes.candidate
        self._stopping: BoolArray = nodes.state == NodeState.STOPPING
        self._order = np.argsort(nodes.watts_per_core, kind="stable")  # NaN is last
        self.actions: list[Action] = []
        self.held: list[str] = []
        self.missing = False

    def all(self) -> None:
        """Start every node that may be switched."""
        self._left_in_hour = len(self._nodes)
        for node in self._order[self._off[self._order]].tolist():
            if not self._start(node, "all nodes are started"):
                return

    def for_pods(self, pending: PodGroup) -> None:
        """Start nodes for pods that fit on no node that is on or starts."""
        for pod in pending.largest_first():
            request, allowed = pending.requests[pod], pending.allowed_of(pod)
            if np.isnan(request).any() or self.room.take(request, allowed):
                continue
            could_hold = self._could_hold(request, allowed)
            self.missing |= bool((self._stopping & could_hold).any())
            node = self._cheapest(self._off & could_hold)
            if node is None:
                continue
            if not self._start(node, f"a pod that waits fits on no running node: {cores_text(request)}"):
                return
            self.room.take(request, allowed)

    def for_floors(self, kind: str, member: IntArray, least: int) -> None:
        """Start nodes where too few of a group or zone run."""
        for number in np.unique(member[member >= 0]).tolist() if least else ():
            inside = member == number
            while (running := int((self.room.open & inside).sum())) < least:
                node = self._cheapest(self._off & inside & self._rested())
                if node is None or not self._start(node, f"{running} of at least {least} nodes of its {kind} run"):
                    break

    def for_largest(self, pods: PodGroup) -> None:
        """Start nodes where none has room for one of the largest pods."""
        for pod in pods.largest_first():
            request, allowed = pods.requests[pod], pods.allowed_of(pod)
            if np.isnan(request).any() or self.room.fits(request, allowed).any():
                continue
            node = self._cheapest(self._off & self._rested() & self._could_hold(request, allowed))
            if node is not None:
                self._start(node, f"no running node has room for a pod as large as a recent one: {cores_text(request)}")

    def for_spare(self) -> None:
        """Start nodes until enough capacity is free."""
        while (lacking := self._need.lacking(self.room)) is not None:
            node = self._cheapest(self._off & self._rested())
            if node is None or not self._start(node, f"{lacking} are free"):
                return

    def _rested(self) -> BoolArray:
        result: BoolArray = ~(self._nodes.state_seconds < self._settings.off_seconds)
        return result

    def _could_hold(self, request: FloatArray, allowed: BoolArray | None) -> BoolArray:
        everywhere: BoolArray = np.ones(len(self._nodes), dtype=np.bool_) if allowed is None else allowed
        result: BoolArray = (self._nodes.room() >= request * (1 - FIT_TOLERANCE)).all(axis=1) & everywhere
        return result

    def _cheapest(self, where: BoolArray) -> int | None:
        ordered = self._order[where[self._order]]
        return int(ordered[0]) if ordered.size else None

    def _start(self, node: int, reason: str) -> bool:
        """Start a node unless a limit is reached; return whether it starts."""
        self.missing = True
        if min(self._left, self._left_in_hour) <= 0:
            limit = (
                f"{self._settings.starts_at_once} nodes start at once"
                if self._left <= 0
                else f"{self._settings.starts_per_hour} starts within an hour"
            )
            self.held.append(f"{reason}, but the limit is reached: {limit}")
            return False
        self._left -= 1
        self._left_in_hour -= 1
        self._off[node] = False
        self.room.open_node(node)
        self.actions.append(Action(ActionKind.START, node, reason))
        return True
