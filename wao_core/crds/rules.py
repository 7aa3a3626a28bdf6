"""Checks of the custom resources' fields: in CEL for the API server, in Python for manifests in a folder.

Only fields of our own are checked, so that every manifest of the reference stays valid, with one exception: the name
of a Secret must be a name, because it becomes part of an API path. Texts with "{{" are templates, whose values are
checked after rendering. There is no rule that type Prometheus needs a query: the reference accepts any type, and the
NodeConfig's status reports what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wao_core.cluster.names import SUBDOMAIN


@dataclass(frozen=True)
class Rule:
    """One check of a model's fields: in CEL for the API server, in Python for manifests in a folder.

    Parameters
    ----------
    cel
        The expression over `self` that must be true.
    holds
        The same in Python.
    message
        What is wrong and what to do.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str


def validations(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the rules as a schema's extension."""
    return {"x-kubernetes-validations": [{"rule": rule.cel, "message": rule.message} for rule in rules]}


def check(model: Any, rules: Sequence[Rule]) -> None:
    """Raise `ValueError` with the message of the first rule that a model breaks."""
    for rule in rules:
        if not rule.holds(model):
            raise ValueError(rule.message)


SECRET_NAME = rf"^$|\{{\{{|^{SUBDOMAIN}$"
"""Pattern of a Secret's name: none, a template, or an RFC 1123 subdomain."""

_FINGERPRINT = r"^(sha256=)?([0-9a-fA-F]{2}:?){32}$"
TLS_RULES = (
    Rule(
        "[has(self.caBundle) && size(self.caBundle) > 0, has(self.fingerprint) && size(self.fingerprint) > 0,"
        " has(self.insecureSkipVerify) && self.insecureSkipVerify].filter(given, given).size() <= 1",
        lambda tls: sum(map(bool, (tls.ca_bundle, tls.fingerprint, tls.insecure_skip_verify))) <= 1,
        "set only one of caBundle, fingerprint and insecureSkipVerify",
    ),
    Rule(
        "!has(self.caBundle) || size(self.caBundle) == 0 || self.caBundle.contains('-----BEGIN CERTIFICATE-----')"
        " || self.caBundle.contains('{{')",
        lambda tls: not tls.ca_bundle or any(part in tls.ca_bundle for part in ("-----BEGIN CERTIFICATE-----", "{{")),
        "caBundle must be certificates in PEM, not in base64 and not the name of a file",
    ),
    Rule(
        "!has(self.fingerprint) || size(self.fingerprint) == 0 || self.fingerprint.contains('{{')"
        f" || self.fingerprint.matches('{_FINGERPRINT}')",
        lambda tls: not tls.fingerprint or "{{" in tls.fingerprint or bool(re.match(_FINGERPRINT, tls.fingerprint)),
        "fingerprint must be a SHA-256 in hex: 64 digits, with or without colons",
    ),
)

SENSOR_RULES = (
    Rule(
        "!has(self.uri) || size(self.uri) == 0 || self.uri.startsWith('/') || self.uri.contains('{{')",
        lambda sensor: not sensor.uri or sensor.uri.startswith("/") or "{{" in sensor.uri,
        "uri must be a path on the BMC, such as /redfish/v1/Chassis/1/Sensors/Inlet; the host is the endpoint's",
    ),
)

# types of our own that have no use for a field; a plug-in may have one for it
_NOT_FAKE = ("Redfish", "DifferentialPressureAPI", "Prometheus", "V2InferenceProtocol", "Onnx", "PowerCurve")
_NO_OPTIONS = ("Fake", "DifferentialPressureAPI", "Prometheus", "Onnx", "PowerCurve")
_NO_QUERY = ("Fake", "Redfish", "DifferentialPressureAPI", "V2InferenceProtocol", "Onnx", "PowerCurve")
_NO_POINTS = ("Fake", "Redfish", "DifferentialPressureAPI", "Prometheus", "V2InferenceProtocol", "Onnx")
_NO_SENSOR = ("Fake", "Prometheus", "V2InferenceProtocol", "Onnx", "PowerCurve")
TERM_RULES = (
    Rule(
        f"!has(self.value) || !(self.type in {list(_NOT_FAKE)})",
        lambda term: term.value is None or term.type not in _NOT_FAKE,
        "value can only be set for type Fake",
    ),
    Rule(
        f"!has(self.query) || !(self.type in {list(_NO_QUERY)})",
        lambda term: term.query is None or term.type not in _NO_QUERY,
        "query can only be set for type Prometheus",
    ),
    Rule(
        f"!has(self.points) || !(self.type in {list(_NO_POINTS)})",
        lambda term: term.points is None or term.type not in _NO_POINTS,
        "points can only be set for type PowerCurve",
    ),
    Rule(
        "!has(self.query) || size(self.query.trim()) > 0",
        lambda term: term.query is None or bool(term.query.strip()),
        "query must be PromQL that returns one sample for the node",
    ),
    Rule(
        f"!has(self.sensor) || !(self.type in {list(_NO_SENSOR)})",
        lambda term: term.sensor is None or term.type not in _NO_SENSOR,
        "sensor can only be set for types that discover sensors: Redfish and DifferentialPressureAPI",
    ),
    Rule(
        f"!has(self.options) || !(self.type in {list(_NO_OPTIONS)})",
        lambda term: term.options is None or term.type not in _NO_OPTIONS,
        "options can only be set for models on a server (V2InferenceProtocol, Redfish) and plug-ins",
    ),
)

CALIBRATION_MODES = ("Off", "Shadow", "Apply")
CALIBRATION_RULES = (
    Rule(
        f"!has(self.mode) || self.mode in {list(CALIBRATION_MODES)} || self.mode.contains('{{{{')",
        lambda calibration: calibration.mode in CALIBRATION_MODES or "{{" in calibration.mode,
        f"mode must be one of {', '.join(CALIBRATION_MODES)}",
    ),
)

STANDBY_METHODS = ("DryRun", "Redfish", "WakeOnLan")
_MAC = r"^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"
STANDBY_RULES = (
    Rule(
        f"!has(self.method) || self.method in {list(STANDBY_METHODS)} || self.method.contains('{{{{')",
        lambda standby: standby.method in STANDBY_METHODS or "{{" in standby.method,
        f"method must be one of {', '.join(STANDBY_METHODS)}",
    ),
    Rule(
        "!has(self.method) || self.method != 'Redfish' || (has(self.endpoint) && size(self.endpoint) > 0"
        " && has(self.basicAuthSecret) && size(self.basicAuthSecret.name) > 0)",
        lambda standby: standby.method != "Redfish" or bool(standby.endpoint and _secret(standby)),
        "method Redfish needs endpoint, the URL of the BMC, and basicAuthSecret, an account that may switch power",
    ),
    Rule(
        "!has(self.method) || self.method != 'WakeOnLan' || has(self.wakeOnLan)",
        lambda standby: standby.method != "WakeOnLan" or standby.wake_on_lan is not None,
        "method WakeOnLan needs wakeOnLan.macAddress",
    ),
    Rule(
        "!has(self.endpoint) || size(self.endpoint) == 0 || self.endpoint.startsWith('https://')"
        " || self.endpoint.startsWith('http://') || self.endpoint.contains('{{')",
        lambda standby: (
            not standby.endpoint
            or standby.endpoint.startswith(("https://", "http://", "{{"))
            or "{{" in standby.endpoint
        ),
        "endpoint must be the URL of the BMC, https://host[:port]",
    ),
)
WAKE_ON_LAN_RULES = (
    Rule(
        f"self.macAddress.matches('{_MAC}') || self.macAddress.contains('{{{{')",
        lambda wake: bool(re.match(_MAC, wake.mac_address)) or "{{" in wake.mac_address,
        "macAddress must be six pairs of hex digits, such as 0c:c4:7a:12:34:56",
    ),
)
_SENSORS = (("metricsCollector", ("inletTemp", "deltaP", "powerWatts")),)
_MODELS = (("predictor", ("powerConsumption", "powerConsumptionEndpointProvider")),)


def _other_secrets() -> str:
    """Return a CEL list of the names of all Secrets of a spec but standby's."""
    terms = [f"self.{part}.{name}" for part, names in (*_SENSORS, *_MODELS) for name in names]
    names = [f"has({term}) && has({term}.basicAuthSecret) ? {term}.basicAuthSecret.name : ''" for term in terms]
    return f"[{', '.join(names)}]"


def _secret(term: Any) -> str:
    return term.basic_auth_secret.name if term is not None and term.basic_auth_secret is not None else ""


def _own_secret(spec: Any) -> bool:
    sensors, models = spec.metrics_collector, spec.predictor
    terms = (
        *(sensors.inlet_temp, sensors.delta_p, sensors.power_watts),
        *(models.power_consumption, models.power_consumption_endpoint_provider),
    )
    own = _secret(spec.standby)
    return not own or own not in map(_secret, terms)


SPEC_RULES = (
    Rule(
        "!has(self.standby) || !has(self.standby.basicAuthSecret) || size(self.standby.basicAuthSecret.name) == 0"
        f" || {_other_secrets()}.all(other, other != self.standby.basicAuthSecret.name)",
        _own_secret,
        "standby.basicAuthSecret must be another Secret than those of sensors and models: an account that may switch"
        " power is not for reading",
    ),
)
