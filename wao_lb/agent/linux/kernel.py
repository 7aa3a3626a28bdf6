"""What the agent does to the kernel, behind one interface, so that everything above it runs without root."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from wao_lb.agent.family import Family
from wao_lb.agent.linux import conntrack, nf_tables
from wao_lb.agent.linux.netlink import NetlinkError, NetlinkSocket
from wao_lb.agent.linux.nft import Nft, NftError
from wao_lb.agent.model import UdpFlows
from wao_lb.agent.split import Range
from wao_lb.agent.table import Held

log = logging.getLogger(__name__)


class Kernel(Protocol):
    """Our tables of this machine. Every method raises `NftError` when the kernel refuses."""

    async def preflight(self, family: Family) -> list[str]:
        """Return what is missing to serve a family."""
        ...

    async def apply(self, script: str) -> None:
        """Run one transaction."""
        ...

    async def write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        """Give weight maps other content, each at once."""
        ...

    async def held(self, family: Family) -> Held | None:
        """Return what our table holds, None when there is no table."""
        ...

    async def generation(self) -> int:
        """Return a number that grows with every change of any table."""
        ...

    async def forget_flows(self, family: Family, wanted: Sequence[UdpFlows]) -> int:
        """Delete the UDP flows that go where they should not; return how many."""
        ...


class LinuxKernel:
    """The kernel of the network namespace this process is in: `nft` for structure, netlink for the rest."""

    def __init__(self, nft: Nft | None = None) -> None:
        self._nft = nft or Nft()
        self._writer: NetlinkSocket | None = None  # kept open, for closing waits ten times as long as a small change

    def close(self) -> None:
        """Give up what is open; the rules stay."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def preflight(self, family: Family) -> list[str]:
        """Return what is missing to serve a family."""
        return await self._nft.preflight(family)

    async def apply(self, script: str) -> None:
        """Run one transaction."""
        await self._nft.apply(script)

    async def write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        """Give weight maps other content, each at once."""
        try:
            await asyncio.to_thread(self._write_weights, family, contents)
        except NetlinkError as error:
            raise NftError(f"the weights were not written: {error.strerror}") from error

    async def held(self, family: Family) -> Held | None:
        """Return what our table holds, None when there is no table."""
        try:
            return await asyncio.to_thread(nf_tables.held, family)
        except NetlinkError as error:
            raise NftError(f"the table was not read: {error.strerror}") from error

    async def generation(self) -> int:
        """Return a number that grows with every change of any table."""
        try:
            return await asyncio.to_thread(nf_tables.generation)
        except NetlinkError as error:
            raise NftError(f"the ruleset's generation was not read: {error.strerror}") from error

    async def forget_flows(self, family: Family, wanted: Sequence[UdpFlows]) -> int:
        """Delete the UDP flows that go where they should not; return how many."""
        try:
            return await asyncio.to_thread(conntrack.forget, family, wanted)
        except NetlinkError as error:
            raise NftError(f"UDP flows were not cleaned: {error.strerror}") from error

    def _write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        netlink, self._writer = self._writer or NetlinkSocket(), None
        try:
            nf_tables.write_weights(netlink, family, contents)
        except BaseException:  # answers may be left in it
            netlink.close()
            raise
        self._writer = netlink
