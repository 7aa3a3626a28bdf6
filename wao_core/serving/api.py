"""JSON APIs for people and programs: FastAPI with one form of error and an OpenAPI document at /openapi.json."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel
from starlette.requests import ClientDisconnect

from wao_core.errors import WaoCoreError
from wao_core.serving.frame import ServerFrame
from wao_core.serving.metrics import package_version
from wao_predict.timestamps import format_rfc3339, parse_rfc3339

Responses = dict[int | str, dict[str, Any]]
_REFERENCE = "#/components/schemas/{name}"


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    if (seconds := parse_rfc3339(value)) is None:
        raise ValueError("write a time as in 2026-01-31T12:00:00Z")
    return seconds


Time = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(lambda at: format_rfc3339(at, microseconds=True), return_type=str),
]
"""A time [s since the epoch] that is an RFC 3339 text in JSON, which is read as well as written."""


class ApiDocument(BaseModel):
    """A JSON document of our APIs: the names of its fields are in camelCase, as those of Kubernetes are."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class ErrorBody(ApiDocument):
    """Body of an error."""

    error: str = Field(description="what is wrong, and what to do about it")


class ApiError(WaoCoreError):
    """A request that is answered with a status of 400 or above and an `ErrorBody`."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


def new_api(frame: ServerFrame, title: str, *documents: type[msgspec.Struct]) -> FastAPI:
    """Return an application with the routes of the frame.

    Parameters
    ----------
    documents
        Bodies that msgspec encodes; `json_body` refers to their schemas.
    """
    app = _Api(documents, title=title)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.router.routes.extend(frame.routes())
    return app


def errors(*statuses: int) -> Responses:
    """Return the `responses` of a route that answers these statuses with an `ErrorBody`."""
    return {status: {"model": ErrorBody} for status in statuses}


def json_body(document: type[msgspec.Struct]) -> Responses:
    """Return the `responses` of a route that answers 200 with a document that msgspec encodes."""
    schema = {"$ref": _REFERENCE.format(name=document.__name__)}
    return {200: {"description": "Successful Response", "content": {"application/json": {"schema": schema}}}}


async def made_in_thread(make: Callable[[], BaseModel]) -> Response:
    """Return the response with a document that a thread makes and encodes, so that the event loop answers others.

    Parameters
    ----------
    make
        Makes the document. It may read records and snapshots, but not iterate over what the event loop changes.
    """
    body = await asyncio.to_thread(lambda: make().model_dump_json(by_alias=True))
    return Response(body, media_type="application/json")


def validation_message(error: ValidationError | RequestValidationError) -> str:
    """Return the first invalid fields, each with its error."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])[:100] or 'body'}: {item['msg']}" for item in error.errors()[:10]
    )


class _Api(FastAPI):
    """FastAPI whose OpenAPI document has the schemas of msgspec documents too."""

    def __init__(self, documents: tuple[type[msgspec.Struct], ...], *, title: str) -> None:
        super().__init__(
            title=title,
            version=package_version(),
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            responses=errors(422),
        )
        self._documents = documents

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        _, schemas = msgspec.json.schema_components(self._documents, ref_template=_REFERENCE)
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document


async def _api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse({"error": error.message}, status_code=error.status, headers=error.headers)


async def _disconnected(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it; without a handler, the log would have a traceback


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"error": validation_message(error)}, status_code=422)
