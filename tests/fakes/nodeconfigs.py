"""Specs of NodeConfigs that are taken and that are refused, by our models and by the API server alike."""

from __future__ import annotations

from typing import Any

import yaml

_REFERENCES = """
nodeName: worker-0
metricsCollector:
  inletTemp: {type: Redfish, endpoint: "https://10.0.0.1", basicAuthSecret: {name: redfish}, fetchInterval: 10s}
  deltaP: {type: DifferentialPressureAPI, endpoint: "http://10.0.0.2:5000", fetchInterval: 1m30s}
predictor:
  powerConsumption: {type: V2InferenceProtocol, endpoint: "http://10.0.0.3:8080/v2/models/m/versions/v0.1.0/infer"}
---
nodeName: worker-1
metricsCollector:
  inletTemp: {type: Fake, endpoint: ""}
  deltaP: {type: Fake, endpoint: "", basicAuthSecret: {name: ""}}
predictor:
  powerConsumption: {type: "", endpoint: ""}
  powerConsumptionEndpointProvider: {type: Redfish, endpoint: "https://10.0.0.1"}
---
nodeName: worker-2
metricsCollector: {inletTemp: {type: Fake, endpoint: ""}, deltaP: {type: Fake, endpoint: "", fetchInterval: "0"}}
predictor: {}
---
nodeName: worker-3
metricsCollector:
  inletTemp: {type: Prometheus, endpoint: "any text"}
  deltaP: {type: SomethingElse, endpoint: "x", fetchInterval: 5m}
predictor: {powerConsumption: {type: Onnx, endpoint: ""}}
"""
REFERENCES: list[dict[str, Any]] = list(yaml.safe_load_all(_REFERENCES))
"""Manifests that the reference's CRD takes: no rule of ours may refuse one."""

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PIN = ":".join(["a0"] * 32)


def with_term(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose inlet temperature's term has these fields."""
    term = {"type": "Redfish", "endpoint": "https://10.0.0.1", **fields}
    fake = {"type": "Fake", "endpoint": ""}
    return {"nodeName": "n", "metricsCollector": {"inletTemp": term, "deltaP": fake}, "predictor": {}}


_OURS: list[dict[str, Any]] = [
    {"tls": {"caBundle": PEM}},
    {"tls": {"fingerprint": PIN}},
    {"tls": {"fingerprint": "sha256=" + "0f" * 32}},
    {"tls": {"insecureSkipVerify": True}},
    {"tls": {"insecureSkipVerify": False, "caBundle": PEM, "fingerprint": ""}},
    {"tls": {}},
    {"sensor": {"uri": "/redfish/v1/Chassis/1/Sensors/In"}},
    {"sensor": {"name": "Inlet Temp"}},
    {"sensor": {"uri": "", "name": ""}},
    {"type": "Fake", "value": 21.5},
    {"type": "Prometheus", "query": 'inlet{node="$node"}'},
    {"basicAuthSecret": {"name": "bmc-login.rack-1"}},
    {"type": "SomePlugin", "query": "x", "value": 1, "sensor": {"name": "y"}, "options": {"unit": "F", "port": 9}},
    {"type": "V2InferenceProtocol", "options": {"inputName": "INPUT__0", "maxBatchSize": 8}},
    {"options": {}},
    {"type": "PowerCurve", "endpoint": "specpower:intel_xeon_gold_6338n"},
    {"type": "PowerCurve", "endpoint": "", "points": [{"cpuUsage": 0, "watts": 60}, {"cpuUsage": 100, "watts": 120.5}]},
]
OURS = [{**with_term(fields), "nodeName": f"ours-{number}"} for number, fields in enumerate(_OURS)]
"""Specs with fields of our own."""

TEMPLATED: list[dict[str, Any]] = [
    {"tls": {"caBundle": '{{ index .Annotations "ca" }}', "fingerprint": ""}},
    {"tls": {"fingerprint": "{{ .Labels.pin }}"}},
    {"sensor": {"uri": "{{ .Labels.sensor }}"}},
    {"basicAuthSecret": {"name": '{{ index .Labels "BMC/Login" | lower }}'}},
    {"type": "{{ .Labels.kind }}", "query": "{{ .Labels.query }}", "value": 1},
    {"type": "V2InferenceProtocol", "options": {"inputName": "{{ .Labels.tensor }}"}},
]
"""Terms of templates: what they will be is not known before a node is."""

NOT_NAMES = ["../../wao-system/secrets/bmc-login", "a/b", "..", "a..b", "-a", "A", "a?b", "a%2Fb", "a\n", " a"]
"""Texts that are not the name of a Secret."""

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tls": {"caBundle": PEM, "insecureSkipVerify": True}}, "one of caBundle, fingerprint and insecureSkipVerify"),
    ({"tls": {"caBundle": PEM, "fingerprint": PIN}}, "one of caBundle, fingerprint and insecureSkipVerify"),
    ({"tls": {"caBundle": "/etc/ssl/ca.crt"}}, "caBundle must be certificates in PEM"),
    ({"tls": {"caBundle": "LS0tLS1CRUdJTi"}}, "caBundle must be certificates in PEM"),
    ({"tls": {"fingerprint": "a0:b1"}}, "fingerprint must be a SHA-256 in hex"),
    ({"sensor": {"uri": "https://10.0.0.9/redfish/v1/x"}}, "uri must be a path on the BMC"),
    ({"value": 21.5}, "value can only be set for type Fake"),
    ({"query": "x"}, "query can only be set for type Prometheus"),
    ({"type": "Prometheus", "query": "  "}, "query must be PromQL"),
    (
        {"type": "Prometheus", "query": "x", "sensor": {"name": "y"}},
        "sensor can only be set for types that discover sensors",
    ),
    ({"type": "Onnx", "options": {"inputName": "X"}}, "options can only be set for models on a server"),
    (
        {"type": "Onnx", "points": [{"cpuUsage": 0, "watts": 60}, {"cpuUsage": 100, "watts": 120}]},
        "points can only be set for type PowerCurve",
    ),
    ({"type": "PowerCurve", "points": [{"cpuUsage": 0, "watts": 60}]}, "at least 2 items"),
    (
        {"type": "PowerCurve", "points": [{"cpuUsage": 0, "watts": 0}, {"cpuUsage": 101, "watts": 1}]},
        "less than or equal to 100",
    ),
]
"""Fields of a term that cannot be meant, and what the refusal says."""


