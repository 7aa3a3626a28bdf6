"""CPU of assumed pods: pods that were chosen, bound or started since their node's last sample.

A pod counts with the share of its CPU that the sample does not contain (`wao_scheduler.sample_coverage`), so no pod
counts twice. A decision of our own counts immediately, before the scheduler has bound the pod; otherwise all pods of a
burst would go to the same node.
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
from wao_scheduler.sample_coverage import ExpectedUsage, may_contain, missing_share

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


MOST_UNKNOWN = 1000
"""Choices for pods that no watch event has shown; more drop the oldest."""


@dataclass(slots=True)
class AssumedPod:
    """CPU assumed on a node for one pod.

    Attributes
    ----------
    node
        Name of the node.
    cores
        CPU of the pod [cores].
    since
        Time of the choice or of the binding [s since the epoch].
    bound
        Whether the scheduler has bound the pod; else it is a choice of ours.
    started_at
        Time at which its containers started [s since the epoch], None until then.
    stuck
        Whether its containers cannot start (`STUCK_REASONS`).
    owner
        Its controller, as `Pod.owner_identity`.
    share
        Share of its CPU that the node's sample does not contain.
    known
        Whether a watch event has shown the pod.
    """

    node: str
    cores: float
    since: float
    bound: bool
    started_at: float | None = None
    stuck: bool = False
    owner: str = ""
    share: float = 1.0
    known: bool = True

    @property
    def missing(self) -> float:
        """CPU that the node's sample does not contain [cores]."""
        return self.cores * self.share


