"""The pods that run on measured nodes, for simulations. Pure.

Only the CPU use of nodes is measured. A node's use is shared among its pods by their requests, at most what each
requests; the rest, and the part of pods that belong to the node, is the node's base load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from wao_core.cluster.names import EVICTABLE
from wao_core.cluster.records import Pod
from wao_predict.arrays import FloatArray
from wao_predict.simulate.fleet_documents import PresentPods


def running_pods(
    pods: Iterable[Pod], rows: Mapping[str, int], usage_cores: FloatArray, cpu: Callable[[Pod], float], now: float
) -> PresentPods:
    """Return the pods of some nodes, without those that belong to a node.

    Parameters
    ----------
    pods
        All pods.
    rows
        Row of each node by name.
    usage_cores
        CPU use of each node [cores], shape (n_nodes,).
    cpu
        Returns the CPU request of a pod, or what counts for one without [cores].
    now
        The time [s since the epoch].
    """
    placed = [pod for pod in pods if pod.node_name in rows and not pod.finished]
    node = np.array([rows[pod.node_name or ""] for pod in placed], dtype=np.int64)
    request = np.array([cpu(pod) for pod in placed], dtype=np.float64)
    requested = np.bincount(node, weights=request, minlength=len(rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(requested > 0, np.minimum(usage_cores / requested, 1.0), 0.0)
    kept = np.array([not pod.tied_to_node for pod in placed], dtype=np.bool_)
    return PresentPods(
        node=node[kept],
        request=request[kept],
        use=(request * share[node])[kept],
        age=np.array([_age(pod, now) for pod in placed], dtype=np.float64)[kept],
        movable=np.array([_may_move(pod) for pod in placed], dtype=np.bool_)[kept],
    )


def _may_move(pod: Pod) -> bool:
    """Return whether a pod would be created again elsewhere without loss; volumes and budgets are not looked at."""
    if pod.owner is None or pod.owner.kind == "Job":
        return False
    return not pod.tied_to_node and pod.annotations.get(EVICTABLE) != "false"


def _age(pod: Pod, now: float) -> float:
    since = next((time for time in (pod.started_at, pod.scheduled_at, pod.created) if time is not None), now)
    return max(now - since, 0.0)
