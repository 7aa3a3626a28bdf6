"""CPU that is promised but not yet measured: pods chosen, bound or started since a node's last sample.

A node's CPU sample is an average over a window. A pod is assumed to use its request until the first sample whose
window begins after its containers started, and never after: so it is counted once. Our own choice counts at once,
before the scheduler has bound the pod, so that a burst does not herd on one node.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_core.records import Pod
from wao_core.snapshot import ClusterSnapshot
from wao_core.state import Change

STUCK_REASONS = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "CrashLoopBackOff",
        "RunContainerError",
    }
)


@dataclass(slots=True)
class Assumption:
    """CPU assumed on a node for one pod; `started_at` is None while its containers do not run."""

    node: str
    cores: float
    since: float
    bound: bool
    started_at: float | None = None
    stuck: bool = False


class InFlight:
    """The assumptions of all nodes, kept as an array beside the current snapshot.

    Parameters
    ----------
    estimate
        Gives the CPU of a pod [cores].
    choice_ttl
        Seconds after which our own choice is forgotten when no watch event confirmed it.
    start_timeout
        Seconds after which a bound pod whose containers never started is no longer counted.
    stuck_timeout
        The same for one that says it is stuck (ImagePullBackOff and the like).
    """

    def __init__(
        self,
        estimate: Callable[[Pod], float],
        *,
        choice_ttl: float = 30.0,
        start_timeout: float = 600.0,
        stuck_timeout: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._estimate = estimate
        self._choice_ttl = choice_ttl
        self._start_timeout = start_timeout
        self._stuck_timeout = stuck_timeout
        self._clock = clock
        self._by_uid: dict[str, Assumption] = {}
        self._snapshot: ClusterSnapshot | None = None
        self._cores: NDArray[np.float64] = np.zeros(0)

    def __len__(self) -> int:
        return len(self._by_uid)

    @property
    def cores(self) -> NDArray[np.float64]:
        """Assumed CPU per node of the current snapshot [cores], shape (n_nodes,); do not write to it."""
        return self._cores

    def of(self, uid: str) -> Assumption | None:
        """Return what is assumed for one pod."""
        return self._by_uid.get(uid)

    def choose(self, uid: str, node: str, cores: float) -> None:
        """Count our own choice for a pod that is not bound yet; a choice before it is replaced."""
        known = self._by_uid.get(uid)
        if known is None or not known.bound:
            self._set(uid, Assumption(node, cores, self._clock(), bound=False))

    def observe(self, change: Change) -> None:
        """Follow one change of a Pod."""
        if isinstance(change.new, Pod):
            self.observe_pod(change.new)
        elif isinstance(change.old, Pod):
            self._drop(change.old.uid)

    def observe_pod(self, pod: Pod) -> None:
        """Take over what is known of a Pod now."""
        if pod.finished:
            self._drop(pod.uid)
            return
        if pod.node_name is None:  # waits still: a choice of ours may stand
            return
        known = self._by_uid.get(pod.uid)
        since = known.since if known is not None and known.bound else (pod.scheduled_at or self._clock())
        found = Assumption(
            pod.node_name,
            self._estimate(pod),
            since,
            bound=True,
            started_at=pod.started_at,
            stuck=pod.waiting_reason in STUCK_REASONS,
        )
        if self._over(found):
            self._drop(pod.uid)
        else:
            self._set(pod.uid, found)

    def settle(self, snapshot: ClusterSnapshot) -> None:
        """Take over a new snapshot: forget what its samples contain and what has waited too long."""
        self._snapshot = snapshot
        for uid in [uid for uid, assumption in self._by_uid.items() if self._over(assumption)]:
            del self._by_uid[uid]
        cores = np.zeros(len(snapshot))
        for assumption in self._by_uid.values():
            row = snapshot.index.get(assumption.node)
            if row is not None:
                cores[row] += assumption.cores
        self._cores = cores

    def _over(self, assumption: Assumption) -> bool:
        """Whether an assumption has ended: it is measured now, or it never came true."""
        waited = self._clock() - assumption.since
        if not assumption.bound:
            return waited > self._choice_ttl
        if assumption.started_at is None:
            return waited > (self._stuck_timeout if assumption.stuck else self._start_timeout)
        row = None if self._snapshot is None else self._snapshot.index.get(assumption.node)
        if row is None or self._snapshot is None:
            return False
        window_begin = self._snapshot.usage_at[row] - self._snapshot.usage_window[row]
        return bool(window_begin >= assumption.started_at)  # False for NaN: nothing is measured

    def _set(self, uid: str, assumption: Assumption) -> None:
        self._drop(uid)
        self._by_uid[uid] = assumption
        self._add(assumption, 1.0)

    def _drop(self, uid: str) -> None:
        known = self._by_uid.pop(uid, None)
        if known is not None:
            self._add(known, -1.0)

    def _add(self, assumption: Assumption, sign: float) -> None:
        if self._snapshot is not None and (row := self._snapshot.index.get(assumption.node)) is not None:
            self._cores[row] = max(0.0, self._cores[row] + sign * assumption.cores)
