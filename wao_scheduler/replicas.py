"""Index of pods by controller, so that no decision scans all pods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from wao_core.cluster.records import Kind, Pod
from wao_core.cluster.state import Change, ClusterState


class ReplicaIndex:
    """The pods of each controller."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._keys: defaultdict[str, set[str]] = defaultdict(set)
        for key, pod in state.pods.items():
            self._link(key, pod)
        self.close = state.subscribe([Kind.POD], self._observe)

    def placed(self, owner_uid: str, choices: Mapping[str, str], *, except_uid: str = "") -> Counter[str]:
        """Return the number of a controller's pods by node name, without finished and terminating pods.

        Parameters
        ----------
        choices
            The chosen node of each pod of the controller that is not known to be bound, by the pod's uid. It may
            contain pods that are not in the state yet, because the scheduler's watch can be ahead of ours.
        except_uid
            uid of the pod that is being placed.
        """
        counts: Counter[str] = Counter()
        counted = {except_uid}
        for key in self._keys.get(owner_uid, ()):
            pod = self._state.pods[key]
            over = pod.finished or pod.terminating
            if pod.node_name is not None and not over and pod.uid != except_uid:
                counts[pod.node_name] += 1
            if pod.node_name is not None or over:
                counted.add(pod.uid)
        counts.update(node for uid, node in choices.items() if uid not in counted)
        return counts

    def _observe(self, change: Change) -> None:
        if isinstance(change.old, Pod) and change.old.owner is not None:
            keys = self._keys[change.old.owner.uid]
            keys.discard(change.key)
            if not keys:
                del self._keys[change.old.owner.uid]
        if isinstance(change.new, Pod):
            self._link(change.key, change.new)

    def _link(self, key: str, pod: Pod) -> None:
        if pod.owner is not None:
            self._keys[pod.owner.uid].add(key)
