"""Any text in a NodeConfig is a reason on its own node: it neither raises nor disturbs other nodes."""

from __future__ import annotations

import asyncio
import string
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wao_core.cluster.records import EndpointTerm, Kind, NodeConfig
from wao_core.collector.collecting import collecting
from wao_core.collector.store import SampleStore
from wao_core.prediction.model_opener import model_key, model_opener
from wao_core.source.manifests import ManifestSource
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
TLS = st.fixed_dictionaries({}, optional={"caBundle": TEXTS, "fingerprint": TEXTS, "insecureSkipVerify": st.booleans()})
SENSOR = st.fixed_dictionaries({}, optional={"uri": TEXTS, "name": TEXTS})
OPTIONS = st.fixed_dictionaries({}, optional={"tls": TLS, "sensor": SENSOR, "query": TEXTS, "value": st.floats()})
TERMS = st.builds(
    EndpointTerm,
    type=st.sampled_from(TYPES),
    endpoint=TEXTS,
    secret_name=st.sampled_from(["", "bmc", "../x"]),
    fetch_interval=st.one_of(st.none(), st.floats(0.0, 1e9)),
    options=OPTIONS,
)
GOOD = NodeConfig(
    name="good",
    namespace="wao",
    node_name="good",
    metrics={"inlet_temp": EndpointTerm(type="Fake", options={"value": 22.5})},
)


def bad_config(term: EndpointTerm) -> NodeConfig:
    metrics = {"inlet_temp": term, "delta_p": term, "power_watts": term}
    return NodeConfig(name="bad", namespace="wao", node_name="bad", metrics=metrics, power_consumption=term)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(TERMS)
@example(EndpointTerm(type="DifferentialPressureAPI", endpoint="http://[::1"))
@example(EndpointTerm(type="Prometheus", endpoint="http://[::1", options={"query": "up"}))
@example(EndpointTerm(type="Redfish", endpoint="https://h:99999"))
def test_the_sensors_of_other_nodes_are_read_whatever_a_term_says(term: EndpointTerm) -> None:
    asyncio.run(_collect(term))


async def _collect(term: EndpointTerm) -> None:
    source, store = ManifestSource(Path("/nowhere")), SampleStore()
    for config in (bad_config(term), GOOD):
        source.state.put(Kind.NODE_CONFIG, config)
    async with collecting(source, store, networks=["192.0.2.0/24"], loopback=False) as collector:
        async with asyncio.timeout(10):
            while not (sample := store.get("good", "inlet_temp")) or not sample.measured:
                await asyncio.sleep(0)
        assert collector.health() is None


@settings(deadline=None, max_examples=150)
@given(TERMS)
@example(EndpointTerm(type="V2InferenceProtocol", endpoint="http://[::1"))
@example(EndpointTerm(type="Redfish", endpoint="http://[::1"))
def test_a_model_that_cannot_be_opened_is_an_error_of_ours(term: EndpointTerm) -> None:
    asyncio.run(_open(term))


async def _open(term: EndpointTerm) -> None:
    key = model_key(bad_config(term))
    if key is None:
        return
    try:
        predictor = await model_opener(ManifestSource(Path("/nowhere")))(key)
    except WaoError:
        return
    closing = predictor.close()
    if closing is not None:
        await closing
