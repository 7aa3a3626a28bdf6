"""Any text in a NodeConfig is a reason on its own node: it neither raises nor disturbs other nodes."""

from __future__ import annotations

import asyncio
import string
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wao_core.cluster.records import Kind, NodeConfig, SensorTerm
from wao_core.collector.addresses import AddressRule
from wao_core.collector.collecting import collecting
from wao_core.collector.endpoints import EndpointAccess, connecting
from wao_core.collector.store import SampleStore
from wao_core.prediction.model_opener import model_endpoint, model_opener
from wao_core.source.manifests import ManifestSource
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint, Options
from wao_predict.errors import WaoError

TYPES = ("Fake", "Redfish", "DifferentialPressureAPI", "Prometheus", "V2InferenceProtocol", "Onnx", "NoSuchType", "")
URL_PARTS = st.sampled_from(
    [
        "http://",
        "https://",
        "://",
        "[",
        "]",
        "::1",
        "127.0.0.1",
        "a.example",
        ":",
        "65536",
        "-1",
        "@",
        "/",
        "%",
        "?",
        "#",
    ]
)
TEXTS = st.one_of(
    st.lists(URL_PARTS, max_size=8).map("".join), st.text(max_size=40), st.text(string.printable, max_size=40)
)
TLS = st.builds(TlsPolicy, ca_data=st.none() | TEXTS, fingerprint=st.none() | TEXTS, insecure=st.booleans())
SENSOR = st.fixed_dictionaries({}, optional={"uri": TEXTS, "name": TEXTS})
OPTIONS = st.fixed_dictionaries({}, optional={"sensor": SENSOR, "query": TEXTS, "value": st.floats()})
ENDPOINTS = st.builds(
    Endpoint,
    type=st.sampled_from(TYPES),
    url=TEXTS,
    secret=st.sampled_from(["", "wao/bmc", "wao/../x"]),
    tls=TLS,
    options=OPTIONS.map(Options),
)
TERMS = st.builds(SensorTerm, ENDPOINTS, st.floats(0.0, 1e9))
GOOD = NodeConfig(
    name="good",
    namespace="wao",
    node_name="good",
    metrics={"inlet_temp": SensorTerm(Endpoint("Fake", options=Options({"value": 22.5})))},
)


def bad_config(term: SensorTerm) -> NodeConfig:
    metrics = {"inlet_temp": term, "delta_p": term, "power_watts": term}
    return NodeConfig(name="bad", namespace="wao", node_name="bad", metrics=metrics, power_consumption=term.endpoint)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(TERMS)
@example(SensorTerm(Endpoint("DifferentialPressureAPI", "http://[::1")))
@example(SensorTerm(Endpoint("Prometheus", "http://[::1", options=Options({"query": "up"}))))
@example(SensorTerm(Endpoint("Redfish", "https://h:99999")))
def test_the_sensors_of_other_nodes_are_read_whatever_a_term_says(term: SensorTerm) -> None:
    asyncio.run(_collect(term))


async def _collect(term: SensorTerm) -> None:
    source, store = ManifestSource(Path("/nowhere")), SampleStore()
    for config in (bad_config(term), GOOD):
        source.state.put(Kind.NODE_CONFIG, config)
    access = EndpointAccess(rule=AddressRule.of(["192.0.2.0/24"]))
    async with connecting(source.secret, access) as endpoints, collecting(source, store, endpoints) as collector:
        async with asyncio.timeout(10):
            while not (sample := store.get("good", "inlet_temp")) or not sample.measured:
                await asyncio.sleep(0)
        assert collector.health() is None


@settings(deadline=None, max_examples=150)
@given(TERMS)
@example(SensorTerm(Endpoint("V2InferenceProtocol", "http://[::1")))
@example(SensorTerm(Endpoint("Redfish", "http://[::1")))
def test_a_model_that_cannot_be_opened_is_an_error_of_ours(term: SensorTerm) -> None:
    asyncio.run(_open(term))


async def _open(term: SensorTerm) -> None:
    endpoint = model_endpoint(bad_config(term))
    if endpoint is None:
        return
    async with connecting(ManifestSource(Path("/nowhere")).secret) as endpoints:
        try:
            predictor = await model_opener(endpoints)(endpoint)
        except WaoError:
            return
        closing = predictor.close()
        if closing is not None:
            await closing
