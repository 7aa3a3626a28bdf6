"""Addresses and hosts that may be connected to: the author of a NodeConfig must not reach every server. Pure.

`AddressRule` applies to every connection that a NodeConfig can cause: to sensors, models, endpoint providers, and the
model servers that those name. It is checked for addresses in URLs and for each address that a name resolves to.
`AllowedHosts` is the annotation of a Secret that lists where its credentials may be sent.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wao_predict.errors import RemoteError, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_NEVER = _networks(
    *("0.0.0.0/8", "255.255.255.255/32", "::/128"),  # unspecified and broadcast
    *("224.0.0.0/4", "ff00::/8"),  # multicast
    *("169.254.0.0/16", "fe80::/10"),  # link-local, which includes the metadata servers of most clouds
    *("fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32"),  # metadata: AWS, Alibaba, Azure
)
_EMBEDDING = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)
"""Networks whose last 32 bits are an IPv4 address: NAT64 (RFC 6052, 8215), compatible (4291), translated (2765)."""


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Decides which IP addresses may be connected to.

    Link-local addresses (cloud metadata), multicast and unspecified addresses are always refused. An address in
    `networks` is allowed. Otherwise loopback addresses are allowed if `loopback` is set, whether or not there are
    `networks`; addresses in `refused` are refused; and all others are allowed if there are no `networks`.

    Parameters
    ----------
    networks
        Networks of the endpoints; if there are any, all addresses outside them are refused, except loopback.
    refused
        Networks that are refused, such as those of Services and Pods; `networks` takes precedence.
    loopback
        Whether endpoints may be on this machine, as in standalone mode and in a demo.
    """

    networks: tuple[Network, ...] = ()
    refused: tuple[Network, ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, networks: Iterable[str], *, refused: Iterable[str] = (), loopback: bool = False) -> AddressRule:
        """Return the rule for networks such as "10.1.0.0/16"; raises `UsageError`."""
        return cls(_parsed(networks, "--endpoint-network"), _parsed(refused, "--refuse-network"), loopback)

    def allows(self, address: str) -> bool:
        """Return whether this IP address may be connected to."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return all(map(self._allows, _meanings(found)))

    def _allows(self, address: Address) -> bool:
        if any(address in network for network in _NEVER):
            return False
        if any(address in network for network in self.networks):
            return True
        if address.is_loopback:
            return self.loopback
        return not self.networks and not any(address in network for network in self.refused)

    def check_host(self, host: str) -> None:
        """Raise `RemoteError` if the host is an address that is refused; names are checked when they are resolved."""
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self.allows(host):
            raise RemoteError(
                f"{host} is not an allowed address: if it is a BMC or a model server, allow its network with "
                "--endpoint-network; link-local addresses are never allowed",
                endpoint=host,
            )


def _meanings(address: Address) -> Iterator[Address]:
    """Yield the address, or the IPv4 addresses that an IPv6 address leads to."""
    inner = tuple(_embedded(address)) if isinstance(address, ipaddress.IPv6Address) else ()
    yield from inner or (address,)


def _embedded(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if (found := address.ipv4_mapped or address.sixtofour) is not None:
        yield found
    elif address.teredo is not None:
        yield from address.teredo
    elif int(address) > 1 and any(address in network for network in _EMBEDDING):
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _parsed(texts: Iterable[str], option: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text.strip()) for text in texts)
    except ValueError as error:
        raise UsageError(f"{option}: {error}; write it as 10.1.0.0/16") from None


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts that credentials may be sent to.

    Parameters
    ----------
    names
        Names of hosts in lower case.
    suffixes
        Ends of names, such as ".bmc.example.com".
    networks
        Networks of hosts that are given by address. A name is not resolved for this.
    """

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> AllowedHosts:
        """Return the hosts in a list such as "bmc-1.example.com, *.bmc.example.com, 10.1.0.0/16".

        Raises
        ------
        UsageError
            An entry is not a host, a suffix or a network.
        """
        names: set[str] = set()
        suffixes: list[str] = []
        networks: list[Network] = []
        for entry in filter(None, (part.strip().lower().rstrip(".") for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]")))
                continue
            except ValueError:
                pass
            if not re.fullmatch(r"(\*\.)?[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?", entry):
                raise UsageError(
                    f"{entry!r:.80} is not a host, *.suffix or network; write hosts without scheme and port"
                )
            if entry.startswith("*."):
                suffixes.append(entry[1:])
            else:
                names.add(entry)
        return cls(frozenset(names), tuple(suffixes), tuple(networks))

    def permit(self, host: str) -> bool:
        """Return whether credentials may be sent to this host."""
        host = host.lower().rstrip(".")
        if host in self.names or host.endswith(self.suffixes):
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self.networks)