def with_standby(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose sensor uses the Secret `reader`, with these fields of standby."""
    return {**with_term({"basicAuthSecret": {"name": "reader"}}), "standby": fields}


_BMC = {"method": "Redfish", "endpoint": "https://10.0.0.1", "basicAuthSecret": {"name": "operator"}}
STANDBY_TAKEN: list[dict[str, Any]] = [
    {},
    {"method": "DryRun", "group": "compute", "offWatts": 5.5},
    {**_BMC, "system": "Node0", "forceOff": True, "startTimeout": "7m", "tls": {"fingerprint": PIN}},
    {"method": "WakeOnLan", "wakeOnLan": {"macAddress": "0c:c4:7a:12:34:56", "broadcastAddress": "10.1.255.255"}},
    {**_BMC, "method": "WakeOnLan", "wakeOnLan": {"macAddress": "0C-C4-7A-12-34-56", "port": 7}},
    {**_BMC, "endpoint": "{{ .Annotations.bmc }}", "method": "{{ .Labels.method }}"},
]
"""Ways to switch a server, as a NodeConfig or a template states them."""

STANDBY_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"method": "Ipmi"}, "method must be one of DryRun, Redfish, WakeOnLan"),
    ({"method": "Redfish", "endpoint": "https://10.0.0.1"}, "method Redfish needs endpoint"),
    ({"method": "Redfish", "basicAuthSecret": {"name": "operator"}}, "method Redfish needs endpoint"),
    ({**_BMC, "endpoint": "10.0.0.1"}, "endpoint must be the URL of the BMC"),
    ({**_BMC, "basicAuthSecret": {"name": "reader"}}, "another Secret than those of sensors"),
    ({"method": "WakeOnLan"}, "needs wakeOnLan.macAddress"),
    ({"method": "WakeOnLan", "wakeOnLan": {"macAddress": "0cc47a123456"}}, "six pairs of hex digits"),
    ({"offWatts": -1}, "greater than or equal to 0"),
]
"""Ways that cannot work, and the message."""
