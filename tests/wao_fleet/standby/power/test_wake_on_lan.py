"""Starts by magic packets."""

from __future__ import annotations

import socket

import pytest

from wao_core.cluster.records import WakeOnLan
from wao_core.collector.addresses import AddressRule
from wao_fleet.standby.power.switch import DryRunSwitch
from wao_fleet.standby.power.wake_on_lan import EVERYWHERE, REPEATS, WakeOnLanSwitch
from wao_predict.errors import RemoteError

MAC = "0c:c4:7a:12:34:56"
PACKET = b"\xff" * 6 + bytes.fromhex("0cc47a123456") * 16


async def test_a_magic_packet_arrives_at_the_address_and_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        wake = WakeOnLan(MAC, "127.0.0.1", listener.getsockname()[1])
        await WakeOnLanSwitch(wake, None, AddressRule(loopback=True)).switch_on()
        assert [listener.recv(200) for _ in range(REPEATS)] == [PACKET] * REPEATS


async def test_by_default_it_goes_to_everybody_on_the_network() -> None:
    sent: list[tuple[str, str, int]] = []
    switch = WakeOnLanSwitch(WakeOnLan(MAC), None, AddressRule(), send=lambda *packet: sent.append(packet))
    await switch.switch_on()
    assert sent == [(MAC, EVERYWHERE, 9)] * REPEATS


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "127.0.0.1", "bmc.example.com"])
def test_no_packet_goes_where_no_endpoint_may_be(address: str) -> None:
    with pytest.raises(RemoteError, match=r"wakeOnLan\.broadcastAddress .* is not an allowed address"):
        WakeOnLanSwitch(WakeOnLan(MAC, address), None, AddressRule())


async def test_without_a_bmc_nothing_is_known_and_the_power_is_not_cut() -> None:
    switch = WakeOnLanSwitch(WakeOnLan(MAC), None, AddressRule())
    assert (switch.observes, await switch.read()) == (False, None)
    await switch.shut_down()
    with pytest.raises(RemoteError, match="no BMC"):
        await switch.force_off()


async def test_with_a_bmc_it_is_asked_for_everything_but_the_start() -> None:
    switch = WakeOnLanSwitch(WakeOnLan(MAC), DryRunSwitch("n1"), AddressRule())
    assert switch.observes
    await switch.shut_down()
    await switch.force_off()


async def test_a_packet_that_cannot_be_sent_is_an_error() -> None:
    def refuse(*_: object) -> None:
        raise OSError("network is unreachable")

    with pytest.raises(RemoteError, match="network is unreachable"):
        await WakeOnLanSwitch(WakeOnLan(MAC), None, AddressRule(), send=refuse).switch_on()
