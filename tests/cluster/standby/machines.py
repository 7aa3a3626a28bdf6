"""Servers outside the control plane: a mock BMC each, and a kubelet that lives and dies with its server's power.

The kubelets are our own, because the heartbeats of one kwok node cannot be stopped: they renew the Lease, report the
node Ready, and remove Pods that are to end. When the BMC states Off, all of that stops without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.cluster.bed.certificates import Pair
from tests.cluster.bed.client import Client
from tests.cluster.bed.controlplane import node
from tests.cluster.bed.program import BedError
from tests.fakes.power_bmcs import ROOT, documents
from wao_predict.testing import MockBmc
from wao_predict.timestamps import format_rfc3339

SYSTEM = f"{ROOT}/Systems/1"
BOOT = 6.0
"""Seconds from On to the first heartbeat."""
BEAT = 2.0
"""Seconds between two heartbeats."""
LOGIN = ("operator", "hunter2")
LABEL, BMC = "bed.wao/server", "example.com/bmc"


class Power(dict[str, str]):
    """Power states of a BMC's Systems. While it `hangs`, the server is to shut down, and goes on running."""

    hangs = False

    def __setitem__(self, system: str, state: str) -> None:
        if not (self.hangs and state == "Off"):
            super().__setitem__(system, state)


@dataclass
class Machine:
    """One server. `boots` false: its BMC follows On, and nothing more happens. `lies`: its BMC states Off of a server
    that runs.
    """

    name: str
    bmc: MockBmc
    cores: int = 32
    boots: bool = True
    lies: bool = False
    alive: bool = True
    on_since: float = 0.0
    beaten: float = 0.0
    beats: int = 0

    def hang(self) -> None:
        """Let the next shutdown take until `halt`."""
        assert isinstance(self.bmc.power_states, Power)
        self.bmc.power_states.hangs = True

    def halt(self) -> None:
        """Complete the shutdown."""
        assert isinstance(self.bmc.power_states, Power)
        self.bmc.power_states.hangs = False
        self.bmc.power_states[SYSTEM] = "Off"

    @property
    def on(self) -> bool:
        """Whether the server has power."""
        return self.lies or self.bmc.power_states.get(SYSTEM, "On") == "On"


class Machines:
    """Use as `with`: BMCs on loopback over TLS in one thread, kubelets in another.

    Their Nodes have the label `LABEL`, and host and port of their BMC in the annotation `BMC`.

    Parameters
    ----------
    cores
        CPU of each machine.
    """

    def __init__(self, cores: Sequence[int], pair: Pair, client: Client, *, prefix: str = "n") -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pair.certificate, pair.key)
        self._client = client
        self.machines = {
            name: Machine(name, MockBmc(documents("1"), credentials=LOGIN, power_states=Power()), each)
            for name, each in ((f"{prefix}{number}", each) for number, each in enumerate(cores))
        }
        self._started: Future[None] = Future()
        self._end = asyncio.Event()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=lambda: asyncio.run(self._serve())),
            threading.Thread(target=self._live),
        ]

    def __enter__(self) -> Machines:
        self._threads[0].start()
        self._started.result(30)
        for name, machine in self.machines.items():
            annotations = {BMC: machine.bmc.url.partition("://")[2]}
            body = node(name, cores=machine.cores, labels={LABEL: ""}, annotations=annotations)
            self._client.create("/api/v1/nodes", body)
        self._threads[1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._loop.call_soon_threadsafe(self._end.set)
        for thread in self._threads:
            thread.join()

    def stop_bmc(self, name: str) -> None:
        """Let a BMC die: its connections end, and new ones are refused."""
        asyncio.run_coroutine_threadsafe(self.machines[name].bmc.stop(), self._loop).result(30)

    def start_bmc(self, name: str) -> None:
        """Let a BMC return, on the port that it had."""
        bmc = self.machines[name].bmc
        port = int(bmc.url.rpartition(":")[2])
        asyncio.run_coroutine_threadsafe(bmc.start(port=port, tls=self._tls), self._loop).result(30)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            try:
                for machine in self.machines.values():
                    await machine.bmc.start(tls=self._tls)
                    stack.push_async_callback(machine.bmc.stop)
            except OSError as error:
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            await self._end.wait()

    def _live(self) -> None:
        while not self._ended.wait(0.2):
            for machine in self.machines.values():
                # the API server may be away: a kubelet goes on
                with contextlib.suppress(BedError, httpx2.HTTPError):
                    self._tick(machine, time.monotonic())

    def _tick(self, machine: Machine, now: float) -> None:
        if not machine.on:
            machine.alive, machine.on_since = False, 0.0
            return
        machine.on_since = machine.on_since or now
        if not machine.alive:
            machine.alive = machine.boots and now - machine.on_since >= BOOT
        if machine.alive and now - machine.beaten >= BEAT:
            machine.beaten = now
            machine.beats += 1
            self._beat(machine.name, machine.cores)

    def _beat(self, name: str, cores: int) -> None:
        """Renew the Lease, report the node Ready, run its Pods, and let those that are to end be gone."""
        stamp = format_rfc3339(time.time(), microseconds=True)
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": stamp}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        if self._client.create(path, lease) is None:
            self._client.patch(f"{path}/{name}", {"spec": spec})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": stamp[:19] + "Z"}
        status: dict[str, Any] = {**node(name, cores=cores)["status"], "conditions": [ready]}
        self._client.patch(f"/api/v1/nodes/{name}/status", {"status": status})
        for pod in self._client.get(f"/api/v1/pods?fieldSelector=spec.nodeName={name}")["items"]:
            metadata = pod["metadata"]
            target = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
            if metadata.get("deletionTimestamp"):
                self._client.request("DELETE", target, {"gracePeriodSeconds": 0})
            elif pod["status"].get("phase") == "Pending":
                self._client.patch(f"{target}/status", {"status": {"phase": "Running"}})
