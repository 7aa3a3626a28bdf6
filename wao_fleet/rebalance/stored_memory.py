"""Keeps the memory of the rebalancer in a ConfigMap, so that it survives a restart and a change of the leader."""

from __future__ import annotations

import logging

from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient, object_of
from wao_core.kube.resources import api_path
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.settings import COMPONENT

log = logging.getLogger("wao.rebalance")

KEY = "memory.json"


class StoredMemory:
    """One ConfigMap with a memory.

    Parameters
    ----------
    namespace
        Its namespace.
    memory
        The memory that is read and written.
    """

    def __init__(self, client: KubeClient, namespace: str, memory: Memory) -> None:
        self._client, self._memory = client, memory
        self._path = api_path("v1", "configmaps", namespace=namespace, name=COMPONENT)
        self._namespace = namespace
        self._stored = ""

    async def load(self) -> bool:
        """Read the memory, empty if there is no ConfigMap; return False, logged, if it cannot be read."""
        try:
            found = object_of(await self._client.get(self._path), "ConfigMap", self._path)
        except SourceError as error:
            if error.status_code != 404:
                log.warning("the memory was not read: %s", error)
                return False
            found = {}
        self._stored = str((found.get("data") or {}).get(KEY) or "")
        known = Memory.from_json(self._stored) if self._stored else Memory()
        memory = self._memory
        memory.workloads, memory.nodes, memory.pace = known.workloads, known.nodes, known.pace
        return True

    async def save(self) -> None:
        """Write the memory if it changed; a failure is logged."""
        text = self._memory.to_json()
        if text == self._stored:
            return
        metadata = {"name": COMPONENT, "namespace": self._namespace, "labels": {"app.kubernetes.io/part-of": "wao"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
        try:
            await self._client.apply(self._path, body, manager=COMPONENT)
            self._stored = text
        except SourceError as error:
            log.warning("the memory was not written, a restart would forget it: %s", error)
