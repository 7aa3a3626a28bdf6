"""CPU that is promised but not yet measured: pods chosen, bound or started since a node's last sample.

Each pod is assumed for the part that its node's sample does not hold (`wao_scheduler.sampling`), so it is counted once.
Our own choice counts at once, before the scheduler has bound the pod, so that a burst does not herd on one node.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from wao_core.cluster.records import Pod
from wao_core.cluster.state import Change
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_scheduler.sampling import Expectation, may_hold, missing_share

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
    """CPU assumed on a node for one pod of the controller `owner`; `started_at` is None until its containers run.

    `share` is the part of its CPU that the node's sample does not hold.
    """

    node: str
    cores: float
    since: float
    bound: bool
    started_at: float | None = None
    stuck: bool = False
    owner: str = ""
    share: float = 1.0

    @property
    def missing(self) -> float:
        """CPU that is not measured [cores]."""
        return self.cores * self.share


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
        share = self._share(found)
        if self._over(found, share):
            self._drop(pod.uid)
            return
        held = known.share if known is not None and known.node == found.node else 1.0
        found.share = min(share, held)  # what the sample holds, it holds
        self._set(pod.uid, found)

    def settle(self, snapshot: ClusterSnapshot) -> None:
        """Take over a new snapshot: forget what its samples contain and what has waited too long."""
        expected = Expectation.of(self._snapshot, self._cores, snapshot)
        renewed = expected.renewed(snapshot)
        self._snapshot = snapshot
        within: list[tuple[int, Assumption]] = []
        coming: list[tuple[int, Assumption]] = []
        for uid, assumption in list(self._by_uid.items()):
            share = self._share(assumption)
            if self._over(assumption, share):
                self._pop(uid)
            elif (row := snapshot.index.get(assumption.node)) is not None:
                assumption.share = share if renewed[row] else min(share, assumption.share)
                (within if may_hold(snapshot, row, assumption.started_at) else coming).append((row, assumption))
        unseen = expected.unseen(snapshot, self._per_node(within), self._per_node(coming))
        for group, left in zip((within, coming), unseen, strict=True):
            for row, assumption in group:
                if renewed[row]:
                    assumption.share *= float(left[row])
        self._cores = self._per_node(within + coming)

    def _per_node(self, promised: Iterable[tuple[int, Assumption]]) -> FloatArray:
        """Return the sum of what is missing per node of the snapshot [cores]."""
        cores = np.zeros(0 if self._snapshot is None else len(self._snapshot))
        for row, assumption in promised:
            cores[row] += assumption.missing
        return cores

    def _over(self, assumption: Assumption, share: float) -> bool:
        """Whether an assumption has ended: none of it is missing by the pod's start, or it never came true."""
        waited = self._clock() - assumption.since
        if not assumption.bound:
            return waited > self._choice_ttl
        if assumption.started_at is None:
            return waited > (self._stuck_timeout if assumption.stuck else self._start_timeout)
        return share == 0.0

    def _share(self, assumption: Assumption) -> float:
        """Return which part of a pod's CPU its node's sample does not hold, by the pod's start."""
        row = None if self._snapshot is None else self._snapshot.index.get(assumption.node)
        if self._snapshot is None or row is None:
            return 1.0
        return missing_share(self._snapshot, row, assumption.started_at)

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
            self._cores[row] = max(0.0, self._cores[row] + sign * assumption.missing)
