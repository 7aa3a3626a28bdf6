"""A client of the API server for tests: raw JSON, and many objects at once."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.cluster.bed.certificates import Pair
from tests.cluster.bed.program import BedError


class Client:
    """Speaks to one API server as one user."""

    def __init__(self, url: str, authority: Path, *, pair: Pair | None = None, token: str = "") -> None:
        context = ssl.create_default_context(cafile=str(authority))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx2.Limits(max_connections=32, max_keepalive_connections=32)
        self._http = httpx2.Client(
            base_url=url, verify=context, headers=headers, timeout=120.0, trust_env=False, limits=limits
        )

    def request(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Send one request and return its answer, whatever it is."""
        content = None if body is None else json.dumps(body)
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self._http.request(method, path, content=content, headers=sent)

    def get(self, path: str) -> Any:
        """Return the JSON at a path.

        Raises
        ------
        BedError
            The answer is not a success.
        """
        return self._checked(self.request("GET", path))

    def count(self, path: str) -> int:
        """Return how many objects a list has, without having them sent: that costs the API server more than writing."""
        page = self.get(f"{path}?limit=1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount") or 0)

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create one object; one that is there already is left."""
        answer = self.request("POST", path, body)
        return None if answer.status_code == 409 else self._checked(answer)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Merge a patch into an object."""
        return self._checked(self.request("PATCH", path, body, Content_Type="application/merge-patch+json"))

    def delete(self, path: str) -> None:
        """Delete an object; one that is gone already is fine."""
        answer = self.request("DELETE", path)
        if answer.status_code != 404:
            self._checked(answer)

    def create_all(self, path: str, bodies: Iterable[Mapping[str, Any]], *, at_once: int = 16) -> None:
        """Create many objects."""
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda body: self.create(path, body), bodies))

    def delete_all(self, paths: Iterable[str], *, at_once: int = 16) -> None:
        """Delete many objects."""
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(self.delete, paths))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def ready(self) -> bool:
        """Return whether the API server is ready."""
        try:
            return self.request("GET", "/readyz").status_code == 200
        except httpx2.HTTPError:
            return False

    @staticmethod
    def _checked(answer: httpx2.Response) -> Any:
        if not 200 <= answer.status_code < 300:
            raise BedError(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
            )
        return answer.json()


def kubeconfig(file: Path, url: str, authority: Path, *, pair: Pair | None = None, token: str = "") -> Path:
    """Write a kubeconfig file for one user."""
    user: dict[str, Any] = {"token": token} if token else {}
    if pair is not None:
        user = {
            "client-certificate-data": base64.b64encode(pair.certificate.read_bytes()).decode(),
            "client-key-data": base64.b64encode(pair.key.read_bytes()).decode(),
        }
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bed", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
        "current-context": "bed",
    }
    file.write_text(yaml.safe_dump(document))
    file.chmod(0o600)
    return file
