"""Applies and deletes NodeConfigs: server-side apply, a bounded number of requests at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from wao_core.cluster.names import FIELD_MANAGER, GROUP, VERSION
from wao_core.cluster.records import NodeConfigTemplate
from wao_core.cluster.state import ClusterState
from wao_core.controller.diff import OWNER_KIND, NodeConfigChanges
from wao_core.crds.desired import DesiredNodeConfig
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import NODE_CONFIGS

log = logging.getLogger(__name__)

CONCURRENT_REQUESTS = 16
WATCH_DELAY = 5.0
"""Seconds in which a write that the watch has not delivered yet is not repeated."""


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
        self._state, self._client, self._clock = state, client, clock
        self._undelivered: dict[str, tuple[object, float]] = {}  # key -> spec and time of the write

    def delivered(self, key: str) -> None:
        """Note that the watch has delivered a change of this NodeConfig."""
        self._undelivered.pop(key, None)

    async def write(self, changes: NodeConfigChanges) -> int:
        """Apply and delete, and return the number of failed requests, which are logged."""
        gate = asyncio.Semaphore(CONCURRENT_REQUESTS)
        now = self._clock()
        due = [item for item in changes.apply if not self._is_undelivered(item, now)]
        requests = [self._apply(item) for item in due] + [self._delete(key) for key in changes.delete]
        failed = sum(await asyncio.gather(*(_guarded(gate, request) for request in requests)))
        self._forget_old()
        return failed

    def _is_undelivered(self, wanted: DesiredNodeConfig, now: float) -> bool:
        held = self._undelivered.get(wanted.key)
        return held is not None and held[0] == wanted.spec and now - held[1] < WATCH_DELAY

    async def _apply(self, wanted: DesiredNodeConfig) -> None:
        record = wanted.record
        template = self._state.node_config_templates.get(wanted.template)
        if template is None:  # deleted since the comparison
            return
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NodeConfig",
            "metadata": {
                "name": record.name,
                "namespace": record.namespace,
                "labels": {f"{GROUP}/template": template.name[:63]},
                "ownerReferences": [_owner_reference(template)],
            },
            "spec": wanted.spec,
        }
        key = wanted.key
        self._undelivered[key] = (wanted.spec, self._clock())  # first: the watch may be faster than the response
        try:
            await self._client.apply(NODE_CONFIGS.path(record.namespace, record.name), body, manager=FIELD_MANAGER)
        except KubeError:
            self._undelivered.pop(key, None)
            raise

    async def _delete(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            await self._client.send("DELETE", NODE_CONFIGS.path(namespace, name))
        except KubeError as error:
            if error.status_code != 404:
                raise

    def _forget_old(self) -> None:
        now = self._clock()
        self._undelivered = {key: held for key, held in self._undelivered.items() if now - held[1] < WATCH_DELAY}


async def _guarded(gate: asyncio.Semaphore, request: Coroutine[Any, Any, None]) -> bool:
    """Return whether the request failed."""
    async with gate:
        try:
            await request
        except KubeError as error:
            log.warning("a NodeConfig was not written: %s", error)
            return True
    return False


def _owner_reference(template: NodeConfigTemplate) -> dict[str, object]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": OWNER_KIND,
        "name": template.name,
        "uid": template.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
