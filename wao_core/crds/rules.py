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
