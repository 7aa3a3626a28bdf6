"""Sensors over shared connections: transports, limits, and endpoints that cannot be used."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from wao_core.cluster.records import NodeConfig
from wao_core.cluster.source import Secret
from wao_core.collector.endpoints import EndpointAccess, Endpoints
from wao_core.collector.plan import SensorSpec, make_plan
from wao_core.collector.readers import SensorReaders
from wao_core.collector.sensors import identify
from wao_core.errors import ManifestError
from wao_core.source.decoders import decode_object
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint, Options
from wao_predict.errors import RemoteError, SensorError
from wao_predict.flow import Flow, Request
from wao_predict.sensors.base import Reading, Sensor


class Thermometer:
    """Reads /temp in one request; type "Constant" needs none."""

    def __init__(self, spec: SensorSpec) -> None:
        self._spec = spec
        self.base_url = spec.endpoint.url

    def flow(self) -> Flow[Reading]:
        if self._spec.endpoint.type == "Constant":
            return Reading(15.5)
        answer = yield Request("GET", "/temp")
        if answer.status != 200:
            raise RemoteError("refused", status_code=answer.status)
        return Reading(json.loads(answer.body))


class Selfish(Thermometer):
    """A plug-in that fails when it gets what the sensors at its server share."""

    def share(self, state: dict[str, object]) -> None:
        raise KeyError("session")


class Secrets:
    async def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret({"username": b"u", "password": b"p"})


@dataclass
class Bench:
    readers: SensorReaders
    url: str
    server: web.Server

    def spec(self, name: str = "") -> SensorSpec:
        options = Options({"sensor": {"name": name}})
        return SensorSpec("inlet_temp", Endpoint("Thermometer", self.url, "wao/bmc", options=options), 10.0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async def temp(request: web.BaseRequest) -> web.Response:
        return web.json_response(21.5)

    server = web.Server(temp)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    def build(spec: SensorSpec) -> Sensor:
        if spec.endpoint.type == "Nope":
            raise SensorError("no sensor of type 'Nope'")
        return Selfish(spec) if spec.endpoint.type == "Selfish" else Thermometer(spec)

    endpoints = Endpoints(Secrets().secret, EndpointAccess())
    yield Bench(SensorReaders(endpoints, build=build), f"http://127.0.0.1:{runner.addresses[0][1]}", server)
    await endpoints.close()
    await runner.cleanup()


async def test_reads_one_value_at_a_time(bench: Bench) -> None:
    read = bench.readers.reader(bench.spec()).read
    assert [(await read()).value for _ in range(3)] == [21.5] * 3


async def test_the_last_sensor_of_a_bmc_that_goes_ends_its_connection(bench: Bench) -> None:
    one, two = bench.readers.reader(bench.spec()), bench.readers.reader(bench.spec("other"))
    await one.read()
    one.close()
    one.close()  # twice is once
    assert (await two.read()).value == 21.5
    assert len(bench.server.connections) == 1
    two.close()
    async with asyncio.timeout(10):
        while bench.server.connections:
            await asyncio.sleep(0.01)


async def test_sensors_without_a_url_need_no_network(bench: Bench) -> None:
    assert (await bench.readers.reader(SensorSpec("inlet_temp", Endpoint("Constant"), 10.0)).read()).value == 15.5
    with pytest.raises(RemoteError, match="needs the URL of a server"):
        await bench.readers.reader(SensorSpec("inlet_temp", Endpoint("Thermometer"), 10.0)).read()


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (Endpoint("Nope"), "no sensor of type 'Nope'"),
        (Endpoint("Selfish", "http://10.0.0.1"), "type Selfish cannot be made: KeyError"),
        (Endpoint("Thermometer", "http://169.254.169.254"), "not an allowed address"),
        (Endpoint("Thermometer", "http://[::1"), "is not an http or https URL"),
        (Endpoint("Thermometer", "ftp://host"), "not an http or https URL"),
        (Endpoint("Thermometer", "https://user:secret@host"), "credentials in a URL"),
        (Endpoint("Thermometer", "https://host", tls=TlsPolicy(fingerprint="12")), "not a SHA-256"),
        (Endpoint("Thermometer", "https://host", tls=TlsPolicy(ca_data="no PEM")), "CA certificates"),
    ],
)
async def test_endpoints_that_cannot_be_used_report_why(bench: Bench, endpoint: Endpoint, message: str) -> None:
    with pytest.raises((SensorError, RemoteError, ValueError), match=message):
        await bench.readers.reader(SensorSpec("inlet_temp", endpoint, 10.0)).read()


texts = st.text(max_size=40) | st.sampled_from(
    ["http://[::1", "https://10.0.0.1", "http://a b", "https://x:99999", "//"]
)
terms = st.fixed_dictionaries(
    {"type": st.sampled_from(["Redfish", "DifferentialPressureAPI", "Prometheus", "Fake"]) | texts, "endpoint": texts},
    optional={
        "basicAuthSecret": st.fixed_dictionaries({"name": texts}),
        "fetchInterval": st.sampled_from(["1s", "0", "-5m", "9999999h"]) | texts,
        "tls": st.fixed_dictionaries({}, optional={"caBundle": texts, "fingerprint": texts}),
        "sensor": st.fixed_dictionaries({}, optional={"uri": texts, "name": texts}),
        "query": texts,
        "value": st.floats(),
    },
)


@given(terms, terms, texts)
@settings(max_examples=60, deadline=None)
async def test_any_text_in_a_node_config_is_a_reader_or_a_refused_manifest(
    inlet: dict[str, object], delta: dict[str, object], node: str
) -> None:
    """One NodeConfig that nobody can use must not stop the collector for all others."""
    spec = {"nodeName": node, "metricsCollector": {"inletTemp": inlet, "deltaP": delta}, "predictor": {}}
    try:
        config = decode_object("NodeConfig", {"metadata": {"name": "x", "namespace": "ns"}, "spec": spec})
    except ManifestError:
        return
    assert isinstance(config, NodeConfig)
    endpoints = Endpoints(Secrets().secret)
    readers = SensorReaders(endpoints)
    for poller in make_plan([config], identify=lambda endpoint, name: identify(endpoint, name, nodes={})).pollers:
        readers.reader(poller).close()
    await endpoints.close()
