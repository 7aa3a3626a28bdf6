"""Power control through sushy, against a BMC that has power states, checks credentials and allows some reset types."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.fakes.power_bmcs import ROOT, documents, power_bmc, with_action_info
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_predict import Credentials, HttpOptions, RemoteError, TlsPolicy, UsageError
from wao_predict.redfish.power_control import PowerControl, PowerState
from wao_predict.testing import MockBmc

T = TypeVar("T")
LOGIN = Credentials("operator", "hunter2")
OPTIONS = HttpOptions(timeout=5.0, connect_timeout=2.0)
SYSTEM = f"{ROOT}/Systems/1"


async def control(
    server: MockBmc, work: Callable[[PowerControl], T], credentials: Credentials = LOGIN, **options: Any
) -> T:
    """Work in a thread, because sushy blocks."""

    def in_thread() -> T:
        with PowerControl(server.url, credentials=credentials, options=OPTIONS, **options) as power:
            return work(power)

    return await asyncio.to_thread(in_thread)


async def test_the_power_state_is_read() -> None:
    async with power_bmc("1") as server:
        assert await control(server, PowerControl.read) is PowerState.ON
        server.power_states[SYSTEM] = "Unheard"
        assert await control(server, PowerControl.read) is None


async def test_a_server_is_shut_down_switched_on_and_forced_off() -> None:
    def work(power: PowerControl) -> list[PowerState | None]:
        states = []
        for step in (power.shut_down, power.switch_on, power.force_off):
            step()
            states.append(power.read())
        return states

    async with power_bmc("1") as server:
        assert await control(server, work) == [PowerState.OFF, PowerState.ON, PowerState.OFF]
        assert [kind for _, kind in server.resets] == ["GracefulShutdown", "On", "ForceOff"]


async def test_a_bmc_that_knows_force_on_only_is_switched_on_with_it() -> None:
    async with power_bmc("1", allowed=["ForceOn"]) as server:
        await control(server, PowerControl.switch_on)
        assert server.resets == [(SYSTEM, "ForceOn")]


async def test_a_reset_type_that_the_bmc_does_not_allow_is_not_sent() -> None:
    async with power_bmc("1", allowed=["On", "ForceOff"]) as server:
        with pytest.raises(UsageError, match="does not allow GracefulShutdown; it allows ForceOff, On"):
            await control(server, PowerControl.shut_down)
        assert server.resets == []


async def test_reset_types_that_a_bmc_lists_in_an_action_info_are_found() -> None:
    """OpenBMC lists them there."""
    held = with_action_info(documents("1", allowed=["ForceOn"]), SYSTEM)
    async with MockBmc(held, credentials=("operator", "hunter2")) as server:
        await control(server, PowerControl.switch_on)
        assert server.resets == [(SYSTEM, "ForceOn")]
        with pytest.raises(UsageError, match="does not allow GracefulShutdown; it allows ForceOn"):
            await control(server, PowerControl.shut_down)


async def test_a_bmc_that_lists_no_reset_types_decides_itself() -> None:
    async with power_bmc("1", allowed=[]) as server:
        with pytest.raises(RemoteError, match="refused the request"):
            await control(server, PowerControl.switch_on)
        assert f"POST {SYSTEM}/Actions/ComputerSystem.Reset" in server.requests


async def test_one_of_several_systems_must_be_named() -> None:
    async with power_bmc("Node0", "Node1") as server:
        with pytest.raises(UsageError, match="name one of the Systems; the BMC has: Node0, Node1"):
            await control(server, PowerControl.force_off)
        with pytest.raises(UsageError, match="there is no System 'Node7'; the BMC has: Node0, Node1"):
            await control(server, PowerControl.force_off, system="Node7")
        await control(server, PowerControl.force_off, system="Node1")
        assert server.resets == [(f"{ROOT}/Systems/Node1", "ForceOff")]


@pytest.mark.parametrize("basic", [True, False])
async def test_it_logs_in_as_the_sensors_do_and_logs_out(basic: bool) -> None:
    async with power_bmc("1", basic=basic) as server:
        await control(server, PowerControl.read)
        assert (server.logins, server.sessions) == (0 if basic else 1, 0)


async def test_a_wrong_password_is_one_failed_login() -> None:
    async with power_bmc("1") as server:
        with pytest.raises(RemoteError, match="refused the credentials") as raised:
            await control(server, PowerControl.read, Credentials("operator", "wrong-secret"))
        assert (server.refusals, server.logins, raised.value.status_code) == (1, 0, 401)
        assert "wrong-secret" not in str(raised.value)


async def test_a_bmc_that_fails_or_does_not_answer_is_a_remote_error() -> None:
    async with power_bmc("1") as server:
        server.faults.status = 500
        with pytest.raises(RemoteError, match="status 500"):
            await control(server, PowerControl.read)
        url = server.url
    with pytest.raises(RemoteError):
        await asyncio.to_thread(PowerControl, url, credentials=LOGIN, options=OPTIONS)


async def test_broken_documents_are_remote_errors() -> None:
    held = documents("1")
    held[SYSTEM]["Actions"] = ["broken"]
    async with MockBmc(held, credentials=("operator", "hunter2")) as server:
        with pytest.raises(RemoteError):
            await control(server, PowerControl.force_off)


async def test_a_redirect_is_not_followed() -> None:
    async with MockBmc({}) as other, power_bmc("1") as server:
        server.faults.redirect = f"{other.url}/redfish/v1/"
        with pytest.raises(RemoteError, match="redirects elsewhere"):
            await control(server, PowerControl.read)
        assert other.requests == []


async def test_a_link_to_another_host_is_not_followed() -> None:
    async with MockBmc({}) as other:
        held = documents("1")
        held[SYSTEM]["Actions"]["#ComputerSystem.Reset"]["target"] = f"{other.url}/redfish/v1/steal"
        async with MockBmc(held, credentials=("operator", "hunter2")) as server:
            with pytest.raises(RemoteError, match="not a path under /redfish/"):
                await control(server, PowerControl.force_off)
        assert other.requests == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return bootstrap_certificate(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])


async def test_certificates_are_verified_by_the_tls_policy(pair: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    pem = pair[0].read_text()
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    server = power_bmc("1")
    await server.start(tls=context)
    try:
        for refused in (TlsPolicy(), TlsPolicy(fingerprint="11" * 32)):
            with pytest.raises(RemoteError, match=f"fingerprint is {digest}.*tls.insecureSkipVerify"):
                await control(server, PowerControl.read, tls=refused)
        assert server.requests == []
        for accepted in (
            TlsPolicy(ca_file=pair[0]),
            TlsPolicy(ca_data=pem),
            TlsPolicy(fingerprint=digest),
            TlsPolicy(insecure=True),
        ):
            assert await control(server, PowerControl.read, tls=accepted) is PowerState.ON
    finally:
        await server.stop()


@pytest.mark.parametrize("secured", [True, False])
async def test_a_name_that_was_resolved_before_is_not_resolved_again(tmp_path: Path, secured: bool) -> None:
    """The name does not exist: only the address can lead to the BMC, and the certificate counts for the name."""
    pair = bootstrap_certificate(tmp_path, ["bmc-1.invalid"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    server = power_bmc("1")
    await server.start(tls=context if secured else None)
    real, server.url = server.url, server.url.replace("127.0.0.1", "bmc-1.invalid")
    try:
        found = await control(server, PowerControl.read, tls=TlsPolicy(ca_file=pair[0]), address="127.0.0.1")
        assert found is PowerState.ON
        if secured:
            server.url = server.url.replace("bmc-1", "bmc-2")
            with pytest.raises(RemoteError, match="bmc-2"):
                await control(server, PowerControl.read, tls=TlsPolicy(ca_file=pair[0]), address="127.0.0.1")
    finally:
        server.url = real
        await server.stop()


async def test_the_password_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with power_bmc("1", basic=False) as server:
        await control(server, PowerControl.force_off)
    assert "hunter2" not in caplog.text
