"""Logging in to a BMC: basic authentication first, a session where it is required, and no account gets locked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.bmc_trees import member, thermal
from tests.wao_predict.redfish.captures import documents
from wao_predict import Credentials, HttpOptions, RemoteError
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.login import FIRST_WAIT, RedfishLogin
from wao_predict.testing import MockBmc, MockTransport, json_response
from wao_predict.transport import HttpTransport

LOGIN = Credentials("reader", "hunter2")
WRONG = Credentials("reader", "wrong-secret")
GET = Request("GET", "/redfish/v1/Chassis")
BASIC = {"www-authenticate": 'Basic realm="BMC"'}


def refuse(headers: dict[str, str]) -> Callable[[Request], Response]:
    return lambda request: json_response({}, status=401, headers=headers)


def test_wrong_credentials_cost_one_failed_login_until_the_wait_is_over() -> None:
    now = [0.0]
    login, bmc = RedfishLogin(clock=lambda: now[0]), MockTransport(refuse(BASIC))
    for _ in range(3):
        with pytest.raises(RemoteError, match=r"refused the credentials.*next attempt is in \d min") as raised:
            run(login.exchange(GET, WRONG), bmc)
        assert raised.value.status_code == 401
    assert bmc.urls == [GET.url]
    now[0] = FIRST_WAIT
    with pytest.raises(RemoteError):
        run(login.exchange(GET, WRONG), bmc)
    assert len(bmc.requests) == 2


def test_other_credentials_are_tried_at_once() -> None:
    login, bmc = RedfishLogin(), MockTransport(refuse(BASIC))
    for credentials in (WRONG, LOGIN):
        with pytest.raises(RemoteError):
            run(login.exchange(GET, credentials), bmc)
    assert len(bmc.requests) == 2


def test_no_session_is_opened_where_basic_authentication_is_offered() -> None:
    bmc = MockTransport(refuse(BASIC))
    with pytest.raises(RemoteError):
        run(RedfishLogin().exchange(GET, WRONG), bmc)
    assert [request.method for request in bmc.requests] == ["GET"]


def test_a_bmc_without_sessions_and_basic_authentication_refuses_the_credentials() -> None:
    def answer(request: Request) -> Response:
        return json_response({}, status=405 if request.method == "POST" else 401)

    bmc = MockTransport(answer)
    with pytest.raises(RemoteError, match="refused the credentials"):
        run(RedfishLogin().exchange(GET, WRONG), bmc)


def test_a_session_is_opened_without_an_authorization_header() -> None:
    """Some BMCs refuse the login otherwise: https://github.com/dsx-ai-factory/nv-redfish/pull/105."""

    def answer(request: Request) -> Response:
        if request.method == "POST":
            refused = "Authorization" in request.headers
            return json_response({}, status=400 if refused else 201, headers={"x-auth-token": "t"})
        return json_response({}, status=200 if "X-Auth-Token" in request.headers else 401)

    assert run(RedfishLogin().exchange(GET, LOGIN), MockTransport(answer)).status == 200


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_login_follows_a_redirect_to_another_path_of_the_bmc(status: int) -> None:
    """Older Supermicro BMCs: https://github.com/bb-Ricardo/check_redfish/pull/187."""

    def answer(request: Request) -> Response:
        if request.method == "POST" and not request.url.endswith("/"):
            return json_response({}, status=status, headers={"location": f"{request.url}/"})
        if request.method == "POST":
            return json_response({}, status=201, headers={"x-auth-token": "t"})
        return json_response({}, status=200 if "X-Auth-Token" in request.headers else 401)

    assert run(RedfishLogin().exchange(GET, LOGIN), MockTransport(answer)).status == 200


def test_a_login_follows_no_redirect_to_another_host() -> None:
    def answer(request: Request) -> Response:
        if request.method == "POST":
            return Response(
                308, b"", {"location": "https://evil.example/redfish/v1/Sessions/"}, f"https://bmc{request.url}"
            )
        return json_response({}, status=401)

    bmc = MockTransport(answer)
    with pytest.raises(RemoteError, match="opens no session"):
        run(RedfishLogin().exchange(GET, LOGIN), bmc)
    assert not any("evil" in url for url in bmc.urls)


def test_a_session_without_a_location_is_used_and_left_to_expire() -> None:
    def answer(request: Request) -> Response:
        if request.method == "POST":
            return json_response({}, status=201, headers={"x-auth-token": "t"})
        return json_response({}, status=200 if "X-Auth-Token" in request.headers else 401)

    bmc, login = MockTransport(answer), RedfishLogin()
    assert run(login.exchange(GET, LOGIN), bmc).status == 200
    run(login.end(), bmc)
    assert not login.logged_in
    assert bmc.urls[-1] == GET.url
    assert "DELETE" not in [request.method for request in bmc.requests]


@pytest.mark.parametrize("location", ["https://evil.example/redfish/v1/SessionService/Sessions/1", "/other/1"])
def test_the_logout_goes_to_a_path_of_the_bmc_only(location: str) -> None:
    def answer(request: Request) -> Response:
        if request.method == "POST":
            return json_response({}, status=201, headers={"x-auth-token": "t", "location": location})
        return json_response({}, status=200 if "X-Auth-Token" in request.headers else 401)

    bmc, login = MockTransport(answer), RedfishLogin()
    run(login.exchange(GET, LOGIN), bmc)
    run(login.end(), bmc)
    assert all(url.startswith("/redfish/v1/") for url in bmc.urls)


def read(url: str, credentials: Credentials) -> Discovery:
    transport = HttpTransport(url, credentials=credentials, options=HttpOptions(timeout=5.0, backoff=0.0))
    try:
        return run(discover(), transport)
    finally:
        transport.close()


@pytest.mark.parametrize("basic", [True, False])
async def test_a_bmc_is_read_and_left_without_a_session(basic: bool) -> None:
    async with MockBmc(documents("yadro-r120g2-openbmc"), credentials=("reader", "hunter2"), basic=basic) as bmc:
        found = await asyncio.to_thread(read, bmc.url, LOGIN)
        assert found.inlet is not None
        assert (bmc.logins, bmc.sessions) == (0 if basic else 1, 0)


@pytest.mark.parametrize(("basic", "logins"), [(True, 0), (False, 1)])
async def test_a_wrong_password_is_one_failed_login(basic: bool, logins: int) -> None:
    async with MockBmc(documents("yadro-r120g2-openbmc"), credentials=("reader", "hunter2"), basic=basic) as bmc:
        with pytest.raises(RemoteError, match="refused the credentials") as raised:
            await asyncio.to_thread(read, bmc.url, WRONG)
        assert "wrong-secret" not in str(raised.value)
        assert bmc.logins == logins
        # without basic authentication, the first 401 means that a session is required: it checked no password
        assert bmc.refusals == 1 + logins


async def test_a_login_is_not_repeated_when_the_bmc_has_no_free_session() -> None:
    held = documents("yadro-r120g2-openbmc")
    async with MockBmc(held, credentials=("reader", "hunter2"), basic=False, max_sessions=0) as bmc:
        transport = HttpTransport(bmc.url, credentials=LOGIN)
        with pytest.raises(RemoteError, match="no free one"):
            await asyncio.to_thread(transport.send, GET)
        transport.close()
        assert bmc.logins == 1


ATTACKS: dict[str, Callable[[str], dict[str, Any]]] = {
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
        async with MockBmc(held, credentials=("reader", "hunter2"), basic=False) as bmc:
            assert (await asyncio.to_thread(read, bmc.url, LOGIN)).inlet is not None
        assert other.requests == []
