"""The HTTP API of the weight service: JSON with ETag and long poll, Envoy EDS, health and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response

from wao_core.cluster.durations import parse_duration
from wao_core.errors import DurationError
from wao_core.serving.api import ApiError, Responses, errors, json_body, new_api
from wao_core.serving.bodies import bounded_body
from wao_core.serving.frame import ServerFrame
from wao_lb.documents import ServiceSummary, ServiceWeights, WeightsListing
from wao_lb.entries import Entry
from wao_lb.metrics import families
from wao_lb.outputs import eds
from wao_lb.settings import PROXY_LABEL
from wao_lb.weight_book import WeightBook

LONGEST_WAIT = 60.0
"""Upper bound of a long poll [s]."""
MAX_BODY = 1024 * 1024
"""Largest discovery request [bytes]."""

Wait = Annotated[str, Query(description="how long to wait for a change, such as 30s; needs If-None-Match")]
Known = Annotated[str, Header(alias="If-None-Match", description="version that the reader has")]
_UNCHANGED: Responses = {304: {"description": "The reader has the current version."}}


def create_app(book: WeightBook, frame: ServerFrame, ready: Callable[[], bool] = lambda: True) -> FastAPI:
    """Return the weight service as an ASGI application.

    Parameters
    ----------
    ready
        Whether the weights are known. Until then readers get 503 and keep their weights: an empty answer would remove
        all their endpoints at every restart.
    """

    async def require_ready() -> None:
        if not ready():
            message = "the cluster is not read yet; keep the weights that you have"
            raise ApiError(503, message, headers={"Retry-After": "1"})

    frame.checks.at_stop(book.changes.end)
    frame.add_series(*families(book))
    router = APIRouter(dependencies=[Depends(require_ready)], redirect_slashes=False)
    _add_weights(router, book)
    _add_listing(router, book)
    _add_discovery(router, book)
    app = new_api(frame, "WAO load balancer weights", ServiceWeights, WeightsListing)
    app.include_router(router)
    return app


def _add_weights(router: APIRouter, book: WeightBook) -> None:
    path = "/v1/weights/{namespace}/{service}"

    @router.head(path, include_in_schema=False)
    @router.get(
        path, response_model=None, responses={**json_body(ServiceWeights), **_UNCHANGED, **errors(400, 404, 503)}
    )
    async def weights(
        namespace: Annotated[str, Path()], service: Annotated[str, Path()], wait: Wait = "0s", known: Known = ""
    ) -> Response:
        """Return the weights of one Service: for each port, family and endpoint a share of 100."""
        key, version, seconds = f"{namespace}/{service}", _version(known), _seconds(wait)
        found = await book.wait(key, version, seconds) if seconds > 0 and version else book.get(key)
        if found is None:
            value = book.settings.proxy_name
            hint = f"; Services are chosen by the label {PROXY_LABEL}: {value}" if value else ""
            raise ApiError(404, f"Service {key} is not weighted{hint}")
        headers = _headers(book, found.version)
        if version == found.version:
            return Response(status_code=304, headers=headers)
        return Response(msgspec.json.encode(found), media_type="application/json", headers=headers)


def _add_listing(router: APIRouter, book: WeightBook) -> None:
    listing = _Listing()

    @router.head("/v1/weights", include_in_schema=False)
    @router.get(
        "/v1/weights", response_model=None, responses={**json_body(WeightsListing), **_UNCHANGED, **errors(400, 503)}
    )
    async def weights_of_all(wait: Wait = "0s", known: Known = "") -> Response:
        """List all Services with the version of their weights, so that one long poll follows all of them."""
        version, seconds = _version(known), _seconds(wait)
        if seconds > 0 and version:
            await book.wait_for_any(version, seconds)
        current, body = listing.of(book)
        headers = _headers(book, current)
        if version == current:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)


def _add_discovery(router: APIRouter, book: WeightBook) -> None:
    @router.post("/v3/discovery:endpoints", include_in_schema=False)
    async def discovery(request: Request) -> Response:
        """Answer Envoy's endpoint discovery (REST xDS)."""
        body = await bounded_body(request.scope, request.receive, MAX_BODY)
        if body is None:
            raise ApiError(413, "the request is larger than 1 MiB")
        answer = eds.answer(body, book)
        return Response(answer.body, status_code=answer.status, media_type="application/json")


class _Listing:
    """The list of all Services, encoded once per version: every node's agent reads it after every change."""

    def __init__(self) -> None:
        self._version, self._body = "", b""

    def of(self, book: WeightBook) -> tuple[str, bytes]:
        """Return the current version and the JSON of the `WeightsListing`."""
        entries, version = book.entries(), book.changes.version
        if version != self._version:
            services = tuple(_summary(entry) for _, entry in sorted(entries.items()))
            document = WeightsListing(version=version, services=services)
            self._version, self._body = version, msgspec.json.encode(document)
        return version, self._body


def _seconds(wait: str) -> float:
    try:
        return min(LONGEST_WAIT, parse_duration(wait))
    except DurationError as error:
        raise ApiError(400, f"wait: {error}") from None


def _version(if_none_match: str) -> str:
    return if_none_match.removeprefix("W/").strip('" ')


def _headers(book: WeightBook, version: str) -> dict[str, str]:
    # a reader that kept its connection would stay with a server that is shutting down
    closing = {"Connection": "close"} if book.changes.ended else {}
    return {"ETag": f'"{version}"', "Cache-Control": "no-cache", **closing}


def _summary(entry: Entry) -> ServiceSummary:
    return ServiceSummary(
        namespace=entry.service.namespace,
        service=entry.service.name,
        rule=entry.rule,
        reason=entry.reason,
        version=entry.version,
        endpoints=sum(len(group) for group in entry.groups.values()),
    )
