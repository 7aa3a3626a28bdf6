"""The switch of a node is made from its NodeConfig, and kept while that stays the same."""

from __future__ import annotations

import pytest

from wao_core.cluster.records import Standby, WakeOnLan
from wao_core.cluster.source import Secret
from wao_core.collector.endpoints import EndpointAccess
from wao_fleet.standby.power.redfish import RedfishSwitch
from wao_fleet.standby.power.switch import DryRunSwitch
from wao_fleet.standby.power.switches import Switches
from wao_fleet.standby.power.wake_on_lan import WakeOnLanSwitch
from wao_predict.endpoint import Endpoint
from wao_predict.errors import UsageError

BMC = Endpoint("Redfish", "https://10.0.0.1", "wao-system/power")


async def no_secret(namespace: str, name: str) -> Secret | None:
    return None


@pytest.mark.parametrize(
    ("standby", "kind"),
    [
        (Standby(), DryRunSwitch),
        (Standby(bmc=BMC), DryRunSwitch),
        (Standby(method="Redfish", bmc=BMC), RedfishSwitch),
        (Standby(method="WakeOnLan", wake_on_lan=WakeOnLan("0c:c4:7a:12:34:56")), WakeOnLanSwitch),
    ],
)
async def test_the_method_decides(standby: Standby, kind: type) -> None:
    assert isinstance(Switches(no_secret, EndpointAccess()).of("n1", standby), kind)


async def test_a_switch_is_kept_until_its_node_config_changes_or_its_node_is_gone() -> None:
    switches = Switches(no_secret, EndpointAccess())
    first = switches.of("n1", Standby(method="Redfish", bmc=BMC))
    assert switches.of("n1", Standby(method="Redfish", bmc=BMC)) is first
    assert switches.of("n1", Standby(method="Redfish", bmc=BMC, system="2")) is not first
    switches.keep_only(["n2"])
    assert switches.of("n1", Standby(method="Redfish", bmc=BMC)) is not first


@pytest.mark.parametrize(
    ("standby", "message"),
    [
        (Standby(method="{{ .Labels.method }}"), "use DryRun, Redfish or WakeOnLan"),
        (Standby(method="Redfish", bmc=Endpoint("Redfish", "https://u:p@10.0.0.1")), "put them into a Secret"),
    ],
)
async def test_what_cannot_be_switched_says_why(standby: Standby, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Switches(no_secret, EndpointAccess()).of("n1", standby)


async def test_the_dry_run_does_nothing() -> None:
    switch = DryRunSwitch("n1")
    assert (switch.acts, switch.observes, await switch.read()) == (False, False, None)
    for act in (switch.switch_on, switch.shut_down, switch.force_off):
        await act()
