"""The kill switch: a ConfigMap that makes standby start everything and switch nothing off."""

from __future__ import annotations

from wao_core.kube.client import KubeClient, KubeError, object_of
from wao_core.kube.resources import api_path

NAME = "wao-standby"
KEY = "stop"
"""Key of the ConfigMap's data; any value but "false" stops standby."""


class KillSwitch:
    """Reads the ConfigMap once per round.

    Attributes
    ----------
    stopped
        Whether everything is to be started.
    doubt
        Why the switch is unknown, or an empty string.
    """

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client, self._path = client, path_of(namespace)
        self.stopped, self.doubt = False, "the kill switch is not read yet"

    async def refresh(self) -> None:
        """Read it; if that fails, nothing is switched off, and a known stop remains."""
        try:
            found = object_of(await self._client.get(self._path), "ConfigMap", self._path)
        except KubeError as error:
            if error.status_code == 404:
                self.stopped, self.doubt = False, ""
            else:
                self.doubt = f"the kill switch cannot be read: {error}"
            return
        value = (found.get("data") or {}).get(KEY)
        self.stopped, self.doubt = value is not None and str(value).strip().lower() != "false", ""


def path_of(namespace: str) -> str:
    """Return the path of the ConfigMap."""
    return api_path("v1", "configmaps", namespace=namespace, name=NAME)
