"""Which addresses may be connected to: who writes a NodeConfig must not aim the collector just anywhere. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from wao_predict.errors import RemoteError, UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_METADATA = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")))


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Refuses link-local (cloud metadata), multicast and unspecified addresses, and loopback unless allowed.

    Parameters
    ----------
    networks
        If any are given, only addresses in them are allowed.
    loopback
        Whether this machine itself may be asked, as in a demo.
    """

    networks: tuple[Network, ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, networks: Iterable[str], *, loopback: bool = False) -> AddressRule:
        """Read networks such as 10.1.0.0/16; raises `UsageError`."""
        try:
            return cls(tuple(ipaddress.ip_network(text.strip()) for text in networks), loopback)
        except ValueError as error:
            raise UsageError(f"--endpoint-network: {error}; write it as 10.1.0.0/16") from None

    def allows(self, address: str) -> bool:
        """Whether this IP address may be connected to."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        if self.networks and any(found in network for network in self.networks):
            return True
        if found.is_loopback:
            return self.loopback
        refused = found.is_multicast or found.is_unspecified or any(found in network for network in _METADATA)
        return not refused and not self.networks

    def check_host(self, host: str) -> None:
        """Raise `RemoteError` for a literal address that is refused; names are checked when they are resolved."""
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self.allows(host):
            raise RemoteError(
                f"{host} may not be asked: allow its network with --endpoint-network if it is a BMC", endpoint=host
            )
