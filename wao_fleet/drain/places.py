"""On which nodes a Pod may run, by its own rules and the taints of the nodes. Pure.

Source: the filters NodeAffinity, TaintToleration and NodeUnschedulable of kube-scheduler. Resources do not count here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wao_core.cluster.records import Node, Taint
from wao_core.cluster.selector import satisfies
from wao_fleet.drain.pods import FleetPod, NodeTerm, Requirement, Toleration

_HARD = ("NoSchedule", "NoExecute")
_OPERATORS = {"Gt": ">", "Lt": "<"}


def may_run_on(pod: FleetPod, node: Node) -> bool:
    """Return whether a Pod may be scheduled on a node, apart from resources and from rules about other Pods.

    Examples
    --------
    >>> pod = FleetPod(name="a", namespace="n", node_selector={"disk": "ssd"})
    >>> may_run_on(pod, Node(name="x", labels={"disk": "ssd"})), may_run_on(pod, Node(name="y"))
    (True, False)
    """
    if node.unschedulable or node.terminating or not node.ready:
        return False
    if any(node.labels.get(key) != value for key, value in pod.node_selector.items()):
        return False
    if pod.node_terms is not None and not matches_terms(pod.node_terms, node):
        return False
    return all(tolerates(pod, taint) for taint in node.taints if taint.effect in _HARD)


def matches_terms(terms: Iterable[NodeTerm], node: Node) -> bool:
    """Return whether a node satisfies one of the terms of a required node affinity; no terms match no node."""
    return any(_term_matches(term, node) for term in terms)


def tolerates(pod: FleetPod, taint: Taint) -> bool:
    """Return whether a Pod has a toleration for a taint."""
    return any(_covers(toleration, taint) for toleration in pod.tolerations)


def _covers(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator in ("", "Equal") and toleration.value == taint.value


def _term_matches(term: NodeTerm, node: Node) -> bool:
    """Return whether all requirements of a term are satisfied; an empty term matches no node."""
    requirements = [(item, node.labels) for item in term.match_expressions]
    requirements += [(item, {"metadata.name": node.name}) for item in term.match_fields]
    return bool(requirements) and all(_satisfied(item, values) for item, values in requirements)


def _satisfied(item: Requirement, values: Mapping[str, str]) -> bool:
    return satisfies(values.get(item.key), _OPERATORS.get(item.operator, item.operator), item.values)
