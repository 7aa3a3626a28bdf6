"""The two address families, as nft, EndpointSlices and netlink name them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from wao_core.cluster.addresses import canonical_address, network_of


@dataclass(frozen=True, slots=True)
class Family:
    """An address family.

    Attributes
    ----------
    nft
        Name in nft: "ip" or "ip6".
    address_type
        Name in EndpointSlices: "IPv4" or "IPv6".
    set_type
        nft type of an address.
    number
        Number in netlink messages (NFPROTO_*, equal to AF_* here).
    """

    nft: str
    address_type: str
    set_type: str
    loopback: str
    number: int

    def includes(self, address: str) -> bool:
        """Return whether an address in canonical form is of this family."""
        return address != "" and (":" in address) == (self.nft == "ip6")

    def addresses(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the addresses of this family in canonical form, without duplicates and invalid ones."""
        return tuple(dict.fromkeys(item for text in texts if self.includes(item := canonical_address(text))))

    def networks(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the networks of this family, collapsed so that none contains another, without invalid ones."""
        found = [network for text in texts if (network := network_of(text)) is not None]
        if self.nft == "ip":
            four = [network for network in found if isinstance(network, ipaddress.IPv4Network)]
            return tuple(str(network) for network in ipaddress.collapse_addresses(four))
        six = [network for network in found if isinstance(network, ipaddress.IPv6Network)]
        return tuple(str(network) for network in ipaddress.collapse_addresses(six))


IPV4 = Family("ip", "IPv4", "ipv4_addr", "127.0.0.0/8", 2)
IPV6 = Family("ip6", "IPv6", "ipv6_addr", "::1", 10)
FAMILIES = (IPV4, IPV6)
