"""Keeps the serving certificates of the WAO Services: Secrets, the CA bundle for clients, and caBundle of APIServices.

The key of the authority is in a namespace of its own, which no other component may read. Clients mount the ConfigMap
`wao-ca`, or its copy in their namespace; servers mount `NAME-tls` and reload it when it changes. With an authority
file, another program such as cert-manager issues the certificates, and only the bundle is kept.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wao_core.certificates.authority import DesiredCertificates, PresentCertificates, renewal, service_hosts
from wao_core.certificates.bundle import (
    BUNDLE,
    LABELS,
    BundlePlaces,
    BundlePublisher,
    namespaced,
    read,
    read_authority_file,
)
from wao_core.certificates.parts import Pair
from wao_core.cluster.names import FIELD_MANAGER
from wao_core.errors import AuthorityFileError
from wao_core.kube.client import KubeClient, KubeError
from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

PERIOD = 20.0
"""Seconds between two rounds: a deleted Secret is restored within this time."""


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """The Services to keep certificates for, none by default; clients are in `namespace` and `bundle_namespaces`.

    `clients` get a client certificate each, in `namespace` too. With `authority_file`, nothing is issued: the
    certificates of this file are published.
    """

    namespace: str = "wao-system"
    authority_namespace: str = "wao-pki"
    services: tuple[str, ...] = ()
    api_services: tuple[str, ...] = ()
    bundle_namespaces: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    authority_file: Path | None = None


class ServingCertificates:
    """Issues missing certificates and renews old ones. `run` never returns."""

    def __init__(self, client: KubeClient, settings: CertificateSettings) -> None:
        self._client, self._settings = client, settings
        self._hosts = {name: service_hosts(name, settings.namespace) for name in settings.services}
        self._hosts |= {name: [name] for name in settings.clients}
        places = BundlePlaces(settings.namespace, settings.bundle_namespaces, settings.api_services, settings.services)
        self._publisher = BundlePublisher(client, places)
        self.failures = 0

    async def run(self) -> None:
        """Reconcile once a period, and after a failure sooner, until it is cancelled."""
        backoff = Backoff(initial=2.0, maximum=PERIOD)
        while True:
            try:
                await self._round()
                backoff.reset()
                wait = PERIOD
            except (KubeError, AuthorityFileError) as error:
                self.failures += 1
                wait = backoff.next()
                self._publisher.log_once("certificates", str(error))
            await asyncio.sleep(wait)

    async def _round(self) -> None:
        if self._settings.authority_file is None:
            await self.reconcile()
        else:
            await self.publish_file(self._settings.authority_file)

    async def publish_file(self, file: Path) -> None:
        """Publish the certificates of a file.

        Raises
        ------
        AuthorityFileError
            The file has no certificates.
        KubeError
            A request failed.
        """
        await self._publisher.publish(await asyncio.to_thread(read_authority_file, file))

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
        await self._publisher.publish(wanted.bundle)
        for service, pair in wanted.issued.items():
            await self._apply(self._settings.namespace, _tls_secret(f"{service}-tls", pair, wanted.bundle))
        return wanted

    async def _present(self) -> PresentCertificates:
        settings = self._settings
        authority = await read(self._client, namespaced("secrets", settings.authority_namespace, BUNDLE), "Secret")
        bundle = await self._publisher.published(settings.namespace)
        pairs = {}
        for service in self._hosts:
            secret = await read(self._client, namespaced("secrets", settings.namespace, f"{service}-tls"), "Secret")
            if (pair := _pair(secret)) is not None:
                pairs[service] = pair
        return PresentCertificates(_pair(authority), bundle, pairs)

    async def _apply(self, namespace: str, secret: Mapping[str, Any]) -> None:
        path = namespaced("secrets", namespace, secret["metadata"]["name"])
        await self._client.apply(path, secret, manager=FIELD_MANAGER)


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
        "metadata": {"name": name, "labels": LABELS},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
