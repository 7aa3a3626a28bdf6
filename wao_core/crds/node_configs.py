"""Converts NodeConfig and NodeConfigTemplate documents to records, validated by `wao_core.crds.models`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from pydantic import ValidationError

from wao_core.cluster.durations import parse_duration
from wao_core.cluster.names import is_label, is_subdomain
from wao_core.cluster.records import (
    Calibration,
    NodeConfig,
    NodeConfigTemplate,
    SensorTerm,
    Standby,
    WakeOnLan,
    key_of,
)
from wao_core.crds import models as crd
from wao_core.errors import ManifestError
from wao_predict.calibration.correction import Bounds, Correction
from wao_predict.connection import MAX_URL, TlsPolicy
from wao_predict.endpoint import Endpoint, Options

MOST_OFFSET = 10_000.0
"""Largest offset of a correction that is read from a status [W]."""
MAX_TYPE = 253
"""Characters of the name of a type."""
_NO_TLS, _NO_OPTIONS = TlsPolicy(), Options()  # shared by most of the thousands of endpoints


@dataclass(frozen=True, slots=True)
class _Scope:
    """What all endpoints of a NodeConfig share: the namespace of their Secrets, and TLS where they state none."""

    namespace: str
    tls: TlsPolicy


def node_config(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> NodeConfig:
    """Return the record of a NodeConfig document; `fields` are those of its metadata.

    Raises
    ------
    ManifestError
        A field is missing or cannot be used; the message names the first one.
    """
    spec = _validated(crd.NodeConfigSpec, raw)
    record = record_of(spec, {**fields, "generation": _generation(raw)})
    if record.calibration is None:
        return record
    return msgspec.structs.replace(record, calibration=_with_status(record.calibration, raw))


def record_of(spec: crd.NodeConfigSpec, fields: Mapping[str, Any]) -> NodeConfig:
    """Return the record of a validated spec without templates.

    Raises
    ------
    ManifestError
        The namespace or the name of a Secret is not a name: it would become part of an API path.
    """
    namespace = fields["namespace"]
    if not is_label(namespace):
        raise ManifestError(f"{namespace!r:.80} is not the name of a namespace", field="metadata.namespace")
    scope = _Scope(namespace, _tls(spec.tls))
    sensors = spec.metrics_collector
    terms = {"inlet_temp": sensors.inlet_temp, "delta_p": sensors.delta_p, "power_watts": sensors.power_watts}
    return NodeConfig(
        **fields,
        node_name=spec.node_name,
        metrics={metric: _sensor(term, scope) for metric, term in terms.items() if term is not None},
        power_consumption=_model(spec.predictor.power_consumption, scope),
        endpoint_provider=_provider(spec.predictor, scope),
        calibration=_calibration(spec.predictor.calibration),
        standby=None if spec.standby is None else _standby(spec.standby, scope),
    )


def node_config_template(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> NodeConfigTemplate:
    """Return the record of a NodeConfigTemplate document with its templates unrendered; errors as `node_config`."""
    spec = _validated(crd.NodeConfigTemplateSpec, raw)
    return NodeConfigTemplate(
        **fields,
        generation=_generation(raw),
        node_selector=spec.node_selector.model_dump(by_alias=True, exclude_none=True),
        template=spec.template.model_dump(by_alias=True, exclude_none=True),
    )


def first_by_node(configs: Iterable[NodeConfig]) -> dict[str, NodeConfig]:
    """Return the NodeConfig that counts for each node: the oldest, then the first by name, in all replicas."""
    found: dict[str, NodeConfig] = {}
    for config in sorted(configs, key=lambda config: (config.created or 0.0, key_of(config))):
        found.setdefault(config.node_name, config)
    return found


def _generation(raw: Mapping[str, Any]) -> int:
    return int((raw.get("metadata") or {}).get("generation") or 0)


def _validated(model: type[Any], raw: Mapping[str, Any]) -> Any:
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        raise ManifestError("the spec is missing", field="spec")
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        wrong = error.errors()
        first = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        path = ".".join(["spec", *(str(part) for part in first["loc"])])
        raise ManifestError(f"{first['msg']}{more}", field=path) from None


def _sensor(term: crd.EndpointTerm, scope: _Scope) -> SensorTerm:
    endpoint = _endpoint(term, scope, url=term.endpoint.strip().rstrip("/"))
    seconds = parse_duration(term.fetch_interval) if term.fetch_interval else 0.0
    return SensorTerm(endpoint, seconds) if seconds > 0 else SensorTerm(endpoint)  # Go takes 0 and negative ones


def _model(term: crd.EndpointTerm | None, scope: _Scope) -> Endpoint | None:
    return None if term is None else _endpoint(term, scope, url=term.endpoint.strip())


def _provider(predictor: crd.Predictor, scope: _Scope) -> Endpoint | None:
    """Return the endpoint provider; Secret, TLS and options of powerConsumption are for the server that it names."""
    provider = _model(predictor.power_consumption_endpoint_provider, scope)
    if provider is None:
        return None
    model = _model(predictor.power_consumption, scope)
    return replace(provider, target=Endpoint("", tls=scope.tls) if model is None else replace(model, type="", url=""))


def _calibration(given: crd.Calibration | None) -> Calibration | None:
    return None if given is None or given.mode == "Off" else Calibration(mode=given.mode)


def _with_status(calibration: Calibration, raw: Mapping[str, Any]) -> Calibration:
    """Return a calibration with what the status states; a correction that cannot be used counts as none."""
    status = raw.get("status")
    stated = status.get("calibration") if isinstance(status, Mapping) else None
    if not isinstance(stated, Mapping):
        return calibration
    return Calibration(
        mode=calibration.mode,
        model=str(stated.get("model") or ""),
        used=_correction(stated.get("used")),
        shadow=_correction(stated.get("shadow")),
        previous=_correction(stated.get("previous")),
    )


def _correction(stated: object) -> Correction | None:
    if not isinstance(stated, Mapping):
        return None
    scale, offset = stated.get("scale"), stated.get("offsetWatts")
    if isinstance(scale, bool) or isinstance(offset, bool):
        return None
    if not isinstance(scale, int | float) or not isinstance(offset, int | float) or not math.isfinite(offset):
        return None
    low, high = Bounds().scale
    return Correction(float(scale), float(offset)) if low <= scale <= high and abs(offset) <= MOST_OFFSET else None


def _standby(given: crd.Standby, scope: _Scope) -> Standby:
    """Return how the server is switched; a time of 0 gets the default, as in the intervals of sensors."""
    url = (given.endpoint or "").strip().rstrip("/")
    secret = _secret(given.basic_auth_secret, scope)
    times = {
        "drain_timeout": given.drain_timeout,
        "shutdown_timeout": given.shutdown_timeout,
        "start_timeout": given.start_timeout,
    }
    seconds = {name: parse_duration(text) for name, text in times.items() if text}
    wake = given.wake_on_lan
    return Standby(
        method=given.method,
        bmc=Endpoint("Redfish", url, secret, _tls(given.tls).or_else(scope.tls)) if url else None,
        system=given.system or "",
        wake_on_lan=None if wake is None else WakeOnLan(wake.mac_address, wake.broadcast_address or "", wake.port or 9),
        group=given.group or "",
        force_off=bool(given.force_off),
        off_watts=Standby().off_watts if given.off_watts is None else given.off_watts,
        **{name: value for name, value in seconds.items() if value > 0},
    )


def _secret(reference: crd.SecretReference | None, scope: _Scope) -> str:
    """Return "namespace/name", or an empty string for none."""
    secret = "" if reference is None else reference.name
    if secret and not is_subdomain(secret):
        raise ManifestError(
            f"{secret!r:.80} is not the name of a Secret in the NodeConfig's namespace: it must be lower-case letters, "
            "digits, '-' and '.', at most 253",
            field="basicAuthSecret.name",
        )
    return f"{scope.namespace}/{secret}" if secret else ""


def _endpoint(term: crd.EndpointTerm, scope: _Scope, *, url: str) -> Endpoint:
    secret = _secret(term.basic_auth_secret, scope)
    for name, text, most in (("type", term.type, MAX_TYPE), ("endpoint", url, MAX_URL)):
        if len(text) > most:
            raise ManifestError(f"{len(text)} characters, and {most} is the limit", field=name)
    return Endpoint(
        term.type,
        url,
        secret,
        _tls(term.tls).or_else(scope.tls),
        _options(term),
    )


def _options(term: crd.EndpointTerm) -> Options:
    sensor = None if term.sensor is None else term.sensor.model_dump(by_alias=True, exclude_none=True)
    points = None if term.points is None else [point.model_dump(by_alias=True) for point in term.points]
    stated = {
        "sensor": sensor,
        "value": term.value,
        "query": term.query,
        "points": points,
        "options": term.options or None,
    }
    given = {name: value for name, value in stated.items() if value is not None}
    return Options(given) if given else _NO_OPTIONS


def _tls(tls: crd.Tls | None) -> TlsPolicy:
    if tls is None:
        return _NO_TLS
    return TlsPolicy(
        ca_data=tls.ca_bundle or None,
        fingerprint=tls.fingerprint or None,
        insecure=tls.insecure_skip_verify,
    )
