"""Login through sushy, against a BMC that checks credentials, and four ways to lead them astray."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.wao_predict.redfish.captures import documents
from tests.wao_predict.redfish.test_discovery import member, thermal
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_predict import Credentials, HttpOptions, ProtocolError, RemoteError, TlsPolicy
from wao_predict.flow import Request, run
from wao_predict.redfish.connector import Auth, SushyTransport
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.explorer import moved_to
from wao_predict.redfish.mock import MockBmc

LOGIN = Credentials("reader", "hunter2")
OPTIONS = HttpOptions(timeout=5.0, connect_timeout=2.0)
SERVICE = {
    "@odata.id": "/redfish/v1/",
    "Id": "RootService",
    "Name": "Root",
    "RedfishVersion": "1.9.0",
    "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
    "SessionService": {"@odata.id": "/redfish/v1/SessionService"},
}


def with_root(held: dict[str, Any]) -> dict[str, Any]:
    return {
        **held,
        "/redfish/v1": {**SERVICE, **held["/redfish/v1"]},
        "/redfish/v1/SessionService": {
            "@odata.id": "/redfish/v1/SessionService",
            "Id": "SessionService",
            "Name": "Sessions",
            "Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"},
        },
        "/redfish/v1/SessionService/Sessions": {"Id": "Sessions", "Name": "Sessions", "Members": []},
    }


@asynccontextmanager
async def bmc(held: dict[str, Any], **options: Any) -> AsyncIterator[MockBmc]:
    async with MockBmc(with_root(held), credentials=("reader", "hunter2"), **options) as server:
        yield server


async def explore(url: str, credentials: Credentials = LOGIN, auth: Auth = "auto", **policy: Any) -> Discovery:
    """Discover in a thread, as sushy blocks."""

    def work() -> Discovery:
        transport = SushyTransport(url, credentials=credentials, tls=TlsPolicy(**policy), options=OPTIONS, auth=auth)
        try:
            return run(discover(), transport)
        finally:
            transport.close()

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("auth", ["auto", "session", "basic"])
async def test_it_logs_in_finds_the_inlet_and_logs_out(auth: Auth) -> None:
    async with bmc(documents("yadro-r120g2-openbmc")) as server:
        found = await explore(server.url, auth=auth)
        assert found.inlet is not None
        assert found.inlet.value == 17.0
        assert server.logins == (0 if auth == "basic" else 1)
        assert server.sessions == 0


async def test_it_falls_back_to_basic_when_no_session_is_left() -> None:
    held = with_root(documents("yadro-r120g2-openbmc"))
    async with MockBmc(held, credentials=("reader", "hunter2"), max_sessions=0) as server:
        with pytest.raises(RemoteError) as raised:
            await explore(server.url, auth="session")
        assert raised.value.status_code == 503
        assert (await explore(server.url, auth="auto")).inlet is not None


async def test_wrong_credentials_are_told_without_showing_them() -> None:
    async with bmc(documents("yadro-r120g2-openbmc")) as server:
        with pytest.raises(RemoteError) as raised:
            await explore(server.url, Credentials("reader", "wrong-secret"))
        assert "credentials" in str(raised.value)
        assert "wrong-secret" not in str(raised.value)


ATTACKS = {
    "absolute link": lambda other: {"@odata.id": f"{other}/redfish/v1/Chassis/1"},
    "network path": lambda other: {"@odata.id": f"//{other.removeprefix('http://')}/redfish/v1/Chassis/1"},
    "traversal": lambda other: {"@odata.id": "/redfish/v1/../../etc/passwd"},
    "backslash": lambda other: {"@odata.id": f"\\\\{other.removeprefix('http://')}\\redfish"},
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_credentials_never_reach_another_host(attack: str) -> None:
    async with MockBmc({}) as other:
        held = thermal(member("Inlet Temp", 22))
        evil = ATTACKS[attack](other.url)
        held["/redfish/v1/Chassis"]["Members"].insert(0, evil)
        held["/redfish/v1/Chassis/1"]["Sensors"] = evil
        held["/redfish/v1/Systems/1"]["Links"]["Chassis"].insert(0, evil)
        async with bmc(held) as server:
            found = await explore(server.url)
            assert found.inlet is not None
        assert other.requests == []


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    async with MockBmc({}) as other, bmc(thermal(member("Inlet Temp", 22))) as server:
        transport = await asyncio.to_thread(SushyTransport, server.url, credentials=LOGIN, options=OPTIONS)
        server.faults.redirect = f"{other.url}/redfish/v1/Chassis"
        answer = await asyncio.to_thread(transport.send, Request("GET", "/redfish/v1/Chassis"))
        assert (answer.status, moved_to(answer)) == (302, None)
        with pytest.raises(RemoteError, match="answered 302"):
            await asyncio.to_thread(run, discover(), transport)
        await asyncio.to_thread(transport.close)  # its logout is redirected, too
        assert other.requests == []


async def test_a_login_that_is_redirected_is_refused() -> None:
    async with MockBmc({}) as other, bmc(thermal(member("Inlet Temp", 22))) as server:
        server.faults.redirect = f"{other.url}/redfish/v1/"
        with pytest.raises(ProtocolError, match="redirects elsewhere"):
            await explore(server.url)
        assert other.requests == []


async def test_only_gets_under_redfish_are_sent() -> None:
    async with bmc(thermal(member("Inlet Temp", 22))) as server:
        transport = await asyncio.to_thread(SushyTransport, server.url, credentials=LOGIN, options=OPTIONS)
        for request in (Request("POST", "/redfish/v1/x"), Request("GET", "http://evil.example/redfish/v1/")):
            with pytest.raises(ProtocolError):
                transport.send(request)
        await asyncio.to_thread(transport.close)


async def test_an_oversized_body_is_refused() -> None:
    async with bmc(thermal(member("Inlet Temp", 22))) as server:
        transport = await asyncio.to_thread(SushyTransport, server.url, credentials=LOGIN, options=OPTIONS)
        server.faults.oversized = True
        with pytest.raises(ProtocolError, match="larger than"):
            await asyncio.to_thread(transport.send, Request("GET", "/redfish/v1/Chassis"))
        server.faults.oversized = False
        await asyncio.to_thread(transport.close)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return bootstrap_certificate(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])


async def test_tls_is_verified_by_authority_or_fingerprint(pair: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair[0].read_text())).hexdigest()
    server = MockBmc(with_root(documents("yadro-r120g2-openbmc")), credentials=("reader", "hunter2"))
    await server.start(tls=context)
    try:
        refusals: list[dict[str, Any]] = [{}, {"fingerprint": "11" * 32}]
        for refused in refusals:
            with pytest.raises(RemoteError):
                await explore(server.url, **refused)
        assert server.logins == 0
        for accepted in ({"ca_file": pair[0]}, {"fingerprint": digest}, {"insecure": True}):
            assert (await explore(server.url, **accepted)).inlet is not None
    finally:
        await server.stop()


async def test_nothing_logged_shows_the_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bmc(documents("yadro-r120g2-openbmc")) as server:
        await explore(server.url)
    assert "hunter2" not in caplog.text
