"""Which pods belong to which ReplicaSet or StatefulSet, kept up to date so that no decision scans all pods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from wao_core.records import Kind, Pod
from wao_core.state import Change, ClusterState


class OwnerIndex:
    """The keys of pods by their owner's uid."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._keys: defaultdict[str, set[str]] = defaultdict(set)
        for key, pod in state.pods.items():
            self._link(key, pod)
        self.close = state.subscribe([Kind.POD], self._observe)

    def placed(self, owner_uid: str, *, chosen: Callable[[str], str | None], except_uid: str = "") -> Counter[str]:
        """Count the owner's pods per node name, without finished and ending ones.

        Parameters
        ----------
        chosen
            Gives the node assumed for the uid of a pod that is not bound yet, or None.
        except_uid
            The pod that is being placed.
        """
        counts: Counter[str] = Counter()
        for key in self._keys.get(owner_uid, ()):
            pod = self._state.pods[key]
            node = pod.node_name or chosen(pod.uid)
            if node is not None and pod.uid != except_uid and not pod.finished and not pod.terminating:
                counts[node] += 1
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
