"""The pollers' HTTP: where credentials go, what is bounded, which certificates count, and BMCs that hang up."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.certificates import old_certificate_in, self_signed_in
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_core.collector.addresses import AddressRule
from wao_core.collector.transport import PollingSession, PollingTransport
from wao_predict.connection import Credentials, TlsPolicy
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import Request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ADMIN = Credentials("admin", "pässword")


@asynccontextmanager
async def bmc(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    server = web.Server(handler)  # type: ignore[arg-type]
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[PollingSession]:
    session = PollingSession(AddressRule(loopback=True))
    yield session
    await session.close()


def to(session: PollingSession, url: str, **more: object) -> PollingTransport:
    options = {"tls": TlsPolicy(), "timeout": 5.0, **more}
    return session.transport(url, **options)  # type: ignore[arg-type]


async def echo(request: web.Request) -> web.Response:
    return web.json_response({"path": request.path_qs, "auth": request.headers.get("Authorization")})


async def test_credentials_go_to_their_own_origin_and_nowhere_else(session: PollingSession) -> None:
    async with bmc(echo) as own, bmc(echo) as other:
        transport = to(session, f"{own}/redfish", credentials=ADMIN)
        answer = await transport.send(Request("GET", "/redfish/v1?x=1"))
        assert b'"/redfish/v1?x=1"' in answer.body
        assert b"Basic YWRtaW46cMOkc3N3b3Jk" in answer.body
        assert b'"auth": null' in (await transport.send(Request("GET", "/", authenticate=False))).body
        assert b'"auth": null' in (await transport.send(Request("GET", f"{other}/redfish/v1"))).body
        assert b'"auth": null' in (await transport.send(Request("GET", own.replace("127.0.0.1", "localhost")))).body


async def test_redirects_are_not_followed(session: PollingSession) -> None:
    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://192.0.2.1/steal")

    async with bmc(away) as url:
        answer = await to(session, url, credentials=ADMIN).send(Request("GET", "/"))
    assert (answer.status, answer.headers["location"]) == (302, "http://192.0.2.1/steal")


@pytest.mark.parametrize("announced", [True, False])
async def test_bodies_are_bounded(session: PollingSession, announced: bool) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if announced:
            response.content_length = 5000
        await response.prepare(request)
        await response.write(b"x" * 5000)
        return response

    async with bmc(large) as url:
        with pytest.raises(ProtocolError, match="larger than 4096 bytes"):
            await to(session, url).send(Request("GET", "/", max_bytes=4096))
        assert len((await to(session, url).send(Request("GET", "/", max_bytes=5000))).body) == 5000


async def test_a_hung_bmc_is_given_up(session: PollingSession) -> None:
    release = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async with bmc(hang) as url:
        with pytest.raises(RemoteTimeout, match=r"no answer in 0\.05 s"):
            await to(session, url, timeout=0.05).send(Request("GET", "/"))
        release.set()


async def test_one_request_at_a_time(session: PollingSession) -> None:
    running, most = 0, 0

    async def count(_request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return web.Response()

    async with bmc(count) as url:
        transport = to(session, url)
        await asyncio.gather(*(transport.send(Request("GET", "/")) for _ in range(10)))
    assert most == 1


async def test_a_refused_connection_is_reported_in_words(session: PollingSession) -> None:
    async with bmc(echo) as url:
        pass
    with pytest.raises(RemoteError, match="cannot connect") as caught:
        await to(session, url).send(Request("GET", "/"))
    assert caught.value.status_code is None


async def test_certificates_are_verified_unless_pinned_or_waived(session: PollingSession, tmp_path: Path) -> None:
    certificate, key = bootstrap_certificate(tmp_path, [])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    pem = certificate.read_text()
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    async with bmc(echo, context) as url:
        for good in (TlsPolicy(ca_data=pem), TlsPolicy(fingerprint=digest), TlsPolicy(insecure=True)):
            assert (await to(session, url, tls=good).send(Request("GET", "/"))).status == 200
        with pytest.raises(RemoteError, match=f"its SHA-256 fingerprint is {digest}.*tls.insecureSkipVerify"):
            await to(session, url).send(Request("GET", "/"))
        with pytest.raises(
            RemoteError, match=f"does not have the given fingerprint; its SHA-256 fingerprint is {digest}"
        ):
            await to(session, url, tls=TlsPolicy(fingerprint="0" * 64)).send(Request("GET", "/"))


async def test_a_bmc_that_drops_idle_connections_gets_a_new_one_each_time(session: PollingSession) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
        # answers once, then hangs up as soon as it is asked again
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        transport = to(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(8):
            assert (await transport.send(Request("GET", "/"))).body == b"{}"
        assert transport.closes
    assert connections == 8  # none of the readings was lost


async def test_other_schemes_are_refused(session: PollingSession) -> None:
    async with bmc(echo) as url:
        with pytest.raises(UsageError):
            await to(session, url).send(Request("GET", "file:///etc/passwd"))


@pytest.mark.parametrize(
    ("address", "default", "loopback", "listed"),
    [
        ("10.1.2.3", True, True, True),
        ("192.0.2.1", True, True, False),
        ("127.0.0.1", False, True, False),
        ("::1", False, True, False),
        ("169.254.169.254", False, False, False),
        ("::ffff:169.254.169.254", False, False, False),
        ("fe80::1%eth0", False, False, False),
        ("0.0.0.0", False, False, False),
        ("224.0.0.1", False, False, False),
        ("no address", False, False, False),
    ],
)
def test_addresses(address: str, default: bool, loopback: bool, listed: bool) -> None:
    assert AddressRule().allows(address) is default
    assert AddressRule(loopback=True).allows(address) is loopback
    assert AddressRule.of(["10.1.0.0/16"]).allows(address) is listed


async def test_refused_addresses_are_not_asked_by_number_or_by_name() -> None:
    session = PollingSession(AddressRule())
    try:
        with pytest.raises(RemoteError, match="--endpoint-network"):
            to(session, "http://169.254.169.254/latest")
        with pytest.raises(RemoteError, match="localhost"):
            await to(session, "http://localhost:9/").send(Request("GET", "/"))
    finally:
        await session.close()


def test_a_wrong_network_is_reported() -> None:
    with pytest.raises(UsageError, match="--endpoint-network"):
        AddressRule.of(["10.1.0.0/99"])


@pytest.mark.parametrize("cipher", ["AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA"])
async def test_a_bmc_with_old_ciphers_of_tls_1_2_is_polled(
    session: PollingSession, tmp_path: Path, cipher: str
) -> None:
    old = old_certificate_in(tmp_path)
    async with bmc(echo, old.serving_with(cipher)) as url:
        transport = to(session, url, tls=TlsPolicy(fingerprint=old.fingerprint))
        assert (await transport.send(Request("GET", "/"))).status == 200


async def test_a_failed_tls_handshake_has_a_reason(session: PollingSession, tmp_path: Path) -> None:
    with_other_ciphers = self_signed_in(tmp_path).serving_with("ECDHE-ECDSA-AES256-CCM")
    async with bmc(echo, with_other_ciphers) as url:
        with pytest.raises(RemoteError, match=r"the TLS handshake failed .*; TLS 1\.2 with AES is required"):
            await to(session, url, tls=TlsPolicy(insecure=True)).send(Request("GET", "/"))


BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        BODY + b"\n",  # Cisco CIMC 4.0 (telegraf#8418)
        b"\r\n" + BODY,
        BODY.replace(b"\r\n", b"\n"),
        CHUNKED.replace(b"Transfer", b"Content-Length: 9\r\nTransfer"),
        CHUNKED.replace(b"2\r\n{}", b"2 \r\n{}"),
    ],
)
async def test_answers_that_are_not_quite_http_are_read_time_and_again(session: PollingSession, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        transport = to(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for _ in range(4):
            assert (await transport.send(Request("GET", "/"))).body == b"{}"
        await transport.close()