class AssumedPods:
    """The assumed pods of all nodes, and their CPU as an array that goes with the current snapshot.

    Parameters
    ----------
    estimate
        Returns the CPU of a pod [cores].
    choice_ttl
        Time after which a choice is dropped that no watch event confirmed [s].
    unknown_ttl
        The same for a pod that no watch event has shown [s]: anybody who can send a request can invent pods.
    start_timeout
        Time after which a bound pod is dropped whose containers never started [s].
    stuck_timeout
        The same for a pod that is stuck, with ImagePullBackOff for example [s].
    """

    def __init__(
        self,
        estimate: Callable[[Pod], float],
        *,
        choice_ttl: float = 30.0,
        unknown_ttl: float = 5.0,
        start_timeout: float = 600.0,
        stuck_timeout: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._estimate = estimate
        self._choice_ttl = choice_ttl
        self._unknown_ttl = unknown_ttl
        self._start_timeout = start_timeout
        self._stuck_timeout = stuck_timeout
        self._clock = clock
        self._by_pod: dict[str, AssumedPod] = {}
        self._unknown: dict[str, float] = {}  # when it was chosen, by pod, the oldest first
        self._choices: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._snapshot: ClusterSnapshot | None = None
        self._cores: FloatArray = np.zeros(0)

    def __len__(self) -> int:
        return len(self._by_pod)

    @property
    def cores(self) -> FloatArray:
        """Assumed CPU of each node of the current snapshot [cores], shape (n_nodes,). Do not write to it."""
        self._forget_unknown()
        return self._cores

    def of(self, pod: str) -> AssumedPod | None:
        """Return the assumed pod of this identity (`Pod.identity`), or None."""
        return self._by_pod.get(pod)

    def choices(self, owner: str) -> Mapping[str, str]:
        """Return the chosen node of each pod of a controller that is not known to be bound, by the pod's identity."""
        self._forget_unknown()
        return self._choices.get(owner, {})

    def choose(self, pod: str, node: str, cores: float, *, owner: str = "", known: bool = True) -> None:
        """Count a decision of ours for a pod that is not bound yet, instead of an earlier one.

        Parameters
        ----------
        pod
            The pod, as `Pod.identity`.
        node
            Name of the chosen node.
        cores
            CPU of the pod [cores].
        owner
            The pod's controller, as `Pod.owner_identity`.
        known
            Whether a watch event has shown the pod.
        """
        held = self._by_pod.get(pod)
        if held is None or not held.bound:
            now = self._clock()
            self._set(pod, AssumedPod(node, cores, now, bound=False, owner=owner, known=known))
            if not known:
                self._unknown[pod] = now
                if len(self._unknown) > MOST_UNKNOWN:
                    self._drop(next(iter(self._unknown)))

    def _forget_unknown(self) -> None:
        """Drop the choices for pods that no watch event has shown in time."""
        latest = self._clock() - self._unknown_ttl
        while self._unknown and self._unknown[first := next(iter(self._unknown))] < latest:
            self._drop(first)

    def observe(self, change: Change) -> None:
        """Apply one change of a Pod."""
        if isinstance(change.new, Pod):
            self.observe_pod(change.new)
        elif isinstance(change.old, Pod):
            self._drop(change.old.identity)

    def observe_pod(self, pod: Pod) -> None:
        """Apply the present state of a Pod."""
        if pod.finished:
            self._drop(pod.identity)
            return
        if pod.node_name is None:  # still pending: a choice of ours remains
            if self._unknown.pop(pod.identity, None) is not None:
                self._by_pod[pod.identity].known = True
            return
        known = self._by_pod.get(pod.identity)
        since = known.since if known is not None and known.bound else (pod.scheduled_at or self._clock())
        found = AssumedPod(
            pod.node_name,
            self._estimate(pod),
            since,
            bound=True,
            started_at=pod.started_at,
            stuck=pod.waiting_reason in STUCK_REASONS,
        )
        share = self._share(found)
        if self._ended(found, share):
            self._drop(pod.identity)
            return
        before = known.share if known is not None and known.node == found.node else 1.0
        found.share = min(share, before)  # what the sample contains is measured for good
        self._set(pod.identity, found)

    def settle(self, snapshot: ClusterSnapshot) -> None:
        """Switch to a new snapshot: drop pods that its samples contain, and those that have waited too long."""
        expected = ExpectedUsage.of(self._snapshot, self._cores, snapshot)
        renewed = expected.renewed(snapshot)
        self._snapshot = snapshot
        within: list[tuple[int, AssumedPod]] = []
        coming: list[tuple[int, AssumedPod]] = []
        for pod, assumption in list(self._by_pod.items()):
            share = self._share(assumption)
            if self._ended(assumption, share):
                self._pop(pod)
            elif (row := snapshot.index.get(assumption.node)) is not None:
                assumption.share = share if renewed[row] else min(share, assumption.share)
                (within if may_contain(snapshot, row, assumption.started_at) else coming).append((row, assumption))
        unseen = expected.unseen(snapshot, self._per_node(within), self._per_node(coming))
        for group, left in zip((within, coming), unseen, strict=True):
            for row, assumption in group:
                if renewed[row]:
                    assumption.share *= float(left[row])
        self._cores = self._per_node(within + coming)

    def _per_node(self, pods: Iterable[tuple[int, AssumedPod]]) -> FloatArray:
        """Return the CPU of pods that is missing in each node's sample [cores], shape (n_nodes,)."""
        cores = np.zeros(0 if self._snapshot is None else len(self._snapshot))
        for row, assumption in pods:
            cores[row] += assumption.missing
        return cores

    def _ended(self, assumption: AssumedPod, share: float) -> bool:
        """Whether a pod is no longer assumed: the sample contains all of it, or it never started."""
        waited = self._clock() - assumption.since
        if not assumption.bound:
            return waited > (self._choice_ttl if assumption.known else self._unknown_ttl)
        if assumption.started_at is None:
            return waited > (self._stuck_timeout if assumption.stuck else self._start_timeout)
        return share == 0.0

    def _share(self, assumption: AssumedPod) -> float:
        """Return the share of a pod's CPU that its node's sample does not contain, judged by the pod's start."""
        row = None if self._snapshot is None else self._snapshot.index.get(assumption.node)
        if self._snapshot is None or row is None:
            return 1.0
        return missing_share(self._snapshot, row, assumption.started_at)

    def _set(self, pod: str, assumption: AssumedPod) -> None:
        self._drop(pod)
        self._by_pod[pod] = assumption
        if assumption.owner and not assumption.bound:
            self._choices[assumption.owner][pod] = assumption.node
        self._add(assumption, 1.0)

    def _drop(self, pod: str) -> None:
        known = self._pop(pod)
        if known is not None:
            self._add(known, -1.0)

    def _pop(self, pod: str) -> AssumedPod | None:
        known = self._by_pod.pop(pod, None)
        self._unknown.pop(pod, None)
        if known is not None and (chosen := self._choices.get(known.owner)) is not None:
            chosen.pop(pod, None)
            if not chosen:
                del self._choices[known.owner]
        return known

    def _add(self, assumption: AssumedPod, sign: float) -> None:
        if self._snapshot is not None and (row := self._snapshot.index.get(assumption.node)) is not None:
            self._cores[row] = max(0.0, self._cores[row] + sign * assumption.missing)
