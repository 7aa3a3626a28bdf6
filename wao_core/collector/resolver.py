"""Resolves names to addresses, caches them for a minute, and leaves out those that may not be connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from cachetools import TTLCache

from wao_core.collector.addresses import AddressRule

TTL = 60.0  # seconds
MOST_NAMES = 20_000
LONGEST_NAME = 253
"""Characters of a name (RFC 1035)."""


class Resolver:
    """Resolves names and leaves out addresses that the rule refuses."""

    def __init__(self, rule: AddressRule) -> None:
        self._rule = rule
        self._cached: TTLCache[str, list[str]] = TTLCache(MOST_NAMES, TTL)

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of a name, or the address itself.

        Raises
        ------
        OSError
            There is no address, or none that is allowed.
        """
        cached = self._cached.get(host)
        if cached is None:
            found = await self._look_up(host)
            cached = self._cached[host] = [address for address in found if self._rule.allows(address)]
        if not cached:
            raise OSError(f"{host} has no allowed address (--endpoint-network)")
        return cached

    async def _look_up(self, host: str) -> list[str]:
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            if len(host) > LONGEST_NAME:
                raise OSError(f"{host[:40]}... has {len(host)} characters: no name of a host has") from None
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except UnicodeError as error:
                raise OSError(f"{host} is not the name of a host: {error}") from None
            return list(dict.fromkeys(str(item[4][0]) for item in found))
        return [host]
