"""Leader election with a Lease of coordination.k8s.io, as client-go does it: who holds the Lease leads.

A Lease is taken over when its holder has not renewed it for its duration, by this observer's clock; clocks need not
agree. On a graceful stop it is released, so that a standby leads within one retry period.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import api_path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Durations in seconds. Shorter than client-go's 15, 10 and 2: a standby leads within 17 s of a crash, not 20."""

    duration: float = 12.0
    renew_deadline: float = 8.0
    retry: float = 2.0


class LeaderElection:
    """Holds one Lease, or waits for it.

    Parameters
    ----------
    identity
        Who we are; must differ between replicas.
    """

    def __init__(
        self, client: KubeClient, namespace: str, name: str, identity: str, *, times: LeaseTimes | None = None
    ) -> None:
        self._client = client
        self._namespace, self._name, self._identity = namespace, name, identity
        self._path = api_path("coordination.k8s.io/v1", "leases", namespace=namespace)
        self._object = api_path("coordination.k8s.io/v1", "leases", namespace=namespace, name=name)
        self._times = times or LeaseTimes()
        self._seen: tuple[str, str] = ("", "")  # holder and renewTime last seen, and since when
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self.leading = asyncio.Event()
        self.lost = asyncio.Event()
        self.lost.set()

    async def run(self) -> None:
        """Try to hold the Lease for ever; `leading` is set while we do. Cancelling it releases the Lease."""
        try:
            while True:
                await self._attempt()
                await asyncio.sleep(self._times.retry * (0.8 + 0.4 * random.random()))
        finally:
            if self.leading.is_set():
                self._lose("stopping")
                await asyncio.shield(asyncio.create_task(self._release()))

    async def _attempt(self) -> None:
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                held = await self._hold()
        except (KubeError, TimeoutError) as error:
            held = False
            if not (isinstance(error, KubeError) and error.status_code == 409):
                log.warning("lease %s/%s: %s", self._namespace, self._name, error or "no answer in time")
        now = time.monotonic()
        if held:
            self._renewed_at = now
            if not self.leading.is_set():
                log.info("leading: %s holds lease %s/%s", self._identity, self._namespace, self._name)
                self.lost.clear()
                self.leading.set()
        elif self.leading.is_set() and now - self._renewed_at > self._times.renew_deadline:
            self._lose("the lease could not be renewed in time")

    def _lose(self, why: str) -> None:
        log.info("no longer leading: %s", why)
        self.leading.clear()
        self.lost.set()

    async def _hold(self) -> bool:
        """Take or renew the Lease; True when we hold it now."""
        try:
            lease = msgspec.json.decode(await self._client.get(self._object))
        except KubeError as error:
            if error.status_code != 404:
                raise
            metadata = {"name": self._name, "namespace": self._namespace}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
            await self._client.send("POST", self._path, body={**body, "spec": self._spec({}, taken=True)})
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder not in ("", self._identity) and not self._expired(holder, spec):
            if self.leading.is_set():
                self._lose(f"{holder} holds the lease")
            return False
        lease["spec"] = self._spec(spec, taken=holder != self._identity)
        await self._client.send("PUT", self._object, body=lease)  # resourceVersion guards the race
        return True

    def _expired(self, holder: str, spec: dict[str, Any]) -> bool:
        seen = (holder, str(spec.get("renewTime")))
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at > float(spec.get("leaseDurationSeconds") or self._times.duration)

    def _spec(self, old: dict[str, Any], *, taken: bool) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        transitions = int(old.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._times.duration)),
            "acquireTime": now if taken else old.get("acquireTime") or now,
            "renewTime": now,
            "leaseTransitions": transitions + 1 if taken and old else transitions,
        }

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(3.0):
                lease = msgspec.json.decode(await self._client.get(self._object))
                if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                    lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._client.send("PUT", self._object, body=lease)
        except (KubeError, TimeoutError) as error:
            log.warning("lease %s/%s was not released: %s", self._namespace, self._name, error or "no answer in time")
