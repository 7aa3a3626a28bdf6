"""Writes of NodeConfigs: their content, and when a write is not repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tests.fakes.templates import template
from wao_core.cluster.records import Kind, NodeConfig, key_of
from wao_core.cluster.state import ClusterState
from wao_core.controller.diff import NodeConfigChanges
from wao_core.controller.node_config_writer import NodeConfigWriter
from wao_core.crds.desired import DesiredNodeConfig
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.object_writer import WATCH_DELAY


class Api:
    """Keeps the requests; raises `errors` by name."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Mapping[str, Any]] = []
        self.managers: list[str] = []
        self.errors: dict[str, KubeError] = {}

    async def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> bytes:
        self.bodies.append(body)
        self.managers.append(manager)
        return await self.send("APPLY", path)

    async def send(self, method: str, path: str) -> bytes:
        self.requests.append((method, path))
        name = path.rpartition("/")[2]
        if name in self.errors:
            raise self.errors[name]
        return b""


class Bench:
    """A writer over a fake API server, with a template that owns what is written."""

    def __init__(self) -> None:
        self.api, self.state, self.now = Api(), ClusterState(), 0.0
        self.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t"))
        self.writer = NodeConfigWriter(self.state, cast(KubeClient, self.api), clock=lambda: self.now)

    async def apply(self, *wanted: DesiredNodeConfig) -> int:
        return await self.writer.write(NodeConfigChanges(apply=wanted))


def wanted(name: str = "a", *, template: str = "w/t", **spec: Any) -> DesiredNodeConfig:
    record = NodeConfig(name=name, namespace="w", node_name=name)
    return DesiredNodeConfig(record, {"nodeName": name, **spec}, template, key_of(record))


async def test_what_is_applied_has_the_spec_and_its_template_as_owner() -> None:
    bench = Bench()
    assert await bench.apply(wanted()) == 0
    path = "/apis/node.waok8s.github.io/v1beta1/namespaces/w/nodeconfigs/a"
    assert bench.api.requests == [("APPLY", path)]
    (body,) = bench.api.bodies
    assert body["spec"] == {"nodeName": "a"}
    assert body["metadata"]["labels"] == {"node.waok8s.github.io/template": "t"}
    (owner,) = body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("NodeConfigTemplate", "t", True)
    assert bench.api.managers == ["wao-controller"]


async def test_the_label_of_a_template_with_a_long_name_is_a_label_value() -> None:
    bench, long = Bench(), "a" * 62 + ".rack-1"
    bench.state.put(Kind.NODE_CONFIG_TEMPLATE, template(long))
    assert await bench.apply(wanted(template=f"w/{long}")) == 0
    (body,) = bench.api.bodies
    assert body["metadata"]["labels"] == {"node.waok8s.github.io/template": "a" * 62}


async def test_a_template_that_is_gone_owns_nothing_more() -> None:
    bench = Bench()
    assert await bench.apply(wanted(template="w/gone")) == 0
    assert bench.api.requests == []


async def test_a_write_is_repeated_only_after_its_echo_is_due() -> None:
    bench = Bench()
    for now, requests in ((0.0, 1), (WATCH_DELAY - 0.1, 1), (WATCH_DELAY, 2)):
        bench.now = now
        await bench.apply(wanted())
        assert len(bench.api.requests) == requests


async def test_another_spec_is_written_at_once() -> None:
    bench = Bench()
    await bench.apply(wanted())
    await bench.apply(wanted(predictor={}))
    assert len(bench.api.requests) == 2


async def test_a_write_that_was_delivered_may_be_repeated_at_once() -> None:
    """Somebody has changed the NodeConfig since."""
    bench = Bench()
    await bench.apply(wanted())
    bench.writer.delivered("w/a")
    await bench.apply(wanted())
    assert len(bench.api.requests) == 2


async def test_a_refused_write_may_be_repeated_at_once() -> None:
    bench = Bench()
    bench.api.errors["a"] = KubeError("the webhook refused it", status_code=400)
    assert await bench.apply(wanted("a"), wanted("b")) == 1
    bench.api.errors.clear()
    assert await bench.apply(wanted("a"), wanted("b")) == 0
    assert [path.rpartition("/")[2] for _, path in bench.api.requests] == ["a", "b", "a"]


async def test_node_configs_are_deleted_by_their_keys() -> None:
    bench = Bench()
    assert await bench.writer.write(NodeConfigChanges(delete=("w/a",))) == 0
    assert bench.api.requests == [("DELETE", "/apis/node.waok8s.github.io/v1beta1/namespaces/w/nodeconfigs/a")]
