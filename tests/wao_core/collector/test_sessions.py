"""Sessions on BMCs that refuse basic authentication: one, kept, renewed once when it expired, and given back."""

from collections.abc import AsyncIterator, Mapping

import pytest

from wao_core.collector.addresses import AddressRule
from wao_core.collector.transport import PollingSession, PollingTransport
from wao_predict.connection import Credentials, TlsPolicy
from wao_predict.flow import Request
from wao_predict.redfish.mock import SESSIONS, MockBmc

PATH = "/redfish/v1/Chassis/1"
GET = Request("GET", PATH)
DOCUMENTS: dict[str, dict[str, object]] = {
    "/redfish/v1": {"Links": {"Sessions": {"@odata.id": SESSIONS}}},
    PATH: {"a": 1},
}


class SessionsOnly(MockBmc):
    """A BMC with basic authentication switched off."""

    def _knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("x-auth-token", "") in self._tokens


@pytest.fixture
async def session() -> AsyncIterator[PollingSession]:
    made = PollingSession(AddressRule(loopback=True))
    yield made
    await made.close()


@pytest.fixture
async def bmc() -> AsyncIterator[MockBmc]:
    async with SessionsOnly(DOCUMENTS, credentials=("u", "p")) as made:
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
    assert [(await transport.send(GET)).status for _ in range(4)] == [401] * 4
    assert bmc.logins == 1
    transport.credentials = Credentials("u", "p")
    assert (await transport.send(GET)).status == 200


async def test_basic_authentication_needs_no_session(session: PollingSession) -> None:
    async with MockBmc(DOCUMENTS, credentials=("u", "p")) as bmc:
        assert (await to(session, bmc).send(GET)).status == 200
        assert bmc.logins == 0


async def test_a_full_bmc_is_asked_again_later(session: PollingSession, bmc: MockBmc) -> None:
    bmc.max_sessions = 0
    transport = to(session, bmc)
    assert (await transport.send(GET)).status == 401
    bmc.max_sessions = 8
    assert (await transport.send(GET)).status == 200


async def test_passwords_go_to_redfish_paths_only(session: PollingSession, bmc: MockBmc) -> None:
    assert (await to(session, bmc).send(Request("GET", "/other"))).status == 401
    assert bmc.logins == 0
