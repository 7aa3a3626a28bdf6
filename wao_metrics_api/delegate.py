"""Another custom metrics API (prometheus-adapter, KEDA, an own one) that answers for the metrics that are not ours.

A cluster registers one server for custom.metrics.k8s.io. With a delegate, that server is ours: it has authenticated the
caller and reviewed the access before a request is forwarded, and it forwards with an account of its own. No header of
the caller is passed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from wao_core.bearer_token import read_bearer_token
from wao_core.kube.resources import api_path
from wao_core.serving.status import StatusError
from wao_metrics_api.discovery import MetricResource
from wao_metrics_api.names import CUSTOM_METRICS, GROUP_VERSIONS, GroupVersion
from wao_metrics_api.paths import MetricRequest, unknown_path
from wao_predict.errors import RemoteError, WaoError
from wao_predict.flow import MIB, AsyncTransport, Request, Response
from wao_predict.json_values import NOT_JSON

PERIOD = 30.0
"""Seconds between two readings of the delegate's discovery."""
VIA = "1.1 wao-metrics-api"
"""The header Via (RFC 9110, section 7.6.3) of forwarded requests, by which a loop is noticed."""
MAX_DISCOVERY, MAX_BODY = 16 * MIB, 8 * MIB
"""Largest answers; a list of 10,000 Pods has some 3 MB."""
AT_ONCE = 8
"""Most requests at a time, so that their answers have room in the memory of the server."""
LONGEST_TURN = 20.0
"""Seconds in which a request must have had its turn and its answer."""
MAX_NAME = 256
"""Characters of a name in the discovery, such as "pods/http_requests"; longer ones are left out."""
MAX_RESOURCES = 20_000
"""Most metrics of a delegate in the discovery; the largest reported installation has 9,197 (helm-charts #2052)."""
_VERSIONS = tuple(api for api in GROUP_VERSIONS if api.group == CUSTOM_METRICS)
_log = logging.getLogger(__name__)


class _Listed(msgspec.Struct):
    name: str
    namespaced: bool = False


class _ResourceList(msgspec.Struct):
    resources: list[_Listed] | None = None


class _Answer(msgspec.Struct):
    kind: str = ""
    message: str = ""


