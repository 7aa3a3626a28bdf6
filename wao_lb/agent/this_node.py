"""The Node object of the node that the agent runs on, as last known.

A Node object can be deleted while its machine still serves traffic, a new one lacks addresses and pod CIDRs until other
controllers fill them in, and cloud providers lose addresses for a while
(https://github.com/kubernetes/cloud-provider-openstack/issues/280). Packets must pass meanwhile, so what was known last
stays in use, as in kube-proxy (https://github.com/kubernetes/kubernetes/issues/111321).
"""

from __future__ import annotations

import logging
from typing import Any

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
        """Return the Node with the last known IP addresses and pod CIDRs where it states none."""
        kept: dict[str, Any] = {}
        if _has_ip(before) and not _has_ip(node):
            kept["addresses"] = before.addresses
        if before.pod_cidrs and not node.pod_cidrs:
            kept["pod_cidrs"] = before.pod_cidrs
        if kept:
            log.warning("Node %s states no %s; the last known ones stay in use", self.name, " and no ".join(kept))
        return msgspec.structs.replace(node, **kept)

    def ineligible(self) -> str | None:
        """Return why load balancers should not use this node, or None."""
        if self.known is None:
            return "there is no Node of this name: check --node-name"
        if self.known.terminating or any(taint.key == TO_BE_DELETED for taint in self.known.taints):
            return "the Node is about to be deleted"
        return None


def _has_ip(node: Node) -> bool:
    return any(kind in ("InternalIP", "ExternalIP") for kind, _ in node.addresses)
