"""The extender as an application with a client, and the requests of kube-scheduler."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from tests.fakes.sources import FakeSource
from tests.waiting import until
from wao_core.cluster.records import Kind, Pod
from wao_core.cluster.state import ClusterState
from wao_core.serving.frame import ServerFrame
from wao_scheduler.app import create_app
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine


class Extender:
    """The app, its source with the waiting pods p and q, and a client."""

    def __init__(self, state: ClusterState | None = None, **settings: Any) -> None:
        self.source = FakeSource(state or ClusterState())
        for name in ("p", "q"):
            self.source.state.put(Kind.POD, Pod(name=name, namespace="default", uid=f"uid-{name}"))
        self.engine = DecisionEngine(self.source.state, parse_settings(settings))
        self.frame = ServerFrame("scheduler")
        self.registry = self.frame.registry
        self.app = create_app(self.engine, self.source, self.frame)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://extender")

    async def post(self, path: str, body: Any) -> httpx2.Response:
        answer = await self.client.post(path, content=body if isinstance(body, bytes) else json.dumps(body))
        await asyncio.sleep(0)
        await until(lambda: self.frame.tasks.running == 0)
        return answer


def args(*names: str, name: str = "p", **metadata: Any) -> dict[str, Any]:
    containers = [{"resources": {"requests": {"cpu": "1"}}}]
    pod = {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **metadata},
        "spec": {"containers": containers},
    }
    return {"Pod": pod, "Nodes": None, "NodeNames": list(names)}
