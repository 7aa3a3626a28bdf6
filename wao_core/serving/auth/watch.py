"""Follows the ConfigMap with the authorities of client certificates, which are replaced while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from collections.abc import Collection as Keys

import msgspec

from wao_core.kube.client import KubeClient
from wao_core.kube.collection import Collection
from wao_core.kube.reflector import Reflector
from wao_core.kube.resources import api_path
from wao_core.serving.auth.trust import Trust, trust_of
from wao_predict.backoff import Backoff

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
_log = logging.getLogger(__name__)


class ConfigMap(msgspec.Struct):
    """The data of a ConfigMap."""

    data: dict[str, str] | None = None


CONFIG_MAPS = Collection(
    path=api_path("v1", "configmaps", namespace=NAMESPACE),
    name="configmaps",
    decode=msgspec.json.Decoder(ConfigMap).decode,
    key=lambda namespace, name: name,
)


class TrustWatch:
    """Keeps `trust` equal to the ConfigMap.

    Parameters
    ----------
    apply
        Called with every new trust before it is used. It may raise any exception for authorities it cannot use; then
        the old trust stays.
    backoff
        Paces retries while the API server fails.
    """

    def __init__(
        self, client: KubeClient, apply: Callable[[Trust], None], *, backoff: Callable[[], Backoff] = Backoff
    ) -> None:
        self._apply = apply
        self._known = False
        self._reason = ""
        self._reflector = Reflector(
            client, CONFIG_MAPS, self, (("fieldSelector", f"metadata.name={NAME}"),), from_cache=True, backoff=backoff()
        )
        self.trust = Trust()
        self.run = self._reflector.run

    def health(self) -> str | None:
        """Return why the ConfigMap is not in use, or None."""
        if self._known:
            return None
        statistics = self._reflector.statistics
        reason = self._reason or next((problem.reason for problem in statistics.problems()), "it has not been read yet")
        return f"ConfigMap {NAMESPACE}/{NAME}: {reason}"

    def put(self, key: str, item: ConfigMap) -> None:
        """Use the data of the ConfigMap."""
        try:
            trust = trust_of(item.data or {})
            if trust != self.trust or not self._known:
                self._apply(trust)
        except Exception as error:
            self._reason = str(error)
            _log.error("ConfigMap %s/%s cannot be used, the last usable one stays: %s", NAMESPACE, NAME, error)
            return
        if trust != self.trust:
            _log.info("client authorities were read from ConfigMap %s/%s", NAMESPACE, NAME)
        self.trust, self._known = trust, True

    def remove(self, key: str) -> None:
        """Keep the last authorities: the API server creates the ConfigMap again."""
        self._reason = "it does not exist"
        if self._known:
            _log.warning("ConfigMap %s/%s was deleted, its last content stays in use", NAMESPACE, NAME)

    def replace(self, items: Iterable[ConfigMap], unreadable: Keys[str]) -> None:
        """Use the listed ConfigMap, of which there is at most one."""
        for item in items:
            self.put(NAME, item)
            return
        if not unreadable:
            self.remove(NAME)