class Delegate:
    """Forwards requests, and knows which metrics the other server announces.

    Parameters
    ----------
    transport
        Reaches the other server. It verifies the certificate and limits time.
    token_file
        File with the bearer token of our account there, read again each period; None sends no token.
    name
        The other server in messages, such as its URL.
    """

    def __init__(
        self, transport: AsyncTransport, *, name: str, registry: CollectorRegistry, token_file: Path | None = None
    ) -> None:
        self._transport, self._name, self._token_file = transport, name, token_file
        self._headers: Mapping[str, str] = {"Via": VIA}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.resources: dict[GroupVersion, tuple[MetricResource, ...]] = {}
        self.tried = False
        self._problem = ""
        self._up = Gauge("wao_delegate_up", "Whether the delegate's discovery could be read.", registry=registry)
        self._requests = Counter(
            "wao_delegate_requests", "Requests that were forwarded, by status code.", ("code",), registry=registry
        )

    async def run(self) -> None:
        """Read the discovery each period until cancelled; while it cannot be read, the last one stays."""
        while True:
            await self.refresh()
            await asyncio.sleep(PERIOD)

    async def refresh(self) -> None:
        """Read token and discovery once; log when the delegate begins or ceases to answer."""
        problem = ""
        try:
            self._headers = await asyncio.to_thread(self._current_headers)
            for api in _VERSIONS:
                listed = await self._listed(api)
                if listed != self.resources.get(api):  # the same tuple stays, which is quick to compare
                    self.resources[api] = listed
        except (WaoError, ValueError) as error:
            problem = str(error)
        if problem != self._problem:
            if problem:
                _log.warning("the delegate %s cannot be read: %s", self._name, problem)
            else:
                _log.info("the delegate %s answers again", self._name)
        self._problem, self.tried = problem, True
        self._up.set(not problem)

    def _current_headers(self) -> Mapping[str, str]:
        if self._token_file is None:
            return {"Via": VIA}
        return {"Via": VIA, "Authorization": f"Bearer {read_bearer_token(self._token_file)}"}

    async def _listed(self, api: GroupVersion) -> tuple[MetricResource, ...]:
        response = await self._transport.send(Request("GET", f"/apis/{api}", self._headers, max_bytes=MAX_DISCOVERY))
        if response.status == 404:
            return ()  # it does not serve this version
        if response.status != 200:
            raise ValueError(f"GET /apis/{api}: {response.status} {_answer(response.body).message[:200]}".rstrip())
        try:
            listed = msgspec.json.decode(response.body, type=_ResourceList).resources or []
        except NOT_JSON as error:
            raise ValueError(f"GET /apis/{api}: not an APIResourceList: {error}") from None
        if len(listed) > MAX_RESOURCES:
            _log.warning("the delegate %s has %d metrics: %d are listed", self._name, len(listed), MAX_RESOURCES)
        usable = (item for item in listed[:MAX_RESOURCES] if _is_usable(item.name))
        return tuple(MetricResource(item.name, item.namespaced) for item in usable)

    async def get(self, request: MetricRequest, query: bytes, via: str) -> bytes:
        """Return the delegate's MetricValueList for a request.

        Parameters
        ----------
        query
            The caller's query, of which the two selectors are passed on.
        via
            The caller's header Via.

        Raises
        ------
        StatusError
            The delegate's own error, or 503 when it gives no usable answer.
        """
        code = "error"
        try:
            if VIA in via:
                raise self._unavailable("it leads back to this server: --delegate must name the other adapter")
            response = await self._send(request, query)
            code = str(response.status)
            return self._body(response)
        finally:
            self._requests.labels(code).inc()

    async def _send(self, request: MetricRequest, query: bytes) -> Response:
        try:
            async with asyncio.timeout(LONGEST_TURN), self._turns:
                return await self._transport.send(
                    Request("GET", _path(request) + _selectors(query), self._headers, max_bytes=MAX_BODY)
                )
        except RemoteError as error:
            raise self._unavailable(str(error)) from None
        except TimeoutError:
            raise self._unavailable("too many requests wait for it") from None

    def _body(self, response: Response) -> bytes:
        answer = _answer(response.body)
        if response.status == 200:
            if answer.kind != "MetricValueList":
                raise self._unavailable("its answer is not a MetricValueList")
            return response.body
        if response.status in (401, 403):
            raise self._unavailable(
                f"it refuses our account ({response.status} {answer.message[:500]}): give the account of "
                "--delegate-token-file the right to get custom.metrics.k8s.io"
            )
        code = response.status if 400 <= response.status < 600 else 503
        raise StatusError(code, answer.message[:2000] or f"the delegate {self._name} answered {response.status}")

    def _unavailable(self, reason: str) -> StatusError:
        return StatusError(503, f"the delegate {self._name} did not answer: {reason}")


def _is_usable(name: str) -> bool:
    return len(name) <= MAX_NAME and name.isprintable() and "/" in name.strip("/")


def _answer(body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body, type=_Answer)
    except NOT_JSON:
        return _Answer()


def _path(request: MetricRequest) -> str:
    try:
        if request.resource == "namespaces":
            return api_path(str(request.api), "metrics", namespace=request.name, name=request.metric)
        return api_path(
            str(request.api),
            request.resource,
            namespace=request.namespace or "",
            name=request.name,
            subresource=request.metric,
        )
    except WaoError:  # a segment "..", which a proxy would fold
        raise unknown_path() from None


def _selectors(query: bytes) -> str:
    values = parse_qs(query.decode("latin-1"), max_num_fields=64)
    kept = [(key, values[key][0]) for key in ("labelSelector", "metricLabelSelector") if key in values]
    return f"?{urlencode(kept)}" if kept else ""
