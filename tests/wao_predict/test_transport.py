"""HTTP: one origin, verified TLS, bounded bodies and times, retries, and credentials that stay at home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.fakes.certificates import SelfSigned, old_certificate_in, self_signed_in
from wao_predict import Credentials, HttpOptions, ProtocolError, RemoteError, RemoteTimeout, TlsPolicy, UsageError
from wao_predict.connection import origin_of
from wao_predict.flow import Request
from wao_predict.redfish.mock import MockBmc
from wao_predict.transport import AsyncHttpTransport, HttpTransport

QUICK = HttpOptions(timeout=2.0, connect_timeout=1.0, attempts=1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> SelfSigned:
    return self_signed_in(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def server(pair: SelfSigned, *, ciphers: str = "") -> AsyncIterator[MockBmc]:
    bmc = MockBmc({"/redfish/v1": {"ok": True}})
    await bmc.start(tls=pair.serving_with(ciphers))
    try:
        yield bmc
    finally:
        await bmc.stop()


async def get(url: str, tls: TlsPolicy, options: HttpOptions = QUICK) -> int:
    transport = AsyncHttpTransport(url, tls=tls, options=options)
    try:
        return (await transport.send(Request("GET", "/redfish/v1"))).status
    finally:
        await transport.close()


def get_in_a_thread(url: str, tls: TlsPolicy) -> int:
    transport = HttpTransport(url, tls=tls, credentials=Credentials("operator", "secret"), options=QUICK)
    try:
        return transport.send(Request("GET", "/redfish/v1")).status
    finally:
        transport.close()


async def test_an_unknown_authority_is_refused_with_the_remedy(pair: SelfSigned) -> None:
    async with server(pair) as bmc:
        for remedy in ("tls.caBundle", "tls.fingerprint", "tls.insecureSkipVerify", pair.fingerprint):
            with pytest.raises(RemoteError, match=remedy):
                await get(bmc.url, TlsPolicy())
            with pytest.raises(RemoteError, match=remedy):
                await asyncio.to_thread(get_in_a_thread, bmc.url, TlsPolicy())
        assert bmc.requests == []


async def test_a_ca_file_a_fingerprint_or_insecure_let_in(pair: SelfSigned) -> None:
    digest = pair.fingerprint
    colons = ":".join(digest[i : i + 2] for i in range(0, 64, 2)).upper()
    async with server(pair) as bmc:
        for policy in (
            TlsPolicy(ca_file=pair.certificate),
            TlsPolicy(ca_data=pair.certificate.read_text()),
            TlsPolicy(fingerprint=digest),
            TlsPolicy(fingerprint=colons),
            TlsPolicy(insecure=True),
        ):
            assert await get(bmc.url, policy) == 200


async def test_another_certificate_than_the_pinned_one_is_refused_before_anything_is_sent(
    pair: SelfSigned,
) -> None:
    async with server(pair) as bmc:
        with pytest.raises(RemoteError, match=f"its SHA-256 fingerprint is {pair.fingerprint}"):
            await get(bmc.url, TlsPolicy(fingerprint="00" * 32))
        with pytest.raises(RemoteError, match=f"its SHA-256 fingerprint is {pair.fingerprint}"):
            await asyncio.to_thread(get_in_a_thread, bmc.url, TlsPolicy(fingerprint="00" * 32))
        assert bmc.requests == []
        assert await asyncio.to_thread(get_in_a_thread, bmc.url, TlsPolicy(fingerprint=pair.fingerprint)) == 200


def test_a_fingerprint_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="64 digits"):
        HttpTransport("https://127.0.0.1:1", tls=TlsPolicy(fingerprint="abc"))


def test_an_unreadable_ca_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        HttpTransport("https://127.0.0.1:1", tls=TlsPolicy(ca_file=tmp_path / "none.pem"))


async def test_a_hanging_server_ends_in_a_timeout() -> None:
    async with MockBmc({}) as bmc:
        bmc.faults.hang = True
        with pytest.raises(RemoteTimeout, match="no answer in time"):
            await get(bmc.url, TlsPolicy(), HttpOptions(timeout=0.2, attempts=1))


async def test_a_body_beyond_the_bound_is_refused() -> None:
    async with MockBmc({"/redfish/v1": {}}) as bmc:
        bmc.faults.oversized = True
        with pytest.raises(ProtocolError, match="larger than"):
            await get(bmc.url, TlsPolicy())


async def test_a_redirect_is_returned_not_followed() -> None:
    async with MockBmc({}) as other, MockBmc({}) as bmc:
        bmc.faults.redirect = f"{other.url}/redfish/v1"
        assert await get(bmc.url, TlsPolicy()) == 302
        assert other.requests == []


class Answers:
    """Gives these statuses one after the other, and keeps what was asked."""

    def __init__(self, *statuses: int | Exception, headers: dict[str, str] | None = None) -> None:
        self.statuses: Iterator[int | Exception] = iter(statuses)
        self.headers = headers or {}
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        status = next(self.statuses)
        if isinstance(status, Exception):
            raise status
        return httpx2.Response(status, headers=self.headers, content=b"{}")


def transport(answers: Answers, waits: list[float], **options: float) -> HttpTransport:
    return HttpTransport(
        "https://h.example",
        credentials=Credentials("u", "p"),
        options=HttpOptions(**options),  # type: ignore[arg-type]
        transport=httpx2.MockTransport(answers),
        sleep=waits.append,
    )


def test_transient_faults_are_tried_again_with_growing_waits() -> None:
    answers, waits = Answers(503, httpx2.ConnectError("refused"), 200), list[float]()
    assert transport(answers, waits).send(Request("GET", "/x")).status == 200
    assert len(answers.requests) == 3
    assert 0.1 <= waits[0] <= 0.3
    assert 0.2 <= waits[1] <= 0.6


@pytest.mark.parametrize("status", [400, 401, 404, 501])
def test_permanent_answers_are_not_tried_again(status: int) -> None:
    answers, waits = Answers(status), list[float]()
    assert transport(answers, waits).send(Request("GET", "/x")).status == status
    assert waits == []


def test_retry_after_is_honoured_when_it_is_short() -> None:
    answers, waits = Answers(503, 200, headers={"Retry-After": "2"}), list[float]()
    transport(answers, waits).send(Request("GET", "/x"))
    assert waits == [2.0]


def test_a_long_retry_after_is_not_waited_for() -> None:
    answers, waits = Answers(503, headers={"Retry-After": "3600"}), list[float]()
    assert transport(answers, waits).send(Request("GET", "/x")).status == 503


def test_the_last_fault_is_raised_when_attempts_are_used_up() -> None:
    answers, waits = Answers(*[httpx2.ConnectError("refused")] * 3), list[float]()
    with pytest.raises(RemoteError, match="refused"):
        transport(answers, waits).send(Request("GET", "/x"))
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("/x", True),
        ("https://h.example/x", True),
        ("https://h.example:8443/x", False),
        ("http://h.example/x", False),
        ("https://other.example/x", False),
        ("https://h.example.evil/x", False),
    ],
)
def test_credentials_go_to_their_own_origin_only(url: str, sent: bool) -> None:
    answers = Answers(200)
    transport(answers, []).send(Request("GET", url))
    assert ("authorization" in answers.requests[0].headers) is sent


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as raised:
        HttpTransport("https://user:hunter2@h.example")
    assert "hunter2" not in str(raised.value)


def test_credentials_do_not_show_themselves() -> None:
    held = Credentials("root", "hunter2")
    assert "hunter2" not in f"{held!r} {held}"
    assert "root" not in f"{held!r} {held}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://H.example/x", ("https", "h.example", 443)), ("http://[::1]:80", ("http", "::1", 80))],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: tuple[str, str, int]) -> None:
    assert expected == origin_of(url)


@pytest.mark.parametrize("cipher", ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES256-SHA"])
async def test_a_bmc_with_old_ciphers_of_tls_1_2_is_read(tmp_path: Path, cipher: str) -> None:
    """H3C HDM has RSA key exchange only (idrac_exporter#204)."""
    old = old_certificate_in(tmp_path)
    async with server(old, ciphers=cipher) as bmc:
        assert await get(bmc.url, TlsPolicy(fingerprint=old.fingerprint)) == 200


async def test_a_short_rsa_key_can_be_pinned_and_not_verified(tmp_path: Path) -> None:
    old = old_certificate_in(tmp_path, bits=1024)
    async with server(old, ciphers="ECDHE-RSA-AES128-GCM-SHA256") as bmc:
        with pytest.raises(RemoteError, match=f"key too weak; its SHA-256 fingerprint is {old.fingerprint}"):
            await get(bmc.url, TlsPolicy())
        assert await get(bmc.url, TlsPolicy(fingerprint=old.fingerprint)) == 200


async def test_a_server_without_a_usable_cipher_is_refused_with_what_it_needs(pair: SelfSigned) -> None:
    async with server(pair, ciphers="ECDHE-ECDSA-AES256-CCM") as bmc:
        with pytest.raises(RemoteError, match=r"the TLS handshake failed .*; TLS 1\.2 with AES is required"):
            await get(bmc.url, TlsPolicy(insecure=True))


async def test_https_to_a_port_without_tls_is_reported_as_that() -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
        with pytest.raises(RemoteError, match="the server does not speak TLS on this port"):
            await get(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}", TlsPolicy(insecure=True))


def test_a_body_that_arrives_byte_by_byte_is_given_up_at_the_limit_of_the_request() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a"

    answer = httpx2.Response(200, content=endless())
    options = HttpOptions(timeout=0.05, attempts=1)
    transport = HttpTransport("http://h", options=options, transport=httpx2.MockTransport(lambda _request: answer))
    with pytest.raises(RemoteTimeout, match="no answer in time"):
        transport.send(Request("GET", "/", max_bytes=2**40))
