"""The Node object of the node that the agent runs on, as last known.

A Node object can be deleted while its machine still serves traffic, and a new one lacks addresses and pod CIDRs until
other controllers fill them in. Packets must pass meanwhile, so what was known last stays in use, as in kube-proxy
(https://github.com/kubernetes/kubernetes/issues/111321).
"""

from __future__ import annotations

import logging

import msgspec

from wao_core.cluster.records import Node

log = logging.getLogger(__name__)

TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"


class ThisNode:
    """The last known Node of one name.

    Parameters
    ----------
    name
        Name of the Node.
    node
        Its current record, None if there is none.
    """

    def __init__(self, name: str, node: Node | None) -> None:
        self.name = name
        self.known = node
        self._deleted = False

    def update(self, node: Node | None) -> None:
        """Apply a change of the Node; None if it was deleted."""
        if node is None:
            self._deleted = True
            log.warning("Node %s was deleted; its last known addresses and pod CIDRs stay in use", self.name)
            return
        if self._deleted:
            self._deleted = False
            log.info("Node %s exists again", self.name)
        self.known = node if self.known is None else self._completed(node, self.known)

    def _completed(self, node: Node, before: Node) -> Node:
        """Return the Node with the last known addresses and pod CIDRs where it states none."""
        lost = [field for field in ("addresses", "pod_cidrs") if getattr(before, field) and not getattr(node, field)]
        if not lost:
            return node
        log.warning("Node %s states no %s; the last known ones stay in use", self.name, " and ".join(lost))
        return msgspec.structs.replace(node, **{field: getattr(before, field) for field in lost})

    def ineligible(self) -> str | None:
        """Return why load balancers should not use this node, or None."""
        if self.known is None:
            return "there is no Node of this name: check --node-name"
        if self.known.terminating or TO_BE_DELETED in self.known.taint_keys:
            return "the Node is about to be deleted"
        return None
