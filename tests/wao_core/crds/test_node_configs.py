"""From the document of a NodeConfig to its record: endpoints, Secrets and TLS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.nodeconfigs import REFERENCES, with_term
from wao_core.cluster.records import Node, NodeConfig, NodeConfigTemplate, Standby, WakeOnLan
from wao_core.crds.desired import render_node_config
from wao_core.crds.node_configs import node_config
from wao_core.errors import ManifestError
from wao_core.source.decoders import decode_object
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint

FAKE = {"type": "Fake", "endpoint": ""}
BMC = {"type": "Redfish", "endpoint": "https://bmc", "basicAuthSecret": {"name": "bmc"}}


def record(predictor: dict[str, Any], **spec: object) -> NodeConfig:
    """Return the record of a NodeConfig with this predictor."""
    document = {"nodeName": "n1", "metricsCollector": {"inletTemp": FAKE, "deltaP": FAKE}, "predictor": predictor}
    return node_config({"spec": {**document, **spec}}, {"name": "c", "namespace": "ns", "created": None})


def test_the_secret_and_tls_of_the_model_go_with_the_endpoint_provider() -> None:
    """The reference's form: only the Secret is taken from powerConsumption, type and endpoint from the provider."""
    model = {"type": "", "endpoint": "", "basicAuthSecret": {"name": "models"}, "tls": {"insecureSkipVerify": True}}
    found = record({"powerConsumption": model, "powerConsumptionEndpointProvider": BMC})
    target = Endpoint("", secret="ns/models", tls=TlsPolicy(insecure=True))
    assert found.endpoint_provider == Endpoint("Redfish", "https://bmc", "ns/bmc", target=target)


def test_type_and_endpoint_of_the_model_do_not_reach_its_provider() -> None:
    model = {"type": "V2InferenceProtocol", "endpoint": "http://models/v2/models/m"}
    found = record({"powerConsumption": model, "powerConsumptionEndpointProvider": BMC})
    assert found.endpoint_provider == Endpoint("Redfish", "https://bmc", "ns/bmc", target=Endpoint(""))


def test_a_provider_alone_names_a_server_without_a_secret() -> None:
    found = record({"powerConsumptionEndpointProvider": BMC})
    assert found.endpoint_provider == Endpoint("Redfish", "https://bmc", "ns/bmc", target=Endpoint(""))
    assert record({}).endpoint_provider is None


PIN, ANY, VERIFY = TlsPolicy(fingerprint="ab" * 32), TlsPolicy(insecure=True), TlsPolicy(insecure=False)


@pytest.mark.parametrize(
    ("own", "of_all", "expected"),
    [
        (None, None, TlsPolicy()),
        ({}, {}, TlsPolicy()),
        (None, {"insecureSkipVerify": True}, ANY),
        ({}, {"insecureSkipVerify": True}, ANY),
        ({"fingerprint": "ab" * 32}, {"insecureSkipVerify": True}, PIN),
        ({"insecureSkipVerify": False}, {"insecureSkipVerify": True}, VERIFY),
        ({"insecureSkipVerify": True}, None, ANY),
    ],
)
def test_the_tls_of_an_endpoint_precedes_that_of_the_node_config(
    own: dict[str, object] | None, of_all: dict[str, object] | None, expected: TlsPolicy
) -> None:
    term = BMC if own is None else {**BMC, "tls": own}
    spec = {} if of_all is None else {"tls": of_all}
    sensors = {"inletTemp": term, "deltaP": FAKE, "powerWatts": term}
    found = record({"powerConsumption": term}, metricsCollector=sensors, **spec)
    assert found.metrics["inlet_temp"].endpoint.tls == found.metrics["power_watts"].endpoint.tls == expected
    assert found.power_consumption is not None
    assert found.power_consumption.tls == expected


def test_the_tls_of_the_node_config_is_for_the_server_that_a_provider_names_too() -> None:
    found = record({"powerConsumptionEndpointProvider": BMC}, tls={"insecureSkipVerify": True})
    assert found.endpoint_provider == Endpoint(
        "Redfish", "https://bmc", "ns/bmc", tls=ANY, target=Endpoint("", tls=ANY)
    )


def test_a_template_sets_the_tls_of_all_endpoints_from_the_node() -> None:
    body = {
        "metricsCollector": {"inletTemp": BMC, "deltaP": FAKE},
        "predictor": {},
        "tls": {"fingerprint": '{{ index .Annotations "example.com/bmc-fingerprint" }}'},
    }
    template = NodeConfigTemplate(name="t", namespace="ns", node_selector={}, template=body)
    node = Node(name="n1", annotations={"example.com/bmc-fingerprint": "ab" * 32})
    desired = render_node_config(template, node)
    assert desired.spec["tls"] == {"fingerprint": "ab" * 32}
    assert desired.record.metrics["inlet_temp"].endpoint.tls == PIN


def test_tls_of_all_endpoints_has_the_rules_of_one() -> None:
    with pytest.raises(ManifestError, match="set only one of caBundle, fingerprint and insecureSkipVerify") as raised:
        record({}, tls={"insecureSkipVerify": True, "fingerprint": "ab" * 32})
    assert raised.value.field == "spec.tls"


@pytest.mark.parametrize("name", ["{{ .Labels.x }}", "../{{x}}/..", "a" * 254], ids=len)
def test_a_secrets_name_in_a_node_config_is_no_template(name: str) -> None:
    spec = with_term({"basicAuthSecret": {"name": name}})
    with pytest.raises(ManifestError, match=r"basicAuthSecret\.name.*not the name of a Secret"):
        decode_object("NodeConfig", {"metadata": {"name": "x"}, "spec": spec})


def test_the_namespace_of_a_node_config_is_a_name() -> None:
    with pytest.raises(ManifestError, match="not the name of a namespace"):
        decode_object("NodeConfig", {"metadata": {"name": "x", "namespace": "../wao-system"}, "spec": REFERENCES[0]})


def test_a_server_is_never_switched_without_standby() -> None:
    assert record({}).standby is None
    assert record({}, standby={}).standby == Standby(method="DryRun")


def test_standby_has_the_bmc_with_its_own_account_and_the_tls_of_the_node_config() -> None:
    given = {
        "method": "Redfish",
        "endpoint": "https://bmc/ ",
        "basicAuthSecret": {"name": "power"},
        "system": "Node0",
        "group": "compute",
        "forceOff": True,
        "startTimeout": "7m30s",
        "drainTimeout": "0s",
        "offWatts": 5.5,
    }
    assert record({}, standby=given, tls={"insecureSkipVerify": True}).standby == Standby(
        method="Redfish",
        bmc=Endpoint("Redfish", "https://bmc", "ns/power", TlsPolicy(insecure=True)),
        system="Node0",
        group="compute",
        force_off=True,
        start_timeout=450.0,
        off_watts=5.5,
    )


def test_wake_on_lan_needs_no_bmc() -> None:
    wake = {"macAddress": "0c:c4:7a:12:34:56", "broadcastAddress": "10.1.255.255"}
    found = record({}, standby={"method": "WakeOnLan", "wakeOnLan": wake}).standby
    assert found == Standby(method="WakeOnLan", wake_on_lan=WakeOnLan("0c:c4:7a:12:34:56", "10.1.255.255", 9))


@pytest.mark.parametrize("name", ["../other/secret", "{{ .Labels.x }}"])
def test_the_secret_of_standby_is_a_name(name: str) -> None:
    given = {"method": "Redfish", "endpoint": "https://bmc", "basicAuthSecret": {"name": name}}
    with pytest.raises(ManifestError):
        record({}, standby=given)
