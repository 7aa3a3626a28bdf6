"""Names to addresses: kept for a minute, and without those that must not be connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from wao_core.collector.addresses import AddressRule

TTL = 60.0  # seconds
MOST_NAMES = 20_000


class Resolver:
    """Resolves names and leaves out addresses that the rule refuses, so a name cannot lead there either."""

    def __init__(self, rule: AddressRule) -> None:
        self._rule = rule
        self._held: dict[str, tuple[float, list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of a name, or the address itself.

        Raises
        ------
        OSError
            There is none, or none that may be connected to.
        """
        now = asyncio.get_running_loop().time()
        held = self._held.get(host)
        if held is None or now - held[0] > TTL:
            found = await self._look_up(host)
            if len(self._held) >= MOST_NAMES:
                self._held.clear()
            held = self._held[host] = (now, [address for address in found if self._rule.allows(address)])
        if not held[1]:
            raise OSError(f"{host} has no address that may be connected to")
        return held[1]

    async def _look_up(self, host: str) -> list[str]:
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(item[4][0]) for item in found))
        return [host]
