"""Credentials of sensors and models, read from Secrets by name and read again when they may have changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from cachetools import TTLCache

from wao_core.cluster.source import Secret
from wao_core.collector.addresses import AllowedHosts
from wao_core.redaction import hide_password
from wao_predict.connection import Credentials
from wao_predict.errors import SensorError, UsageError, WaoError

MAX_AGE = 60.0
"""Seconds after which a Secret is read again. Secrets are not watched, because that needs more rights."""
MAX_SECRETS = 50_000
"""Cached Secrets at most; the one read first is dropped, and read again when it is needed."""
LEAST_AGE = 5.0
"""Seconds for which a Secret is not read again, even if its password was refused or it could not be read."""
ALLOWED_ENDPOINTS = "waok8s.github.io/allowed-endpoints"
"""Annotation of a Secret: the hosts that it may be sent to. Without it, all endpoints of its namespace."""


ReadSecret = Callable[[str, str], Awaitable[Secret | None]]
"""Returns a Secret by namespace and name, or None when there is none: the `secret` of a source."""


@dataclass(frozen=True, slots=True)
class _Cached:
    credentials: Credentials
    allowed: AllowedHosts | None
    read_at: float


class SecretBook:
    """Caches credentials for a minute; one read serves all endpoints that share a Secret.

    Parameters
    ----------
    needs_annotation
        Refuse Secrets without the annotation that lists their hosts: for Secrets of another namespace than the
        NodeConfigs that name them.
    """

    def __init__(
        self, read_secret: ReadSecret, *, needs_annotation: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read_secret, self._needs_annotation, self._clock = read_secret, needs_annotation, clock
        # none of them keeps what belongs to Secrets that are not used any more
        self._cached: TTLCache[str, _Cached] = TTLCache(MAX_SECRETS, MAX_AGE, timer=clock)
        self._errors: TTLCache[str, WaoError] = TTLCache(MAX_SECRETS, LEAST_AGE, timer=clock)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return the number of cached Secrets."""
        return len(self._cached)

    async def get(self, reference: str, *, host: str, refused: bool = False) -> Credentials | None:
        """Return the credentials of "namespace/name" for a host, or None where `reference` is empty.

        Parameters
        ----------
        refused
            The host refused the credentials returned before: read the Secret again, unless it was just read.

        Raises
        ------
        SensorError
            There is no such Secret, it has no usable username and password, or it may not be sent to this host.
        """
        if not reference:
            return None
        cached = self._usable(reference, refused)
        if cached is None:
            lock = self._locks.setdefault(reference, asyncio.Lock())
            async with lock:
                cached = self._usable(reference, refused)
                if cached is None:
                    cached = self._cached[reference] = await self._read_once(reference)
        if cached.allowed is not None and not cached.allowed.permit(host):
            raise SensorError(
                f"Secret {reference} may not be sent to {host}: its annotation {ALLOWED_ENDPOINTS} does not list it"
            )
        return cached.credentials

    def _usable(self, reference: str, refused: bool) -> _Cached | None:
        try:
            cached = self._cached[reference]  # `get` of this cache takes several times as long
        except KeyError:
            return None
        return None if refused and self._clock() - cached.read_at > LEAST_AGE else cached

    async def _read_once(self, reference: str) -> _Cached:
        """Read a Secret; an error is raised again for a while, so that not every sensor repeats the request."""
        known = self._errors.get(reference)
        if known is not None:
            raise known.with_traceback(None)  # it would collect frames
        try:
            return await self._read(reference)
        except WaoError as error:
            self._errors[reference] = error
            raise

    async def _read(self, reference: str) -> _Cached:
        namespace, _, name = reference.partition("/")
        secret = await self._read_secret(namespace, name)
        if secret is None:
            raise SensorError(f"there is no Secret {reference}: create it with the keys username and password")
        missing = [key for key in ("username", "password") if key not in secret.data]
        if missing:
            raise SensorError(f"Secret {reference} has no {' and no '.join(missing)}")
        try:
            credentials = Credentials(secret.data["username"].decode(), secret.data["password"].decode())
        except UnicodeDecodeError:
            raise SensorError(f"Secret {reference}: username and password must be UTF-8 text") from None
        hide_password(credentials.username, credentials.password)
        allowed = _allowed(reference, secret)
        if allowed is None and self._needs_annotation:
            raise SensorError(
                f"Secret {reference} does not say where it may be sent: list the hosts in its annotation "
                f"{ALLOWED_ENDPOINTS}"
            )
        return _Cached(credentials, allowed, self._clock())


def _allowed(reference: str, secret: Secret) -> AllowedHosts | None:
    stated = secret.annotations.get(ALLOWED_ENDPOINTS)
    if stated is None:
        return None
    try:
        return AllowedHosts.parse(stated)
    except UsageError as error:
        raise SensorError(f"Secret {reference}: annotation {ALLOWED_ENDPOINTS}: {error}") from None
