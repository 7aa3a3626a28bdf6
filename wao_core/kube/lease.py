"""Leader election with a Lease of coordination.k8s.io, as in client-go's leaderelection package.

A Lease is taken over when its holder has not renewed it for its duration by the observer's own clock, so clocks need
not agree. On a graceful stop it is released, and a standby leads within one retry period.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wao_core.aio import BackgroundTasks, cancel, to_the_end
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import api_path
from wao_predict.timestamps import format_rfc3339

log = logging.getLogger(__name__)

Work = Mapping[str, Callable[[], Awaitable[object]]]
"""What the leader does, by the names of the tasks."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Durations in seconds; with client-go's 15, 10 and 2 a standby would lead 20 s after a crash instead of 17."""

    duration: float = 12.0
    renew_deadline: float = 8.0
    retry: float = 2.0


class LeaderElection:
    """Acquires one Lease and renews it, or waits for it.

    Parameters
    ----------
    identity
        The name of this replica; replicas must have different ones. Default: host name and process ID.
    clock
        Seconds.

    Attributes
    ----------
    leading, lost
        Events, one of which is always set.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str = "",
        *,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._clock = client, clock
        self._namespace, self._name = namespace, name
        self._identity = identity or f"{socket.gethostname()}_{os.getpid()}"
        self._path = api_path("coordination.k8s.io/v1", "leases", namespace=namespace)
        self._object = api_path("coordination.k8s.io/v1", "leases", namespace=namespace, name=name)
        self._times = times or LeaseTimes()
        self._seen: tuple[str, str] = ("", "")  # the last holder and renewTime
        self._seen_at = 0.0
        self._renewed_at = 0.0
        self.leading = asyncio.Event()
        self.lost = asyncio.Event()
        self.lost.set()

    def lead_alone(self) -> None:
        """Lead without a Lease, as the only replica."""
        self._renewed_at = math.inf
        self.leading.set()
        self.lost.clear()

    def holds(self) -> bool:
        """Return whether this replica certainly holds the Lease now: check it right before an act on the outside.

        A process that was paused may have lost the Lease before `lost` is set.
        """
        return self.leading.is_set() and self._clock() - self._renewed_at < self._times.renew_deadline

    async def run(self) -> None:
        """Acquire and renew the Lease until cancelled; cancelling it releases the Lease."""
        try:
            while True:
                await self._attempt()
                await asyncio.sleep(self._times.retry * (0.8 + 0.4 * random.random()))
        finally:
            if self.leading.is_set():
                self._lose("stopping")
                await to_the_end(self._release())

    async def _attempt(self) -> None:
        began = self._clock()  # the Lease runs from the request on, not from the answer
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                acquired = await self._acquire()
        except TimeoutError:
            acquired = False
            log.warning("lease %s/%s: no answer in time", self._namespace, self._name)
        except Exception as error:  # whatever the answer was, the next attempt may succeed
            acquired = False
            if not (isinstance(error, KubeError) and error.status_code == 409):
                log.warning("lease %s/%s: %s: %s", self._namespace, self._name, type(error).__name__, error)
        if acquired:
            self._renewed_at = began
            if not self.leading.is_set():
                log.info("leading: %s holds lease %s/%s", self._identity, self._namespace, self._name)
                self.lost.clear()
                self.leading.set()
        elif self.leading.is_set() and self._clock() - self._renewed_at > self._times.renew_deadline:
            self._lose("the lease could not be renewed in time")

    def _lose(self, why: str) -> None:
        log.info("no longer leading: %s", why)
        self.leading.clear()
        self.lost.set()

    async def _acquire(self) -> bool:
        """Take or renew the Lease; return whether this replica holds it."""
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
        await self._client.send("PUT", self._object, body=lease)  # a conflict if another replica was faster
        return True

    def _expired(self, holder: str, spec: dict[str, Any]) -> bool:
        seen = (holder, str(spec.get("renewTime")))
        now = self._clock()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at > float(spec.get("leaseDurationSeconds") or self._times.duration)

    def _spec(self, old: dict[str, Any], *, taken: bool) -> dict[str, Any]:
        now = format_rfc3339(time.time(), microseconds=True)
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
        except Exception as error:
            log.warning(
                "lease %s/%s was not released: %s: %s", self._namespace, self._name, type(error).__name__, error
            )


def lead(tasks: BackgroundTasks, election: LeaderElection, work: Work, *, elect: bool = True) -> None:
    """Supervise all of `work` whenever this replica leads; without `elect` it is the only one and always leads."""
    if elect:
        tasks.supervise("leader-election", election.run)
    else:
        election.lead_alone()
    tasks.supervise("leader-work", lambda: while_leading(election, tasks, work))


async def while_leading(election: LeaderElection, tasks: BackgroundTasks, work: Work) -> None:
    """Run all of `work` as supervised tasks whenever we lead, and cancel it when the Lease is lost."""
    while True:
        await election.leading.wait()
        running = [tasks.supervise(name, each) for name, each in work.items()]
        try:
            await election.lost.wait()
        finally:
            await cancel(*running)
