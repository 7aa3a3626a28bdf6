"""Power control of a node through its BMC, with the rules that apply to every endpoint of a NodeConfig."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.fakes.power_bmcs import ROOT, power_bmc
from wao_core.cluster.records import Standby
from wao_core.cluster.source import Secret
from wao_core.collector.addresses import AddressRule
from wao_core.collector.endpoints import EndpointAccess
from wao_core.collector.secrets import ALLOWED_ENDPOINTS
from wao_demo.bmcs import EXAMPLES, FORMS, LOGIN
from wao_fleet.standby.power.switch import PowerSwitch
from wao_fleet.standby.power.switches import Switches
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, SensorError
from wao_predict.redfish.mock import load_documents
from wao_predict.redfish.power_control import PowerState
from wao_predict.testing import MockBmc


class Store:
    """The Secret of the account that may switch power."""

    def __init__(
        self, password: str = "hunter2", annotations: Mapping[str, str] | None = None, *, username: str = "operator"
    ) -> None:
        self.username, self.password, self.annotations = username, password, annotations or {}

    async def secret(self, namespace: str, name: str) -> Secret | None:
        assert (namespace, name) == ("wao-system", "power")
        data = {"username": self.username.encode(), "password": self.password.encode()}
        return Secret(data, self.annotations)


def switch(bmc: MockBmc, store: Store | None = None, *, system: str = "", loopback: bool = True) -> PowerSwitch:
    access = EndpointAccess(rule=AddressRule(loopback=loopback))
    standby = Standby(method="Redfish", bmc=Endpoint("Redfish", bmc.url, "wao-system/power"), system=system)
    return Switches((store or Store()).secret, access).of("n1", standby)


async def test_a_server_is_shut_down_and_started() -> None:
    async with power_bmc("1") as bmc:
        power = switch(bmc)
        assert (power.acts, power.observes, await power.read()) == (True, True, PowerState.ON)
        await power.shut_down()
        assert await power.read() is PowerState.OFF
        await power.switch_on()
        assert await power.read() is PowerState.ON
        await power.force_off()
        assert [kind for _, kind in bmc.resets] == ["GracefulShutdown", "On", "ForceOff"]


async def test_the_system_of_a_bmc_with_several_is_named() -> None:
    async with power_bmc("Node0", "Node1") as bmc:
        with pytest.raises(RemoteError, match="name one of the Systems; the BMC has: Node0, Node1"):
            await switch(bmc).shut_down()
        await switch(bmc, system="Node1").shut_down()
        assert bmc.resets == [(f"{ROOT}/Systems/Node1", "GracefulShutdown")]


async def test_a_reset_type_that_the_bmc_does_not_have_is_not_replaced_by_a_harder_one() -> None:
    async with power_bmc("1", allowed=["On", "ForceOff"]) as bmc:
        with pytest.raises(RemoteError, match="does not allow GracefulShutdown; it allows ForceOff, On"):
            await switch(bmc).shut_down()
        assert bmc.resets == []


async def test_a_wrong_password_is_tried_once() -> None:
    async with power_bmc("1") as bmc:
        power = switch(bmc, Store("wrong"))
        for message in ("refused the credentials", "not tried again", "not tried again"):
            with pytest.raises(RemoteError, match=message):
                await power.read()
        assert (bmc.refusals, bmc.logins) == (1, 0)


async def test_addresses_and_hosts_that_are_not_allowed_get_no_request() -> None:
    async with power_bmc("1") as bmc:
        with pytest.raises(RemoteError, match="no allowed address"):
            await switch(bmc, loopback=False).switch_on()
        elsewhere = Store(annotations={ALLOWED_ENDPOINTS: "bmc.example.com"})
        with pytest.raises(SensorError, match="may not be sent to"):
            await switch(bmc, elsewhere).switch_on()
        assert bmc.requests == []


async def test_accounts_can_be_in_a_namespace_of_their_own() -> None:
    """The servers that read sensors may read every Secret of the NodeConfigs' namespace."""
    read: list[tuple[str, str]] = []
    store = Store(annotations={ALLOWED_ENDPOINTS: "127.0.0.0/8"})

    async def secret(namespace: str, name: str) -> Secret | None:
        read.append((namespace, name))
        return await store.secret("wao-system", name)

    async with power_bmc("1") as bmc:
        access = EndpointAccess(rule=AddressRule(loopback=True))
        standby = Standby(method="Redfish", bmc=Endpoint("Redfish", bmc.url, "wao-bmc/power"))
        await Switches(secret, access, secret_namespace="wao-power").of("n1", standby).read()
        assert read == [("wao-power", "power")]
        requests, store.annotations = len(bmc.requests), {}
        with pytest.raises(SensorError, match="does not say where it may be sent"):
            await Switches(secret, access, secret_namespace="wao-power").of("n1", standby).read()
        assert len(bmc.requests) == requests


@pytest.mark.parametrize("name", ["cloud_dell", "cloud_lenovo", "edge_lenovo"])
async def test_recorded_bmcs_of_the_demo_can_be_switched(name: str) -> None:
    """Dell iDRAC, HPE iLO and Intel; the recording of OpenBMC has no reset types."""
    form = FORMS[name]
    async with MockBmc(load_documents(EXAMPLES / form.file), credentials=LOGIN) as bmc:
        power = switch(bmc, Store(LOGIN[1], username=LOGIN[0]))
        assert await power.read() is PowerState.ON
        await power.shut_down()
        assert await power.read() is PowerState.OFF
        await power.switch_on()
        assert await power.read() is PowerState.ON


async def test_a_bmc_that_is_away_is_a_remote_error() -> None:
    async with power_bmc("1") as bmc:
        power = switch(bmc)
    with pytest.raises(RemoteError):
        await power.read()
