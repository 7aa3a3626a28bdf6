"""Connections to endpoints: shared transports, credentials that change, and hosts that must not get them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.certificates import self_signed_in
from wao_core.cluster.source import Secret
from wao_core.collector.addresses import AddressRule
from wao_core.collector.endpoints import EndpointAccess, Endpoints, EndpointTransport
from wao_core.collector.secrets import ALLOWED_ENDPOINTS
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, SensorError
from wao_predict.flow import Request
from wao_predict.testing import MockBmc

OLD, NEW = "Basic dTpvbGQ=", "Basic dTpuZXc="  # u:old and u:new


@dataclass
class Bench:
    """A server that accepts one password, and the Secret that should have it."""

    url: str = ""
    accepts: str = OLD
    refusal: int = 401
    password: bytes = b"old"
    annotations: dict[str, str] = field(default_factory=dict)
    reads: int = 0
    now: float = 0.0
    seen: list[str] = field(default_factory=list)
    access: EndpointAccess = field(default_factory=EndpointAccess)

    def __post_init__(self) -> None:
        self.endpoints = Endpoints(self.secret, self.access, clock=lambda: self.now)

    async def secret(self, namespace: str, name: str) -> Secret | None:
        self.reads += 1
        return Secret({"username": b"u", "password": self.password}, self.annotations)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(request.headers.get("Authorization", ""))
        if request.path == "/elsewhere":
            return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest"})
        accepted = self.seen[-1] == self.accepts
        return web.Response(status=200 if accepted else self.refusal, headers={"WWW-Authenticate": "Basic"})

    def connect(self, *, secret: str = "wao/bmc", timeout: float = 5.0) -> EndpointTransport:
        endpoint = Endpoint("T", self.url, secret)
        return self.endpoints.connect(endpoint, self.url, concurrency=1, timeout=timeout)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    runner = web.ServerRunner(web.Server(made.serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await made.endpoints.close()
    await runner.cleanup()


async def status(transport: EndpointTransport, path: str = "/") -> int:
    return (await transport.send(Request("POST", path, body=b"{}"))).status


async def test_the_credentials_of_the_secret_are_sent_and_cached(bench: Bench) -> None:
    transport = bench.connect()
    assert [await status(transport) for _ in range(3)] == [200] * 3
    assert (bench.reads, bench.seen) == (1, [OLD] * 3)


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/redfish/v1/Systems"])
@pytest.mark.parametrize("refusal", [401, 403])
async def test_a_rotated_password_is_found_at_the_first_refusal(bench: Bench, refusal: int, path: str) -> None:
    transport = bench.connect()
    await status(transport, path)
    bench.accepts, bench.password, bench.refusal, bench.now = NEW, b"new", refusal, 10.0
    assert await status(transport, path) == 200
    assert bench.seen == [OLD, OLD, NEW]


async def test_a_rotated_password_is_used_within_a_minute_without_a_refusal(bench: Bench) -> None:
    transport = bench.connect()
    await status(transport)
    bench.password, bench.now = b"new", 61.0
    await status(transport)
    assert bench.seen[-1] == NEW


async def test_a_wrong_password_is_sent_once_and_read_again_every_five_seconds_at_most(bench: Bench) -> None:
    bench.accepts = "another"
    transport = bench.connect()
    assert [await status(transport) for _ in range(4)] == [401] * 4
    assert (len(bench.seen), bench.reads) == (4, 1)
    bench.now = 6.0
    assert await status(transport) == 401
    assert bench.reads == 2


async def test_endpoints_with_the_same_server_secret_and_tls_share_a_transport(bench: Bench) -> None:
    bench.accepts = ""
    one, two = bench.connect(secret=""), bench.connect(secret="")
    await status(one)
    one.release()
    one.release()  # twice is once
    assert await status(two) == 200


async def test_a_sensor_that_is_read_every_second_does_not_shorten_the_time_of_others_at_its_server(
    bench: Bench,
) -> None:
    bench.connect(timeout=0.0)
    assert await status(bench.connect(timeout=5.0)) == 200


@pytest.mark.parametrize(
    ("stated", "allowed"),
    [
        ("127.0.0.1", True),
        ("10.0.0.0/8, 127.0.0.0/8", True),
        ("*.bmc.example.com, bmc-1", False),
        ("", False),
    ],
)
async def test_a_secret_says_where_it_may_be_sent(bench: Bench, stated: str, allowed: bool) -> None:
    bench.annotations[ALLOWED_ENDPOINTS] = stated
    if allowed:
        assert await status(bench.connect()) == 200
        return
    with pytest.raises(SensorError, match=r"Secret wao/bmc may not be sent to 127\.0\.0\.1: its annotation"):
        await status(bench.connect())
    assert bench.seen == []


async def test_an_annotation_that_cannot_be_parsed_allows_nothing(bench: Bench) -> None:
    bench.annotations[ALLOWED_ENDPOINTS] = "https://127.0.0.1:443"
    with pytest.raises(SensorError, match="write hosts without scheme and port"):
        await status(bench.connect())
    assert bench.seen == []


async def test_redirects_are_not_followed(bench: Bench) -> None:
    assert await status(bench.connect(), "/elsewhere") == 302


async def test_a_flow_leaves_its_server_without_credentials_and_within_the_rule(bench: Bench) -> None:
    """A BMC that names a model server: another host gets no password, and has to be an allowed address."""
    transport = bench.connect()
    other = bench.url.replace("127.0.0.1", "localhost")
    assert await status(transport, f"{other}/v2/models/m/infer") == 401
    assert set(bench.seen) == {""}
    for url in ("http://169.254.169.254/latest", "http://[fe80::1]/", "http://0.0.0.0:80/"):
        with pytest.raises(RemoteError, match="no allowed address"):
            await status(transport, url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9", "http://2130706433:9", "http://[::1]:9"])
async def test_this_machine_is_refused_in_a_cluster(url: str) -> None:
    bench = Bench(access=EndpointAccess(rule=AddressRule()))
    try:
        with pytest.raises(RemoteError, match=r"not an allowed address|no allowed address"):
            await bench.endpoints.connect(Endpoint("T", url), url, concurrency=1, timeout=5.0).send(Request("GET", "/"))
    finally:
        await bench.endpoints.close()


async def status_of(tls: TlsPolicy, default: TlsPolicy, server: MockBmc) -> int | str:
    """Return the status of a request to a server, or the error."""
    endpoints = Endpoints(no_secret, EndpointAccess(tls=default))
    transport = endpoints.connect(Endpoint("T", server.url, tls=tls), server.url, concurrency=1, timeout=5.0)
    try:
        return (await transport.send(Request("GET", "/"))).status
    except RemoteError as error:
        return str(error)
    finally:
        await endpoints.close()


async def no_secret(namespace: str, name: str) -> Secret | None:
    return None


async def test_the_default_for_certificates_counts_where_the_node_config_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = self_signed_in(tmp_path)
    any_, authority = TlsPolicy(insecure=True), TlsPolicy(ca_file=certificate.certificate)
    server = MockBmc({"/": {}})
    await server.start(tls=certificate.serving)
    try:
        for default in (any_, authority):
            assert await status_of(TlsPolicy(), default, server) == 200
            assert "cannot be verified" in str(await status_of(TlsPolicy(insecure=False), default, server))
            assert "does not have the given" in str(await status_of(TlsPolicy(fingerprint="0" * 64), default, server))
        assert "tls.insecureSkipVerify" in str(await status_of(TlsPolicy(), TlsPolicy(), server))
    finally:
        await server.stop()
    warnings = [record.message for record in caplog.records]
    assert (
        warnings.count("certificates of sensors and models are NOT verified: --endpoint-insecure-skip-verify is set")
        == 3
    )  # once for each process with this default, and not once for each server
    assert not any(server.url in warning for warning in warnings)


async def test_a_secret_over_plain_http_is_a_warning(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.connect(secret="")
    assert caplog.text == ""
    bench.connect()
    bench.connect()  # shares the transport, so it is not repeated
    assert caplog.text.count(f"Secret wao/bmc is sent to {bench.url} over plain HTTP") == 1
