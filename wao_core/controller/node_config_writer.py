"""Applies and deletes NodeConfigs."""

from __future__ import annotations

import time
from collections.abc import Callable

from wao_core.cluster.names import API_VERSION, FIELD_MANAGER, GROUP, MAX_LABEL, shortened
from wao_core.cluster.records import NodeConfigTemplate
from wao_core.cluster.state import ClusterState
from wao_core.controller.diff import OWNER_KIND, NodeConfigChanges
from wao_core.crds.desired import DesiredNodeConfig
from wao_core.kube.client import KubeClient
from wao_core.kube.object_writer import ObjectWriter
from wao_core.kube.resources import NODE_CONFIGS

CONCURRENT_REQUESTS = 16


class NodeConfigWriter:
    """Writes NodeConfigs, and does not repeat a write before the watch can have delivered it.

    Parameters
    ----------
    state
        The templates, which own their NodeConfigs.
    clock
        Seconds.
    """

    def __init__(self, state: ClusterState, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._objects: ObjectWriter[object] = ObjectWriter(
            client, NODE_CONFIGS, manager=FIELD_MANAGER, concurrency=CONCURRENT_REQUESTS, clock=clock
        )
        self.delivered = self._objects.delivered

    async def write(self, changes: NodeConfigChanges) -> int:
        """Apply and delete, and return the number of failed requests, which are logged."""
        undelivered = self._objects.undelivered()
        due = [item for item in changes.apply if undelivered.get(item.key) != item.spec]
        requests = [self._apply(item) for item in due] + [self._objects.delete(key) for key in changes.delete]
        return await self._objects.send(requests)

    async def _apply(self, wanted: DesiredNodeConfig) -> None:
        record = wanted.record
        template = self._state.node_config_templates.get(wanted.template)
        if template is None:  # deleted since the comparison
            return
        body = {
            "apiVersion": API_VERSION,
            "kind": "NodeConfig",
            "metadata": {
                "name": record.name,
                "namespace": record.namespace,
                "labels": {f"{GROUP}/template": shortened(template.name, MAX_LABEL)},
                "ownerReferences": [_owner_reference(template)],
            },
            "spec": wanted.spec,
        }
        await self._objects.apply(wanted.key, body, wanted.spec)


def _owner_reference(template: NodeConfigTemplate) -> dict[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": OWNER_KIND,
        "name": template.name,
        "uid": template.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
