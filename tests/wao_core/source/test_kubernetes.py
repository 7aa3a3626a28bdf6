"""The API server as a source: the Secrets that it reads."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import client_of
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
