"""The kernel behind one interface, so that everything above it is tested without root."""

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
from wao_lb.agent.slots import Range
from wao_lb.agent.table import TableContents

log = logging.getLogger(__name__)


class Kernel(Protocol):
    """Our tables on this machine. Every method raises `NftError` when the kernel refuses."""

    async def preflight(self, family: Family) -> list[str]:
        """Return the missing kernel features to serve a family."""
        ...

    async def apply(self, transaction: str) -> None:
        """Run one transaction."""
        ...

    async def write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        """Replace the content of weight maps, each atomically."""
        ...

    async def table_contents(self, family: Family) -> TableContents | None:
        """Return the contents of our table, or None when there is no table."""
        ...

    async def generation(self) -> int:
        """Return the generation of the ruleset; every change of any table increases it."""
        ...

    async def forget_flows(self, family: Family, wanted: Sequence[UdpFlows]) -> int:
        """Delete stale UDP flows and return how many."""
        ...


class LinuxKernel:
    """The kernel of this network namespace: `nft` for structure, netlink for everything else."""

    def __init__(self, nft: Nft | None = None) -> None:
        self._nft = nft or Nft()
        self._writer: NetlinkSocket | None = None  # kept open: closing takes ten times as long as a small change

    def close(self) -> None:
        """Close the netlink socket; the rules stay."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def preflight(self, family: Family) -> list[str]:
        """Return the missing kernel features to serve a family."""
        return await self._nft.preflight(family)

    async def apply(self, transaction: str) -> None:
        """Run one transaction."""
        await self._nft.apply(transaction)

    async def write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        """Replace the content of weight maps, each atomically."""
        try:
            await asyncio.to_thread(self._write_weights, family, contents)
        except NetlinkError as error:
            raise NftError(f"weights could not be written: {error.strerror}") from error

    async def table_contents(self, family: Family) -> TableContents | None:
        """Return the contents of our table, or None when there is no table."""
        try:
            return await asyncio.to_thread(nf_tables.table_contents, family)
        except NetlinkError as error:
            raise NftError(f"the table could not be read: {error.strerror}") from error

    async def generation(self) -> int:
        """Return the generation of the ruleset; every change of any table increases it."""
        try:
            return await asyncio.to_thread(nf_tables.generation)
        except NetlinkError as error:
            raise NftError(f"the generation of the ruleset could not be read: {error.strerror}") from error

    async def forget_flows(self, family: Family, wanted: Sequence[UdpFlows]) -> int:
        """Delete stale UDP flows and return how many."""
        try:
            return await asyncio.to_thread(conntrack.forget, family, wanted)
        except NetlinkError as error:
            raise NftError(f"stale UDP flows could not be deleted: {error.strerror}") from error

    def _write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        netlink, self._writer = self._writer or NetlinkSocket(), None
        try:
            nf_tables.write_weights(netlink, family, contents)
        except BaseException:  # unread answers may be left in it
            netlink.close()
            raise
        self._writer = netlink
