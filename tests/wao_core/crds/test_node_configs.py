"""From the document of a NodeConfig to its record: endpoints, Secrets and TLS."""

from __future__ import annotations

from typing import Any

from wao_core.cluster.records import NodeConfig
from wao_core.crds.node_configs import node_config
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


def test_a_provider_alone_has_no_target() -> None:
    assert record({"powerConsumptionEndpointProvider": BMC}).endpoint_provider == Endpoint(
        "Redfish", "https://bmc", "ns/bmc"
    )
    assert record({}).endpoint_provider is None
