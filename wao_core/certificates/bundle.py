"""Publishes trusted authorities: the ConfigMap `wao-ca` in each namespace with clients, and caBundle of APIServices."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from wao_core.cluster.names import FIELD_MANAGER
from wao_core.errors import AuthorityFileError
from wao_core.kube.client import MERGE_PATCH, KubeClient, KubeError, object_of
from wao_core.kube.resources import api_path

log = logging.getLogger(__name__)

BUNDLE = "wao-ca"
LABELS = {"app.kubernetes.io/part-of": "wao", "app.kubernetes.io/managed-by": FIELD_MANAGER}
MAX_AUTHORITY_FILE = 1 << 20
"""Bytes of a file of authorities; also the limit of a ConfigMap."""


@dataclass(frozen=True, slots=True)
class BundlePlaces:
    """Where the bundle is published: the namespace of the servers, further ones, and APIServices of these Services."""

    namespace: str
    bundle_namespaces: tuple[str, ...] = ()
    api_services: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class BundlePublisher:
    """Writes a bundle to all places where it differs."""

    def __init__(self, client: KubeClient, places: BundlePlaces) -> None:
        self._client, self._places = client, places
        self._logged: dict[str, str] = {}

    async def publish(self, bundle: bytes) -> None:
        """Write the bundle; a missing namespace is logged and does not block the others.

        Raises
        ------
        KubeError
            A request failed.
        """
        if await self.published(self._places.namespace) != bundle:
            await self._write(self._places.namespace, bundle)
        for namespace in self._places.bundle_namespaces:
            await self._copy(namespace, bundle)
        for name in self._places.api_services:
            await self._set_ca_bundle(name, bundle)

    async def published(self, namespace: str) -> bytes:
        """Return the bundle of a namespace, or nothing."""
        found = await read(self._client, namespaced("configmaps", namespace, BUNDLE), "ConfigMap")
        return str(((found or {}).get("data") or {}).get("ca.crt") or "").encode()

    def log_once(self, about: str, problem: str) -> None:
        """Log a problem, but not again until it changes."""
        if problem and self._logged.get(about) != problem:
            log.warning("%s: %s", about, problem)
        self._logged[about] = problem

    async def _copy(self, namespace: str, bundle: bytes) -> None:
        problem = ""
        if await self.published(namespace) != bundle:
            try:
                await self._write(namespace, bundle)
            except KubeError as error:
                if error.status_code != 404:
                    raise
                problem = "there is no such namespace; its clients cannot verify the WAO servers"
        self.log_once(f"namespace {namespace}", problem)

    async def _write(self, namespace: str, bundle: bytes) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": BUNDLE, "labels": LABELS},
            "data": {"ca.crt": bundle.decode("ascii")},
        }
        await self._client.apply(namespaced("configmaps", namespace, BUNDLE), body, manager=FIELD_MANAGER)

    async def _set_ca_bundle(self, name: str, bundle: bytes) -> None:
        """Put the bundle into an APIService, if it exists and references one of these Services."""
        path = api_path("apiregistration.k8s.io/v1", "apiservices", name=name)
        found = await read(self._client, path, "APIService")
        if found is None:
            return
        spec = found.get("spec") or {}
        problem = _not_ours(spec, self._places.namespace, self._places.services)
        self.log_once(name, problem)
        encoded = base64.b64encode(bundle).decode()
        if not problem and spec.get("caBundle") != encoded:
            await self._client.send("PATCH", path, body={"spec": {"caBundle": encoded}}, content_type=MERGE_PATCH)
            log.info("APIService %s: caBundle updated", name)


def read_authority_file(file: Path) -> bytes:
    """Return the certificates of a PEM file.

    Raises
    ------
    AuthorityFileError
        It cannot be read, is too large, or has no certificate.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_AUTHORITY_FILE + 1)
    except OSError as error:
        raise AuthorityFileError(f"--authority-file {file}: {error.strerror}") from error
    if len(content) > MAX_AUTHORITY_FILE:
        raise AuthorityFileError(
            f"--authority-file {file}: more than {MAX_AUTHORITY_FILE} bytes; give certificates only"
        )
    if b"PRIVATE KEY" in content:
        raise AuthorityFileError(f"--authority-file {file} has a private key, and is published: give certificates only")
    try:
        x509.load_pem_x509_certificates(content)
        content.decode("ascii")
    except ValueError:
        raise AuthorityFileError(f"--authority-file {file} has no certificate in PEM format") from None
    return content


async def read(client: KubeClient, path: str, kind: str) -> dict[str, Any] | None:
    """Return an object, or None if it does not exist."""
    try:
        return object_of(await client.get(path), kind, path)
    except KubeError as error:
        if error.status_code == 404:
            return None
        raise


def namespaced(plural: str, namespace: str, name: str) -> str:
    """Return the path of an object of the core group."""
    return api_path("v1", plural, namespace=namespace, name=name)


def _not_ours(spec: Mapping[str, Any], namespace: str, services: Sequence[str]) -> str:
    """Return why an APIService must not be changed, or an empty string when it references one of these Services."""
    service = spec.get("service") or {}
    points_at = f"{service.get('namespace')}/{service.get('name')}"
    if service.get("namespace") != namespace or service.get("name") not in services:
        return f"it references {points_at}, another adapter, and is left unchanged"
    if spec.get("insecureSkipTLSVerify"):
        return "it has insecureSkipTLSVerify: true, which excludes caBundle; remove that field"
    return ""
