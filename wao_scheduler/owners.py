"""Which pods belong to which controller, kept up to date so that no decision scans all pods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from wao_core.cluster.records import Kind, Pod
from wao_core.cluster.state import Change, ClusterState


class OwnerIndex:
    """The keys of pods by their owner's uid."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._keys: defaultdict[str, set[str]] = defaultdict(set)
        for key, pod in state.pods.items():
            self._link(key, pod)
        self.close = state.subscribe([Kind.POD], self._observe)

    def placed(self, owner_uid: str, choices: Mapping[str, str], *, except_uid: str = "") -> Counter[str]:
        """Count the owner's pods per node name, without finished and ending ones.

        Parameters
        ----------
        choices
            The node chosen for each of the owner's pods that is not known to be bound, by the pod's uid. A pod may be
            among them before it is seen here: the scheduler's watch can be ahead of ours.
        except_uid
            The pod that is being placed.
        """
        counts: Counter[str] = Counter()
        settled = {except_uid}
        for key in self._keys.get(owner_uid, ()):
            pod = self._state.pods[key]
            over = pod.finished or pod.terminating
            if pod.node_name is not None and not over and pod.uid != except_uid:
                counts[pod.node_name] += 1
            if pod.node_name is not None or over:
                settled.add(pod.uid)
        counts.update(node for uid, node in choices.items() if uid not in settled)
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
