"""Credentials of BMCs, read from Secrets by name and read again when they may have changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from wao_predict.connection import Credentials
from wao_predict.errors import SensorError

MAX_AGE = 60.0  # seconds after which a Secret is read again: there is no watch on Secrets, which needs less rights
LEAST_AGE = 5.0  # seconds for which even a refused password is not read again


class SecretReader(Protocol):
    """The part of `wao_core.cluster.source.Source` that is used."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a Secret."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: Credentials
    read_at: float


class SecretBook:
    """Keeps credentials for a minute; one read serves all the BMCs that share a Secret."""

    def __init__(self, source: SecretReader, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, reference: str, *, refused: bool = False) -> Credentials | None:
        """Return the credentials of "namespace/name", None for "".

        Parameters
        ----------
        refused
            The BMC refused what was returned before: read again at once, unless that was just done.

        Raises
        ------
        SensorError
            There is no such Secret, or it has no username and password.
        """
        if not reference:
            return None
        if (known := self._usable(reference, refused)) is not None:
            return known
        async with self._locks.setdefault(reference, asyncio.Lock()):
            if (known := self._usable(reference, refused)) is not None:
                return known
            credentials = await self._read(reference)
            self._held[reference] = _Held(credentials, self._clock())
            return credentials

    def _usable(self, reference: str, refused: bool) -> Credentials | None:
        held = self._held.get(reference)
        if held is None or self._clock() - held.read_at > (LEAST_AGE if refused else MAX_AGE):
            return None
        return held.credentials

    async def _read(self, reference: str) -> Credentials:
        namespace, _, name = reference.partition("/")
        data = await self._source.secret(namespace, name)
        if data is None:
            raise SensorError(f"there is no Secret {reference}: create it with the keys username and password")
        missing = [key for key in ("username", "password") if key not in data]
        if missing:
            raise SensorError(f"the Secret {reference} has no {' and no '.join(missing)}")
        try:
            return Credentials(data["username"].decode(), data["password"].decode())
        except UnicodeDecodeError:
            raise SensorError(f"the Secret {reference}: username and password must be UTF-8 text") from None
