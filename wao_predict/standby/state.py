"""What standby decides on: nodes, pods and the past; and the actions it decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError


class NodeState(IntEnum):
    """The power state of a node."""

    ON = 0
    STARTING = 1
    STOPPING = 2
    OFF = 3
    FAILED = 4
    """It was to start, and did not: it counts for nothing until somebody repairs it."""


class ActionKind(StrEnum):
    """What to do with a node."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Action:
    """One step.

    Attributes
    ----------
    kind
        Start or stop.
    node
        Row of the node.
    reason
        A text for people.
    """

    kind: ActionKind
    node: int
    reason: str


@dataclass(frozen=True, eq=False)
class StandbyNodes:
    """The nodes, one row each. Resources are columns: CPU [cores] is the first, others such as memory may follow.

    Attributes
    ----------
    state
        A `NodeState` of each node, shape (n,).
    capacity, requested
        Allocatable resources, and the sum of requests of all pods, shape (n, r). NaN unknown: the node then has no
        room. A node that is off has the values of its last known state: `requested` is what runs on an empty node, such
        as DaemonSets.
    empty_seconds
        Time since the last pod that counts left the node [s], shape (n,); NaN: it is not empty, or nobody knows.
    state_seconds
        Time in its present state [s], shape (n,); NaN unknown.
    schedulable
        Whether new pods can start on the node while it is on: it is ready and not cordoned, shape (n,).
    candidate
        Whether standby may switch the node, shape (n,).
    wake_tested
        Whether a start of the node has been tested, shape (n,); only then it is stopped.
    watts_per_core
        Order of the nodes [W/core], see `watts_per_core`, shape (n,); NaN unknown: last.
    group, zone
        Number of the node's group and zone from 0 on, shape (n,); -1: none.

    Raises
    ------
    UsageError
        The shapes differ.
    """

    state: IntArray
    capacity: FloatArray
    requested: FloatArray
    empty_seconds: FloatArray
    state_seconds: FloatArray
    schedulable: BoolArray
    candidate: BoolArray
    wake_tested: BoolArray
    watts_per_core: FloatArray
    group: IntArray
    zone: IntArray

    def __post_init__(self) -> None:
        count, shape = len(self.state), self.capacity.shape
        if len(shape) != 2 or shape[0] != count or not shape[1] or self.requested.shape != shape:
            raise UsageError(f"capacity {shape} and requested {self.requested.shape}: give {count} rows of resources")
        for item in fields(self):
            if len(getattr(self, item.name)) != count:
                raise UsageError(f"{len(getattr(self, item.name))} values of {item.name} for {count} nodes")

    def __len__(self) -> int:
        return len(self.state)

    @property
    def up(self) -> BoolArray:
        """Where pods can run now, shape (n,)."""
        result: BoolArray = (self.state == NodeState.ON) & self.schedulable
        return result

    def room(self) -> FloatArray:
        """Return the free resources of each node if it is on, at least 0, shape (n, r); 0 where they are unknown."""
        result: FloatArray = np.fmax(self.capacity - self.requested, 0.0)
        return result


@dataclass(frozen=True, eq=False)
class PodGroup:
    """Pods that wait, or for which room is to stay.

    Attributes
    ----------
    requests
        Requests of each pod, shape (m, r); NaN unknown: then nothing is stopped.
    allowed
        Where each pod may run if there is room, shape (m, n): selectors, taints, affinities; None: everywhere.

    Examples
    --------
    >>> len(PodGroup.of([2.0, 4.0])), len(PodGroup.none())
    (2, 0)
    """

    requests: FloatArray
    allowed: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.requests)

    def largest_first(self) -> list[int]:
        """Return the pods by their CPU request, the largest first."""
        order: list[int] = np.argsort(-self.requests[:, 0], kind="stable").tolist()
        return order

    def allowed_of(self, pod: int) -> BoolArray | None:
        """Return where a pod may run, shape (n,); None: everywhere."""
        return None if self.allowed is None else self.allowed[pod]

    @classmethod
    def of(cls, cores: ArrayLike) -> PodGroup:
        """Return pods that request CPU only and may run everywhere."""
        return cls(np.asarray(cores, dtype=np.float64).reshape(-1, 1))

    @classmethod
    def none(cls) -> PodGroup:
        """Return no pods."""
        return cls.of([])


@dataclass(frozen=True, eq=False)
class History:
    """The recent past.

    Attributes
    ----------
    starts, stops
        Number of starts and stops within the last hour.
    largest
        Pods for which room stays, such as the largest one of each kind that was seen in the last days. Pods that no
        node could hold are ignored.
    peak
        Highest sum of requests in the time to look back, shape (r,); None: the present one. Nodes are stopped only if
        the rest has room for it.
    """

    starts: int = 0
    stops: int = 0
    largest: PodGroup = field(default_factory=PodGroup.none)
    peak: FloatArray | None = None


def watts_per_core(curves: PowerCurves, capacity_cores: ArrayLike, off_watts: ArrayLike) -> FloatArray:
    """Return what a core costs on each node that would otherwise be off, at its best load [W/core], shape (n,).

    Idle power counts, unlike in the rules of placement: an empty node could be off.

    Parameters
    ----------
    curves
        The curve of each node.
    capacity_cores
        CPU [cores], shape (n,).
    off_watts
        Power when the node is off [W], shape (n,) or a scalar.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [50.0, 210.0]]))
    >>> watts_per_core(curves, [10.0, 10.0], 8.0).round(2).tolist()
    [19.2, 20.2]
    """
    loads = curves.knots > 0
    off = np.broadcast_to(np.asarray(off_watts, dtype=np.float64), (len(curves),))
    cores = np.asarray(capacity_cores, dtype=np.float64)[:, None] * curves.knots[loads] / 100.0
    result: FloatArray = ((curves.watts[:, loads] - off[:, None]) / cores).min(axis=1)
    return result


def curves_when_off(curves: PowerCurves, which: BoolArray, off_watts: ArrayLike) -> PowerCurves:
    """Return the curves by which to place pods if some nodes are switched off when they are empty.

    Without load, such a node has the power of its BMC: an empty node is worth keeping empty.

    Parameters
    ----------
    curves
        The curve of each node.
    which
        Nodes that standby may switch, shape (n,).
    off_watts
        Power when a node is off [W], shape (n,) or a scalar; not above idle power.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 150.0, 200.0]] * 2))
    >>> curves_when_off(curves, np.array([True, False]), 8.0).watts.tolist()
    [[8.0, 150.0, 200.0], [100.0, 150.0, 200.0]]
    """
    knots, watts = curves.knots, curves.watts.copy()
    if knots[0] > 0:
        knots, watts = np.append(0.0, knots), np.column_stack([watts[:, 0], watts])
    off = np.broadcast_to(np.asarray(off_watts, dtype=np.float64), (len(curves),))
    watts[which, 0] = np.minimum(off[which], watts[which, 0])
    return PowerCurves(knots, watts)


def cores_text(request: FloatArray) -> str:
    """Return the CPU of a request for a person."""
    return f"{request[0]:g} cores"
