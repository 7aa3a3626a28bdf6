"""Starts a server by a magic packet (Wake-on-LAN), and shuts it down through its BMC, if it has one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wao_core.cluster.records import WakeOnLan
from wao_core.collector.addresses import AddressRule
from wao_fleet.standby.power.switch import PowerSwitch
from wao_predict.errors import RemoteError
from wao_predict.redfish.power_control import PowerState

EVERYWHERE = "255.255.255.255"
REPEATS = 3
"""Packets of one start: they are datagrams, and any may be lost."""

Send = Callable[[str, str, int], None]
"""Sends a magic packet for a MAC address to an address and a port."""


def send_packet(mac_address: str, address: str, port: int) -> None:
    """Send a magic packet by the package wakeonlan; raises `OSError` and `ValueError`."""
    import wakeonlan

    wakeonlan.wake(mac_address, host=address, port=port)


class WakeOnLanSwitch:
    """Starts one server by magic packets.

    A packet has no answer, so nothing but the node itself shows whether the server started. Without a BMC an agent on
    the node shuts it down when the node's annotation says so (docs/standby.md), and the power state is unknown.

    Parameters
    ----------
    bmc
        Reads the power state and shuts the server down; None for a server without a BMC.
    rule
        The addresses that may be sent to; the limited broadcast is always allowed.
    """

    acts = True

    def __init__(
        self, wake: WakeOnLan, bmc: PowerSwitch | None, rule: AddressRule, *, send: Send = send_packet
    ) -> None:
        self._wake, self._bmc, self._send = wake, bmc, send
        self._address = wake.broadcast_address or EVERYWHERE
        if self._address != EVERYWHERE and not rule.allows(self._address):
            raise RemoteError(
                f"wakeOnLan.broadcastAddress {self._address} is not an allowed address: give the broadcast address of "
                "the nodes' network, and allow it with --endpoint-network",
                endpoint=self._address,
            )

    @property
    def observes(self) -> bool:
        """Whether there is a BMC."""
        return self._bmc is not None

    async def read(self) -> PowerState | None:
        """Return the power state that the BMC states, None without one."""
        return None if self._bmc is None else await self._bmc.read()

    async def switch_on(self) -> None:
        """Send the magic packets."""
        try:
            for _ in range(REPEATS):
                await asyncio.to_thread(self._send, self._wake.mac_address, self._address, self._wake.port)
        except (OSError, ValueError) as error:
            raise RemoteError(f"no magic packet could be sent to {self._address}: {error}") from None

    async def shut_down(self) -> None:
        """Shut down through the BMC; without one the node's own agent does it."""
        if self._bmc is not None:
            await self._bmc.shut_down()

    async def force_off(self) -> None:
        """Cut the power through the BMC."""
        if self._bmc is None:
            raise RemoteError("the power cannot be cut: the server has no BMC in its NodeConfig")
        await self._bmc.force_off()
