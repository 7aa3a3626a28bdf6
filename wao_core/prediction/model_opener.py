"""Which model a NodeConfig names, and how its predictor is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wao_core.cluster.records import EndpointTerm, NodeConfig
from wao_core.cluster.source import Source
from wao_core.errors import SourceError
from wao_core.prediction.curve_book import ModelKey, Opener
from wao_predict import AsyncPredictor, Connection, Credentials, HttpOptions, Predictor, TlsPolicy
from wao_predict.backends.fake import FakeBackend
from wao_predict.plugins import backend_type
from wao_predict.predictor import load_async_predictor, load_predictor


def model_key(config: NodeConfig) -> ModelKey | None:
    """Return the model of a NodeConfig: the one named, else the one its endpoint provider names; None without both."""
    for term in (config.power_consumption, config.endpoint_provider):
        if term is not None and term.type and (term.endpoint or term.type == "Fake"):
            return _key(config, term)
    return None


def _key(config: NodeConfig, term: EndpointTerm) -> ModelKey:
    secret = f"{config.namespace}/{term.secret_name}" if term.secret_name else ""
    options = json.dumps({key: term.options[key] for key in ("tls", "value") if key in term.options}, sort_keys=True)
    return ModelKey(term.type, term.endpoint.strip(), secret, options)


def model_opener(source: Source, *, timeout: float = 10.0) -> Opener:
    """Return what opens the predictors of models: local ones sync (they run in a thread), remote ones async."""

    async def open_model(key: ModelKey) -> Predictor | AsyncPredictor:
        options: Mapping[str, Any] = json.loads(key.options)
        if key.type == "Fake":
            return Predictor(FakeBackend(float(options.get("value", FakeBackend.DEFAULT))), name="fake")
        if not hasattr(backend_type(key.type), "flow"):
            return load_predictor(key.endpoint, type=key.type)
        connection = Connection(
            credentials=await _credentials(source, key.secret),
            tls=_tls(options.get("tls") or {}),
            options=HttpOptions(timeout=timeout, attempts=2),
        )
        return load_async_predictor(key.endpoint, type=key.type, connection=connection)

    return open_model


async def _credentials(source: Source, secret: str) -> Credentials | None:
    if not secret:
        return None
    namespace, _, name = secret.partition("/")
    data = await source.secret(namespace, name)
    if data is None or "username" not in data or "password" not in data:
        raise SourceError(f"Secret {secret} with username and password is not there")
    return Credentials(data["username"].decode(), data["password"].decode())


def _tls(options: Mapping[str, Any]) -> TlsPolicy:
    return TlsPolicy(
        ca_data=options.get("caBundle"),
        fingerprint=options.get("fingerprint"),
        insecure=bool(options.get("insecureSkipVerify")),
    )
