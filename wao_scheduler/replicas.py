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

    def placed(self, owner: str, choices: Mapping[str, str], *, except_pod: str = "") -> Counter[str]:
        """Return the number of a controller's pods by node name, without finished and terminating pods.

        Parameters
        ----------
        owner
            The controller, as `Pod.owner_identity`.
        choices
            The chosen node of each pod of the controller that is not known to be bound, by `Pod.identity`. It may
            contain pods that are not in the state yet, because the scheduler's watch can be ahead of ours.
        except_pod
            The pod that is being placed, as `Pod.identity`.
        """
        counts: Counter[str] = Counter()
        counted = {except_pod}
        for key in self._keys.get(owner, ()):
            pod = self._state.pods[key]
            over = pod.finished or pod.terminating
            if pod.node_name is not None and not over and pod.identity != except_pod:
                counts[pod.node_name] += 1
            if pod.node_name is not None or over:
                counted.add(pod.identity)
        counts.update(node for chosen, node in choices.items() if chosen not in counted)
        return counts

    def _observe(self, change: Change) -> None:
        if isinstance(change.old, Pod) and change.old.owner is not None:
            owner = change.old.owner_identity
            self._keys[owner].discard(change.key)
            if not self._keys[owner]:
                del self._keys[owner]
        if isinstance(change.new, Pod):
            self._link(change.key, change.new)

    def _link(self, key: str, pod: Pod) -> None:
        if pod.owner is not None:
            self._keys[pod.owner_identity].add(key)
