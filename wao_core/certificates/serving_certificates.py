"""Keeps the serving certificates of the WAO Services: Secrets, the CA bundle for clients, and caBundle of APIServices.

The key of the authority is in a namespace of its own, which no other component may read. Clients mount the ConfigMap
`wao-ca`, or its copy in their namespace; servers mount `NAME-tls` and reload it when it changes.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wao_core.certificates.authority import DesiredCertificates, PresentCertificates, renewal, service_hosts
from wao_core.certificates.parts import Pair
from wao_core.cluster.names import FIELD_MANAGER
from wao_core.kube.client import MERGE_PATCH, KubeClient, KubeError, object_of
from wao_core.kube.resources import api_path
from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

BUNDLE = "wao-ca"
PERIOD = 20.0
"""Seconds between two rounds: a deleted Secret is restored within this time."""


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """The Services to keep certificates for, none by default; clients are in `namespace` and `bundle_namespaces`.

    `clients` get a client certificate each, in `namespace` too.
    """

    namespace: str = "wao-system"
    authority_namespace: str = "wao-pki"
    services: tuple[str, ...] = ()
    api_services: tuple[str, ...] = ()
    bundle_namespaces: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


class ServingCertificates:
    """Issues missing certificates and renews old ones. `run` never returns."""

    def __init__(self, client: KubeClient, settings: CertificateSettings) -> None:
        self._client, self._settings = client, settings
        self._hosts = {name: service_hosts(name, settings.namespace) for name in settings.services}
        self._hosts |= {name: [name] for name in settings.clients}
        self._logged: dict[str, str] = {}
        self.failures = 0

    async def run(self) -> None:
        """Reconcile once a period, and after a failure sooner, until it is cancelled."""
        backoff = Backoff(initial=2.0, maximum=PERIOD)
        while True:
            try:
                await self.reconcile()
                backoff.reset()
                wait = PERIOD
            except KubeError as error:
                self.failures += 1
                wait = backoff.next()
                self._log_once("certificates", str(error))
            await asyncio.sleep(wait)

    async def reconcile(self, now: datetime | None = None) -> DesiredCertificates:
        """Compare and write once, and return the certificates that should exist now.

        Raises
        ------
        KubeError
            A request failed.
        """
        present = await self._present()
        wanted = renewal(present, self._hosts, now or datetime.now(UTC), clients=self._settings.clients)
        for name, why in wanted.reasons.items():
            log.info("issuing the certificate of %s: %s", name, why)
        # publish before use: clients must be able to verify every certificate in use
        if wanted.authority != present.authority:
            await self._apply(self._settings.authority_namespace, _tls_secret(BUNDLE, wanted.authority, b""))
        if wanted.bundle != present.bundle:
            await self._apply(self._settings.namespace, _config_map(wanted.bundle))
        for namespace in self._settings.bundle_namespaces:
            await self._copy(namespace, wanted.bundle)
        for name in self._settings.api_services:
            await self._publish(name, wanted.bundle)
        for service, pair in wanted.issued.items():
            await self._apply(self._settings.namespace, _tls_secret(f"{service}-tls", pair, wanted.bundle))
        return wanted

    async def _present(self) -> PresentCertificates:
        settings = self._settings
        authority = await self._read(_path("secrets", settings.authority_namespace, BUNDLE), "Secret")
        bundle = await self._published(settings.namespace)
        pairs = {}
        for service in self._hosts:
            secret = await self._read(_path("secrets", settings.namespace, f"{service}-tls"), "Secret")
            if (pair := _pair(secret)) is not None:
                pairs[service] = pair
        return PresentCertificates(_pair(authority), bundle, pairs)

    async def _published(self, namespace: str) -> bytes:
        found = await self._read(_path("configmaps", namespace, BUNDLE), "ConfigMap")
        return str(((found or {}).get("data") or {}).get("ca.crt") or "").encode()

    async def _copy(self, namespace: str, bundle: bytes) -> None:
        """Copy the bundle; a missing namespace is logged and does not block the others."""
        problem = ""
        if await self._published(namespace) != bundle:
            try:
                await self._apply(namespace, _config_map(bundle))
            except KubeError as error:
                if error.status_code != 404:
                    raise
                problem = "there is no such namespace; its clients cannot verify the WAO servers"
        self._log_once(f"namespace {namespace}", problem)

    async def _read(self, path: str, kind: str) -> dict[str, Any] | None:
        try:
            return object_of(await self._client.get(path), kind, path)
        except KubeError as error:
            if error.status_code == 404:
                return None
            raise

    async def _apply(self, namespace: str, body: Mapping[str, Any]) -> None:
        plural = {"Secret": "secrets", "ConfigMap": "configmaps"}[body["kind"]]
        await self._client.apply(_path(plural, namespace, body["metadata"]["name"]), body, manager=FIELD_MANAGER)

    async def _publish(self, name: str, bundle: bytes) -> None:
        """Put the bundle into an APIService, if it exists and references one of these Services."""
        path = api_path("apiregistration.k8s.io/v1", "apiservices", name=name)
        found = await self._read(path, "APIService")
        if found is None:
            return
        spec = found.get("spec") or {}
        problem = _not_ours(spec, self._settings.namespace, self._settings.services)
        self._log_once(name, problem)
        encoded = base64.b64encode(bundle).decode()
        if not problem and spec.get("caBundle") != encoded:
            await self._client.send("PATCH", path, body={"spec": {"caBundle": encoded}}, content_type=MERGE_PATCH)
            log.info("APIService %s: caBundle updated", name)

    def _log_once(self, about: str, problem: str) -> None:
        """Log a problem, but not again until it changes."""
        if problem and self._logged.get(about) != problem:
            log.warning("%s: %s", about, problem)
        self._logged[about] = problem


def _not_ours(spec: Mapping[str, Any], namespace: str, services: Sequence[str]) -> str:
    """Return why an APIService must not be changed, or an empty string when it references one of these Services."""
    service = spec.get("service") or {}
    points_at = f"{service.get('namespace')}/{service.get('name')}"
    if service.get("namespace") != namespace or service.get("name") not in services:
        return f"it references {points_at}, another adapter, and is left unchanged"
    if spec.get("insecureSkipTLSVerify"):
        return "it has insecureSkipTLSVerify: true, which excludes caBundle; remove that field"
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


_LABELS = {"app.kubernetes.io/part-of": "wao", "app.kubernetes.io/managed-by": FIELD_MANAGER}
