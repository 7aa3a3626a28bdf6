"""What is written where: Secrets, and the bundle in every namespace that has clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.certificates.authority import new_authority
from wao_core.certificates.serving_certificates import CertificateSettings, ServingCertificates

SETTINGS = CertificateSettings(services=("wao-lb",), bundle_namespaces=("wao-node",))
BUNDLES = ("/api/v1/namespaces/wao-system/configmaps/wao-ca", "/api/v1/namespaces/wao-node/configmaps/wao-ca")


class Objects(dict[str, bytes]):
    """An API server that keeps what is applied, in the namespaces that it has."""

    namespaces = frozenset({"wao-system", "wao-pki", "wao-node"})

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.method == "PATCH" and request.path.split("/")[4] in self.namespaces:
            self[request.path] = await request.read()
        if request.path not in self:
            return web.json_response({"kind": "Status", "message": "not found", "reason": "NotFound"}, status=404)
        return web.json_response(json.loads(self[request.path]))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ServingCertificates]:
        """Serve them to the keeper of the certificates."""
        async with client_of(self.handle) as client:
            yield ServingCertificates(client, SETTINGS)


def authorities(objects: Objects, path: str) -> str:
    return str(json.loads(objects[path])["data"]["ca.crt"])


async def test_the_bundle_is_the_same_in_every_namespace_and_comes_back_when_deleted() -> None:
    objects = Objects()
    async with objects.serving() as keeper:
        wanted = await keeper.reconcile()
        assert [wanted.bundle.decode()] * 2 == [authorities(objects, path) for path in BUNDLES]
        del objects[BUNDLES[1]]
        await keeper.reconcile()
        assert authorities(objects, BUNDLES[0]) == authorities(objects, BUNDLES[1])
        del objects["/api/v1/namespaces/wao-pki/secrets/wao-ca"]
        await keeper.reconcile()
        assert 2 == authorities(objects, BUNDLES[1]).count("BEGIN")


async def test_a_namespace_that_is_not_there_keeps_no_certificate_back(caplog: pytest.LogCaptureFixture) -> None:
    objects = Objects()
    objects.namespaces = frozenset({"wao-system", "wao-pki"})
    async with objects.serving() as keeper:
        for _ in range(2):
            await keeper.reconcile()
    assert "/api/v1/namespaces/wao-system/secrets/wao-lb-tls" in objects
    assert 1 == sum("no such namespace" in record.message for record in caplog.records)


async def test_the_certificates_of_an_authority_file_are_published_and_nothing_is_issued(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(new_authority(datetime.now(UTC)).certificate)
    objects = Objects()
    async with objects.serving() as keeper:
        await keeper.publish_file(file)
    assert [file.read_text()] * 2 == [authorities(objects, path) for path in BUNDLES]
    assert set(objects) == set(BUNDLES)
