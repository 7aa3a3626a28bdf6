"""The API server as a source: the Secrets that it reads, and statuses."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.cluster.source import ObjectRef
from wao_core.kube.client import KubeClient
from wao_core.source.kubernetes import KubernetesSource

LOGIN = "/api/v1/namespaces/wao-system/secrets/bmc-login"


async def other_peoples_login(request: web.Request) -> web.StreamResponse:
    """An API server with one Secret, whose router folds paths as that of Go does."""
    if request.path != LOGIN:
        return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)
    return web.json_response({"data": {"password": base64.b64encode(b"secret").decode()}})


async def read(client: KubeClient, namespace: str, name: str) -> object:
    return await KubernetesSource(client, []).secret(namespace, name)


async def test_a_secret_is_read_by_its_name() -> None:
    async with client_of(other_peoples_login) as client:
        assert await read(client, "wao-system", "bmc-login") == {"password": b"secret"}
        assert await read(client, "wao-system", "other") is None


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("tenant", "../../wao-system/secrets/bmc-login"),
        ("tenant/../wao-system", "bmc-login"),
        ("tenant", "%2e%2e/%2e%2e/wao-system/secrets/bmc-login"),
        ("tenant", "x/../../../wao-system/secrets/bmc-login?a=b"),
    ],
)
async def test_a_name_cannot_lead_to_the_secret_of_another_namespace(namespace: str, name: str) -> None:
    async with client_of(other_peoples_login) as client:
        assert await read(client, namespace, name) is None


@pytest.mark.parametrize(
    ("answer", "status", "written"),
    [(200, {"nodes": 3}, True), (404, {}, True), (409, None, False), (500, None, False)],
)
async def test_failures_of_statuses_are_reported_but_not_those_of_deleted_objects(
    answer: int, status: object, written: bool
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "status": {"nodes": 3}}, status=answer)

    about = ObjectRef("NodeConfigTemplate", "t", "w")
    async with client_of(handle) as client:
        source = KubernetesSource(client, [])
        assert await source.status(about) == status
        assert await source.patch_status(about, {"nodes": 3}) is written


async def test_the_status_of_an_object_that_was_created_again_is_not_read_for_its_predecessor() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"uid": "new"}, "status": {"nodes": 3}})

    async with client_of(handle) as client:
        source = KubernetesSource(client, [])
        assert await source.status(ObjectRef("NodeConfig", "n", "w", "old")) is None
        assert await source.status(ObjectRef("NodeConfig", "n", "w", "new")) == {"nodes": 3}
