"""CPU that is promised but not yet measured: pods chosen, bound or started since a node's last sample.

A node's CPU sample is an average over a window. A pod that started within the window is in the average by the part of
it that it ran, and is assumed for the rest; one that started before the window is not assumed any more. Some sources
report what runs at the end of the window instead of the average: a sample that shows more of the promised CPU than the
average would leaves that much less to assume. So each pod is counted once. Our own choice counts at once, before the
scheduler has bound the pod, so that a burst does not herd on one node.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_core.records import Pod
from wao_core.snapshot import ClusterSnapshot
from wao_core.state import Change

FloatArray = NDArray[np.float64]

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
    """CPU assumed on a node for one pod of the controller `owner`; `started_at` is None until its containers run."""

    node: str
    cores: float
    since: float
    bound: bool
    started_at: float | None = None
    stuck: bool = False
    owner: str = ""


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
        self._choices: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._snapshot: ClusterSnapshot | None = None
        self._cores: FloatArray = np.zeros(0)
        self._unseen: FloatArray = np.zeros(0)  # per node: how much of the average's missing part is missing indeed

    def __len__(self) -> int:
        return len(self._by_uid)

    @property
    def cores(self) -> FloatArray:
        """Assumed CPU per node of the current snapshot [cores], shape (n_nodes,); do not write to it."""
        return self._cores

    def of(self, uid: str) -> Assumption | None:
        """Return what is assumed for one pod."""
        return self._by_uid.get(uid)

    def choices(self, owner: str) -> Mapping[str, str]:
        """Return the nodes chosen for a controller's pods that are not known to be bound, by the pods' uid."""
        return self._choices.get(owner, {})

    def choose(self, uid: str, node: str, cores: float, *, owner: str = "") -> None:
        """Count our own choice for a pod that is not bound yet; a choice before it is replaced.

        `owner` is the uid of what controls the pod, "" without.
        """
        known = self._by_uid.get(uid)
        if known is None or not known.bound:
            self._set(uid, Assumption(node, cores, self._clock(), bound=False, owner=owner))

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
        before = _Estimate.of(self._snapshot, self._cores, self._unseen, snapshot)
        self._snapshot, self._unseen = snapshot, np.ones(len(snapshot))
        for uid in [uid for uid, assumption in self._by_uid.items() if self._over(assumption)]:
            self._pop(uid)
        whole, part = np.zeros(len(snapshot)), np.zeros(len(snapshot))
        for assumption in self._by_uid.values():
            row = snapshot.index.get(assumption.node)
            if row is not None:
                share = self._unmeasured(assumption)
                (whole if share == 1.0 else part)[row] += assumption.cores * share
        self._unseen = before.unseen(snapshot, whole, part)
        self._cores = whole + part * self._unseen

    def _over(self, assumption: Assumption) -> bool:
        """Whether an assumption has ended: it is measured now, or it never came true."""
        waited = self._clock() - assumption.since
        if not assumption.bound:
            return waited > self._choice_ttl
        if assumption.started_at is None:
            return waited > (self._stuck_timeout if assumption.stuck else self._start_timeout)
        return self._is_measured(assumption)

    def _is_measured(self, assumption: Assumption) -> bool:
        """Whether the window of the node's sample began after the pod did."""
        row = None if self._snapshot is None else self._snapshot.index.get(assumption.node)
        if row is None or self._snapshot is None or assumption.started_at is None:
            return False
        return bool(self._snapshot.usage_at[row] - self._snapshot.usage_window[row] >= assumption.started_at)

    def _unmeasured(self, assumption: Assumption) -> float:
        """Return which part of a pod's CPU its node's sample does not contain: 1 before it runs, 0 in the end."""
        row = None if self._snapshot is None else self._snapshot.index.get(assumption.node)
        if row is None or self._snapshot is None or assumption.started_at is None:
            return 1.0
        end, window = float(self._snapshot.usage_at[row]), float(self._snapshot.usage_window[row])
        missed = assumption.started_at - (end - window)
        if missed <= 0.0:
            return 0.0
        return missed / window * float(self._unseen[row]) if missed < window else 1.0  # NaN: nothing is measured

    def _set(self, uid: str, assumption: Assumption) -> None:
        self._drop(uid)
        self._by_uid[uid] = assumption
        if assumption.owner and not assumption.bound:
            self._choices[assumption.owner][uid] = assumption.node
        self._add(assumption, 1.0)

    def _drop(self, uid: str) -> None:
        known = self._pop(uid)
        if known is not None:
            self._add(known, -1.0)

    def _pop(self, uid: str) -> Assumption | None:
        known = self._by_uid.pop(uid, None)
        if known is not None and (chosen := self._choices.get(known.owner)) is not None:
            chosen.pop(uid, None)
            if not chosen:
                del self._choices[known.owner]
        return known

    def _add(self, assumption: Assumption, sign: float) -> None:
        if self._snapshot is not None and (row := self._snapshot.index.get(assumption.node)) is not None:
            change = sign * assumption.cores * self._unmeasured(assumption)
            self._cores[row] = max(0.0, self._cores[row] + change)


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """What each node of a new snapshot was taken to use before it [cores], when measured, and its `_unseen` then."""

    cores: FloatArray
    at: FloatArray
    unseen_before: FloatArray

    @classmethod
    def of(
        cls, old: ClusterSnapshot | None, assumed: FloatArray, unseen: FloatArray, new: ClusterSnapshot
    ) -> _Estimate:
        """Return the estimate of the old snapshot in the order of the new one's nodes; NaN for nodes it had not."""
        if old is None or len(old) == 0:
            unknown = np.full(len(new), np.nan)
            return cls(unknown, unknown, np.ones(len(new)))
        if old.names is new.names:
            return cls(old.usage_cores + assumed, old.usage_at, unseen)
        rows = np.fromiter((old.index.get(name, -1) for name in new.names), dtype=np.int64, count=len(new))
        there = rows >= 0
        cores = np.where(there, (old.usage_cores + assumed)[rows], np.nan)
        return cls(cores, np.where(there, old.usage_at[rows], np.nan), np.where(there, unseen[rows], 1.0))

    def unseen(self, new: ClusterSnapshot, whole: FloatArray, part: FloatArray) -> FloatArray:
        """Return the share of `part` that the new samples do not show yet.

        Parameters
        ----------
        whole, part
            Per node, CPU of pods that no sample can contain yet, and the missing part of those that started within
            the window if the sample is an average [cores].

        Notes
        -----
        Without other changes a node goes on using what it was taken to use: what the sample does not show of that,
        and is not promised to pods still to come, is what may be missing.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = np.clip((self.cores - whole - new.usage_cores) / part, 0.0, 1.0)
        share = np.where(new.usage_at != self.at, missing, self.unseen_before)
        return np.where((part > 0) & np.isfinite(share), share, 1.0)
