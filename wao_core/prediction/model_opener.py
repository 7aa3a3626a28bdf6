"""Which model a NodeConfig names, and how its predictor is opened."""

from __future__ import annotations

import asyncio
from typing import cast

from wao_core.cluster.records import NodeConfig
from wao_core.collector.endpoints import Endpoints
from wao_core.prediction.curve_book import Opener
from wao_core.prediction.provider_transport import ProviderTransport
from wao_predict import AsyncPredictor, Predictor
from wao_predict.backends.base import RemoteBackend
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.flow import AsyncTransport
from wao_predict.plugins import CONCURRENCY, concurrency, open_backend

MODEL_TIME = 10.0
"""Limit for one request to a model server [s]."""


def model_endpoint(config: NodeConfig) -> Endpoint | None:
    """Return the endpoint provider of a NodeConfig, else its model, or None without both; as in the reference."""
    for endpoint in (config.endpoint_provider, config.power_consumption):
        if endpoint is not None and endpoint.type and (endpoint.url or _needs_no_url(endpoint)):
            return endpoint
    return None


def _needs_no_url(endpoint: Endpoint) -> bool:
    return endpoint.type == "Fake" or "points" in endpoint.options


def model_opener(endpoints: Endpoints) -> Opener:
    """Return the function that opens predictors: local ones are synchronous (they run in a thread), remote ones not."""
    context = EndpointContext(model_files=endpoints.access.model_files)

    async def open_model(endpoint: Endpoint) -> Predictor | AsyncPredictor:
        backend = await asyncio.to_thread(open_backend, endpoint, context)  # reads a file, and may load a runtime
        if not hasattr(backend, "flow"):
            return Predictor(backend)
        transport = _transport(endpoints, endpoint, backend)
        return AsyncPredictor(cast(RemoteBackend, backend), transport=transport, name=endpoint.label)

    return open_model


def _transport(endpoints: Endpoints, endpoint: Endpoint, backend: object) -> AsyncTransport:
    transport = endpoints.connect(endpoint, endpoint.url, concurrency=concurrency(backend), timeout=MODEL_TIME)
    if not getattr(backend, "names_server", False):  # see `wao_predict.endpoint`
        return transport
    target = endpoint.target or Endpoint("")
    return ProviderTransport(
        transport, lambda base: endpoints.connect(target, base, concurrency=CONCURRENCY, timeout=MODEL_TIME)
    )
