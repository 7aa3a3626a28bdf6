"""A small cluster for the parts of standby that do I/O: an API server, and a server that can be switched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from tests.fakes.fleet_api import FleetApi
from tests.fakes.statuses import StatusSource
from tests.wao_core.kube.scripted import client_of
from wao_core.cluster.records import Kind, NodeConfig, Standby
from wao_core.cluster.source import Secret
from wao_core.collector.endpoints import EndpointAccess
from wao_core.kube.client import KubeClient
from wao_core.source.decoders import decode_object
from wao_fleet.drain.pods import decode_fleet_pod
from wao_fleet.standby.power.switches import Switches
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.sequences import Sequences, Task
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError
from wao_predict.redfish.power_control import PowerState

STANDBY = Standby(method="Redfish", bmc=Endpoint("Redfish", "https://bmc", "w/power"))
ALLOCATABLE = {"cpu": "32", "memory": "64Gi", "pods": "110"}


class FakeSwitch:
    """A server that follows resets at once, until `away` is set or `obeys` is not."""

    acts = True

    def __init__(self, *, observes: bool = True) -> None:
        self.observes, self.away, self.obeys = observes, False, True
        self.state = PowerState.ON
        self.resets: list[str] = []
        self.reads = 0

    async def read(self) -> PowerState | None:
        self.reads += 1
        self._check()
        return self.state if self.observes else None

    async def switch_on(self) -> None:
        self._reset("on", PowerState.ON)

    async def shut_down(self) -> None:
        self._reset("shut down", PowerState.OFF)

    async def force_off(self) -> None:
        self._reset("force off", PowerState.OFF)

    def _reset(self, kind: str, state: PowerState) -> None:
        self._check()
        self.resets.append(kind)
        if self.obeys:
            self.state = state

    def _check(self) -> None:
        if self.away:
            raise RemoteError("https://bmc: no answer", endpoint="https://bmc")


class FakeSwitches(Switches):
    """One switch for each node."""

    def __init__(self, switch: FakeSwitch) -> None:
        super().__init__(self._no_secret, EndpointAccess())
        self.switch = switch

    def of(self, node: str, standby: Standby) -> FakeSwitch:
        return self.switch

    @staticmethod
    async def _no_secret(namespace: str, name: str) -> Secret | None:
        return None


class StandbyApi(FleetApi):
    """The API server, with what standby reads in addition.

    Attributes
    ----------
    volumes
        PersistentVolumes.
    node_configs
        NodeConfigs by name.
    broken
        Paths that answer 500.
    """

    def __init__(self) -> None:
        super().__init__()
        self.node_configs: dict[str, dict[str, Any]] = {}
        self.volumes: list[dict[str, Any]] = []
        self.broken: set[str] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.broken:
            return web.json_response({"kind": "Status", "message": "broken"}, status=500)
        if request.path == "/api/v1/pods":
            name = request.query["fieldSelector"].removeprefix("spec.nodeName=")
            items = [pod for pod in self.pods.values() if pod.get("spec", {}).get("nodeName") == name]
            return web.json_response({"kind": "PodList", "metadata": {}, "items": items})
        if request.path == "/api/v1/nodes":
            return web.json_response({"items": list(self.nodes.values())})
        if request.path == "/api/v1/persistentvolumes":
            return web.json_response({"items": self.volumes})
        if "nodeconfigs" in request.path:
            return await self._node_config(request)
        return await super().handle(request)

    async def _node_config(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if request.method == "PATCH":
            patch = json.loads(await request.read())
            self.node_configs[name]["metadata"].setdefault("annotations", {}).update(patch["metadata"]["annotations"])
            return web.json_response({})
        return web.json_response({"kind": "NodeConfigList", "items": list(self.node_configs.values())})


class Bed:
    """One node, its NodeConfig and its sequences; `now` is both clocks."""

    def __init__(self, client: KubeClient, api: StandbyApi, switch: FakeSwitch) -> None:
        self.client, self.api, self.switch = client, api, switch
        self.now = 1_000_000.0
        self.holds_lease: Callable[[], bool] = lambda: True
        self.config = NodeConfig(name="c", namespace="w", uid="c", node_name="n1", standby=STANDBY)
        self.source = StatusSource()
        self.restart()
        self.heartbeat(1)

    def restart(self) -> None:
        """Begin with a controller that knows nothing."""
        clocks = {"clock": lambda: self.now, "wall_clock": lambda: self.now}
        self.book = ProgressBook(self.source, **clocks)  # type: ignore[arg-type]
        self.switches = FakeSwitches(self.switch)
        permitted = {"permitted": lambda: self.holds_lease()}
        self.sequences = Sequences(self.source, self.client, self.switches, self.book, **permitted, **clocks)  # type: ignore[arg-type]

    def standby(self, **fields: Any) -> None:
        """Change `spec.standby` of the NodeConfig."""
        self.config = msgspec.structs.replace(self.config, standby=msgspec.structs.replace(STANDBY, **fields))

    def heartbeat(self, number: int, *, ready: bool = True) -> None:
        """Let the kubelet report, or be missed."""
        node = self.api.nodes["n1"]
        ready_now = {"type": "Ready", "status": str(ready), "lastHeartbeatTime": f"2026-11-29T10:00:{number:02}Z"}
        node["status"] = {"allocatable": ALLOCATABLE, "conditions": [ready_now]}

    def observe(self) -> None:
        """Bring the watched state up to date."""
        self.source.state.replace(Kind.NODE, [decode_object("Node", item) for item in self.api.nodes.values()])
        pods = [decode_fleet_pod(json.dumps(item).encode()) for item in self.api.pods.values()]
        self.source.state.replace(Kind.POD, pods)
        self.source.state.replace(Kind.NODE_CONFIG, [self.config])

    async def advance(self, seconds: float = 15.0, **fields: Any) -> str:
        """Let some time pass, take one step, and return the phase."""
        self.now += seconds
        self.observe()
        await self.book.load(self.config)
        here = [pod for pod in self.source.state.pods.values() if pod.node_name == "n1"]
        given = {"node": self.source.state.nodes["n1"], "pods": here, **fields}
        await self.sequences.advance(Task("n1", config=self.config, **given))
        progress = self.book.get(self.config)
        return "" if progress is None else progress.phase.value

    @property
    def power(self) -> str:
        """The power state of the server."""
        return self.switch.state.value

    @property
    def node(self) -> dict[str, Any]:
        return self.api.nodes["n1"]

    @property
    def reasons(self) -> list[str]:
        return [reason for reason, _ in self.source.events]


@asynccontextmanager
async def standby_bed(switch: FakeSwitch | None = None) -> AsyncIterator[Bed]:
    """Serve the API, and yield a bed with one node."""
    api = StandbyApi()
    api.add_node("n1")
    async with client_of(api.handle) as client:
        yield Bed(client, api, switch or FakeSwitch())


def add_pod(api: FleetApi, name: str, *, kind: str = "ReplicaSet") -> None:
    """Put a Pod on the node."""
    owner = {"kind": kind, "name": "r", "uid": "r", "controller": True}
    api.add_pod(f"d/{name}", spec={"nodeName": "n1", "containers": [{"name": "c"}]}, status={"phase": "Running"})
    api.pods[f"d/{name}"]["metadata"]["ownerReferences"] = [owner]
