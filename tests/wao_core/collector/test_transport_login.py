"""The login flow on the pollers' transport: sessions are kept, renewed when they expire, and closed at the end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from wao_core.collector.addresses import AddressRule
from wao_core.collector.transport import PollingSession, PollingTransport
from wao_predict.connection import Credentials, TlsPolicy
from wao_predict.errors import RemoteError
from wao_predict.flow import Request
from wao_predict.redfish.mock import SESSIONS
from wao_predict.testing import MockBmc

PATH = "/redfish/v1/Chassis/1"
GET = Request("GET", PATH)
DOCUMENTS: dict[str, dict[str, object]] = {
    "/redfish/v1": {"Links": {"Sessions": {"@odata.id": SESSIONS}}},
    PATH: {"a": 1},
}


@pytest.fixture
async def session() -> AsyncIterator[PollingSession]:
    made = PollingSession(AddressRule(loopback=True))
    yield made
    await made.close()


@pytest.fixture
async def bmc() -> AsyncIterator[MockBmc]:
    async with MockBmc(DOCUMENTS, credentials=("u", "p"), basic=False) as made:
        yield made


def to(session: PollingSession, bmc: MockBmc, password: str = "p") -> PollingTransport:
    return session.transport(bmc.url, tls=TlsPolicy(), credentials=Credentials("u", password))


async def test_logs_in_once_and_out_at_the_end(session: PollingSession, bmc: MockBmc) -> None:
    transport = to(session, bmc)
    assert [(await transport.send(GET)).status for _ in range(5)] == [200] * 5
    assert (bmc.logins, bmc.sessions, transport.logged_in) == (1, 1, True)
    await session.close()
    assert bmc.sessions == 0


async def test_an_expired_session_is_renewed_once(session: PollingSession, bmc: MockBmc) -> None:
    transport = to(session, bmc)
    await transport.send(GET)
    bmc.expire_sessions()
    assert (await transport.send(GET)).status == 200
    assert bmc.logins == 2


async def test_a_refused_password_is_tried_once(session: PollingSession, bmc: MockBmc) -> None:
    transport = to(session, bmc, "wrong")
    for _ in range(4):
        with pytest.raises(RemoteError, match="refused the credentials"):
            await transport.send(GET)
    assert bmc.logins == 1
    transport.credentials = Credentials("u", "p")
    assert (await transport.send(GET)).status == 200


async def test_many_readers_with_a_wrong_password_are_one_failed_login(session: PollingSession) -> None:
    async with MockBmc(DOCUMENTS, credentials=("u", "p")) as bmc:
        transport = to(session, bmc, "wrong")
        failed = await asyncio.gather(*(transport.send(GET) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(error, RemoteError) and error.status_code == 401 for error in failed)
        assert (bmc.refusals, bmc.logins) == (1, 0)
        transport.credentials = Credentials("u", "p")
        assert (await transport.send(GET)).status == 200


async def test_basic_authentication_needs_no_session(session: PollingSession) -> None:
    async with MockBmc(DOCUMENTS, credentials=("u", "p")) as bmc:
        assert (await to(session, bmc).send(GET)).status == 200
        assert bmc.logins == 0


async def test_a_full_bmc_is_asked_again_later(session: PollingSession, bmc: MockBmc) -> None:
    bmc.max_sessions = 0
    transport = to(session, bmc)
    with pytest.raises(RemoteError, match="no free one"):
        await transport.send(GET)
    bmc.max_sessions = 8
    assert (await transport.send(GET)).status == 200


async def test_passwords_go_to_redfish_paths_only(session: PollingSession, bmc: MockBmc) -> None:
    assert (await to(session, bmc).send(Request("GET", "/other"))).status == 401
    assert bmc.logins == 0
