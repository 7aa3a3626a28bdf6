"""The client of the API server: who it says it is, and what it says when it cannot."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from wao_core.certificates.self_signed import bootstrap_certificate
from wao_core.kube.client import KubeClient, KubeError


@asynccontextmanager
async def api_server(folder: Path) -> AsyncIterator[int]:
    """An API server over TLS that tells the credentials of a request; its certificate is `folder`/ca.crt."""

    async def whoami(request: web.BaseRequest) -> web.Response:
        return web.json_response(request.headers.get("Authorization"))

    certificate, key = bootstrap_certificate(folder / "server", ["127.0.0.1"])
    (folder / "ca.crt").write_bytes(certificate.read_bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    runner = web.ServerRunner(web.Server(whoami))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_in_a_pod_it_is_the_pods_service_account(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    async with api_server(tmp_path) as port:
        environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
        client = await KubeClient.connect(account=tmp_path, environment=environment)
        try:
            assert json.loads(await client.get("/")) == "bearer first"
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("kubeconfig", "environment", "said"),
    [
        (None, {}, "the service account of this pod cannot be used: Service host/port is not set"),
        (None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "token file does not exist"),
        ("nowhere", {}, "kubeconfig nowhere cannot be used"),
    ],
)
async def test_without_credentials_it_tells_what_to_give(
    tmp_path: Path, kubeconfig: str | None, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(KubeError, match=said) as raised:
        await KubeClient.connect(Path(kubeconfig) if kubeconfig else None, account=tmp_path, environment=environment)
    assert "--kubeconfig" in str(raised.value)
