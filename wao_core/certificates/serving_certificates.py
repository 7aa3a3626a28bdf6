"""Keeps our Services' serving certificates: Secrets, the bundle that clients mount, and the APIServices' caBundle.

The authority's key lies in a namespace of its own, which no other component may read. Clients mount the ConfigMap
`wao-ca`, those in other namespaces a copy of it; servers mount `NAME-tls` and load it again when it changes.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from wao_core.certificates.authority import Held, Pair, Wanted, renewal, service_hosts
from wao_core.kube.client import MERGE_PATCH, KubeClient, KubeError
from wao_core.kube.resources import api_path

log = logging.getLogger(__name__)

MANAGER = "wao-controller"
BUNDLE = "wao-ca"
PERIOD = 20.0
"""Seconds between two looks: a Secret deleted by hand is back after this time."""


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """What to keep. Nothing is kept without `services`; `bundle_namespaces` have clients that verify these."""

    namespace: str = "wao-system"
    authority_namespace: str = "wao-pki"
    services: tuple[str, ...] = ()
    api_services: tuple[str, ...] = ()
    bundle_namespaces: tuple[str, ...] = ()


class ServingCertificates:
    """Issues what is missing and renews what is old. `run` never returns."""

    def __init__(self, client: KubeClient, settings: CertificateSettings) -> None:
        self._client, self._settings = client, settings
        self._hosts = {name: service_hosts(name, settings.namespace) for name in settings.services}
        self._told: dict[str, str] = {}
        self.failures = 0

    async def run(self) -> None:
        """Look once a period, for ever; what fails is tried again."""
        wait = 1.0
        while True:
            try:
                await self.reconcile()
                wait = PERIOD
            except KubeError as error:
                self.failures += 1
                wait = min(PERIOD, 2 * wait)
                self._tell("certificates", str(error), logging.WARNING)
            await asyncio.sleep(wait)

    async def reconcile(self, now: datetime | None = None) -> Wanted:
        """Compare and write once; return what should be there now.

        Raises
        ------
        KubeError
            Something could not be read or written.
        """
        held = await self._held()
        wanted = renewal(held, self._hosts, now or datetime.now(UTC))
        for name, why in wanted.reasons.items():
            log.info("issuing the certificate of %s: %s", name, why)
        # published before it is used: no client may meet a certificate that it cannot verify
        if wanted.authority != held.authority:
            await self._apply(self._settings.authority_namespace, _tls_secret(BUNDLE, wanted.authority, b""))
        if wanted.bundle != held.bundle:
            await self._apply(self._settings.namespace, _config_map(wanted.bundle))
        for namespace in self._settings.bundle_namespaces:
            await self._copy(namespace, wanted.bundle)
        for name in self._settings.api_services:
            await self._publish(name, wanted.bundle)
        for service, pair in wanted.issued.items():
            await self._apply(self._settings.namespace, _tls_secret(f"{service}-tls", pair, wanted.bundle))
        return wanted

    async def _held(self) -> Held:
        settings = self._settings
        authority = await self._read(_path("secrets", settings.authority_namespace, BUNDLE))
        bundle = await self._published(settings.namespace)
        pairs = {}
        for service in settings.services:
            if (pair := _pair(await self._read(_path("secrets", settings.namespace, f"{service}-tls")))) is not None:
                pairs[service] = pair
        return Held(_pair(authority), bundle, pairs)

    async def _published(self, namespace: str) -> bytes:
        found = await self._read(_path("configmaps", namespace, BUNDLE))
        return str(((found or {}).get("data") or {}).get("ca.crt") or "").encode()

    async def _copy(self, namespace: str, bundle: bytes) -> None:
        """Put the bundle into another namespace; one that is not there must not keep certificates from the others."""
        problem = ""
        if await self._published(namespace) != bundle:
            try:
                await self._apply(namespace, _config_map(bundle))
            except KubeError as error:
                if error.status_code != 404:
                    raise
                problem = "there is no such namespace; its clients cannot verify our servers"
        self._tell(f"namespace {namespace}", problem, logging.WARNING)

    async def _read(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = msgspec.json.decode(await self._client.get(path))
        except KubeError as error:
            if error.status_code == 404:
                return None
            raise
        return found

    async def _apply(self, namespace: str, body: Mapping[str, Any]) -> None:
        plural = {"Secret": "secrets", "ConfigMap": "configmaps"}[body["kind"]]
        await self._client.apply(_path(plural, namespace, body["metadata"]["name"]), body, manager=MANAGER)

    async def _publish(self, name: str, bundle: bytes) -> None:
        """Put the bundle into an APIService, if it is there and is ours."""
        path = api_path("apiregistration.k8s.io/v1", "apiservices", name=name)
        found = await self._read(path)
        if found is None:
            return
        spec = found.get("spec") or {}
        problem = _not_ours(spec, self._settings.namespace, self._settings.services)
        self._tell(name, problem, logging.WARNING)
        encoded = base64.b64encode(bundle).decode()
        if not problem and spec.get("caBundle") != encoded:
            await self._client.send("PATCH", path, body={"spec": {"caBundle": encoded}}, content_type=MERGE_PATCH)
            log.info("APIService %s trusts the authority of our servers", name)

    def _tell(self, about: str, what: str, level: int) -> None:
        """Log something once, until it changes."""
        if what and self._told.get(about) != what:
            log.log(level, "%s: %s", about, what)
        self._told[about] = what


def _not_ours(spec: Mapping[str, Any], namespace: str, services: Sequence[str]) -> str:
    """Return why an APIService is left alone; empty when it points at one of our Services."""
    service = spec.get("service") or {}
    points_at = f"{service.get('namespace')}/{service.get('name')}"
    if service.get("namespace") != namespace or service.get("name") not in services:
        return f"it points at {points_at}, not at us, and is left alone; another adapter serves this API"
    if spec.get("insecureSkipTLSVerify"):
        return "it has insecureSkipTLSVerify: true, which leaves no room for caBundle; remove that field"
    return ""


def _path(plural: str, namespace: str, name: str) -> str:
    return api_path("v1", plural, namespace=namespace, name=name)


def _pair(secret: Mapping[str, Any] | None) -> Pair | None:
    data = (secret or {}).get("data") or {}
    try:
        return Pair(base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"]))
    except (KeyError, ValueError, TypeError):
        return None


def _tls_secret(name: str, pair: Pair, bundle: bytes) -> dict[str, Any]:
    data = {"tls.crt": pair.certificate, "tls.key": pair.key} | ({"ca.crt": bundle} if bundle else {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": _LABELS},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _config_map(bundle: bytes) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": BUNDLE, "labels": _LABELS},
        "data": {"ca.crt": bundle.decode("ascii")},
    }


_LABELS = {"app.kubernetes.io/part-of": "wao", "app.kubernetes.io/managed-by": MANAGER}
