"""Sensors over the polling session: shared transports, credentials that change, and terms that cannot be used."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
from aiohttp import web

from wao_core.collector.addresses import AddressRule
from wao_core.collector.plan import SensorSpec
from wao_core.collector.readers import Sensor, SensorReaders, options_of, tls_policy
from wao_core.collector.secrets import SecretBook
from wao_core.collector.transport import PollingSession
from wao_predict.connection import TlsPolicy
from wao_predict.errors import RemoteError, SensorError
from wao_predict.flow import Flow, Request


@dataclass(frozen=True)
class Value:
    value: float
    time: None = None


class Thermometer:
    """Reads /temp in one request; type "Constant" needs none."""

    def __init__(self, spec: SensorSpec) -> None:
        self._spec = spec
        self.base_url = spec.endpoint

    def flow(self) -> Flow[Value]:
        if self._spec.type == "Constant":
            return Value(15.5)
        if not self.base_url:
            yield Request("GET", "/never")
        answer = yield Request("GET", "/temp")
        if answer.status != 200:
            raise RemoteError("refused", status_code=answer.status)
        return Value(json.loads(answer.body))


class Secrets:
    def __init__(self, password: bytes) -> None:
        self.password, self.reads = password, 0

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        self.reads += 1
        return {"username": b"u", "password": self.password}


@dataclass
class Bench:
    readers: SensorReaders
    secrets: Secrets
    url: str
    server: web.Server
    now: float = 0.0
    accepts: str = "Basic dTpvbGQ="  # u:old

    def spec(self, **more: str) -> SensorSpec:
        return SensorSpec("inlet_temp", more.pop("type", "Thermometer"), self.url, "wao/bmc", 10.0, **more)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async def temp(request: web.BaseRequest) -> web.Response:
        allowed = request.headers.get("Authorization") == made.accepts
        return web.json_response(21.5 if allowed else None, status=200 if allowed else 401)

    server = web.Server(temp)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    session = PollingSession(AddressRule(loopback=True))
    secrets = Secrets(b"old")

    def build(spec: SensorSpec) -> Sensor:
        if spec.type == "Nope":
            raise SensorError("no sensor of type 'Nope'")
        return Thermometer(spec)

    book = SecretBook(secrets, clock=lambda: made.now)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    made = Bench(SensorReaders(session, book, build=build), secrets, url, server)
    yield made
    await session.close()
    await runner.cleanup()


async def test_reads_with_the_credentials_of_the_secret(bench: Bench) -> None:
    read = bench.readers.reader(bench.spec()).read
    assert [(await read()).value for _ in range(3)] == [21.5] * 3
    assert bench.secrets.reads == 1


async def test_a_rotated_password_is_found_at_the_first_refusal(bench: Bench) -> None:
    read = bench.readers.reader(bench.spec()).read
    await read()
    bench.accepts, bench.secrets.password, bench.now = "Basic dTpuZXc=", b"new", 10.0
    assert (await read()).value == 21.5


async def test_a_wrong_password_is_not_tried_again_and_again(bench: Bench) -> None:
    bench.accepts = "Basic other"
    read = bench.readers.reader(bench.spec()).read
    with pytest.raises(RemoteError) as caught:
        await read()
    assert caught.value.status_code == 401


async def test_sensors_of_one_bmc_share_its_transport_until_the_last_one_goes(bench: Bench) -> None:
    one, two = bench.spec(), bench.spec(options='{"sensor": {"name": "other"}}')
    first, second = bench.readers.acquire(one, bench.url), bench.readers.acquire(two, bench.url)
    assert first is second
    insecure = bench.spec(options='{"tls": {"insecureSkipVerify": true}}')
    assert bench.readers.acquire(insecure, bench.url) is not first
    bench.readers.release(one, bench.url)
    assert bench.readers.acquire(one, bench.url) is first
    bench.readers.release(one, bench.url)
    bench.readers.release(two, bench.url)
    assert bench.readers.acquire(one, bench.url) is not first


async def test_the_last_sensor_of_a_bmc_that_goes_ends_its_connection(bench: Bench) -> None:
    one = bench.readers.reader(bench.spec())
    two = bench.readers.reader(bench.spec(options='{"sensor": {"name": "other"}}'))
    await one.read()
    one.close()
    one.close()  # twice is once
    assert (await two.read()).value == 21.5
    assert len(bench.server.connections) == 1
    two.close()
    async with asyncio.timeout(10):
        while bench.server.connections:
            await asyncio.sleep(0.01)


async def test_sensors_without_an_endpoint_need_no_network(bench: Bench) -> None:
    assert (await bench.readers.reader(SensorSpec("inlet_temp", "Constant", "", "", 10.0)).read()).value == 15.5
    with pytest.raises(RemoteError, match="needs an endpoint"):
        await bench.readers.reader(SensorSpec("inlet_temp", "Thermometer", "", "", 10.0)).read()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SensorSpec("inlet_temp", "Nope", "", "", 10.0), "no sensor of type 'Nope'"),
        (SensorSpec("inlet_temp", "Thermometer", "http://169.254.169.254", "", 10.0), "may not be asked"),
        (SensorSpec("inlet_temp", "Thermometer", "ftp://host", "", 10.0), "not an http or https URL"),
        (
            SensorSpec("inlet_temp", "Thermometer", "https://host", "", 10.0, '{"tls": {"fingerprint": "12"}}'),
            "not a SHA-256",
        ),
    ],
)
async def test_terms_that_cannot_be_used_tell_why(bench: Bench, spec: SensorSpec, message: str) -> None:
    with pytest.raises((SensorError, RemoteError, ValueError), match=message):
        await bench.readers.reader(spec).read()


def test_options() -> None:
    assert tls_policy(None) == TlsPolicy()
    assert tls_policy({"caBundle": "PEM", "fingerprint": "", "insecureSkipVerify": True}) == TlsPolicy(
        ca_data="PEM", insecure=True
    )
    assert options_of(SensorSpec("m", "T", "", "", 1.0, '{"value": 3}')) == {"value": 3}
