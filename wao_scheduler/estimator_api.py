"""The API of wao-estimator, answered from the measured fleet as `/v1/what-if` is.

Source: https://github.com/waok8s/wao-estimator, pkg/estimator/api/openapi.yaml and pkg/estimator/const.go (codes of
errors). There are no Estimator resources here: namespace and name in the path can be any.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StrictInt, ValidationError

from wao_core.serving.api import validation_message
from wao_core.serving.bodies import bounded_body
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.measured_fleet import measured_fleet

PATH = "/namespaces/{namespace}/estimators/{name}/values/powerconsumption"
MAX_REQUEST = 64 * 1024
"""Largest request [bytes]: an answer of 1,000 workloads that is sent back is some 20 kB."""
INVALID, NO_NODES = "ErrEstimatorInvalidRequest", "ErrEstimatorNoNodesAvailable"


class PowerConsumption(BaseModel):
    """Request and answer; further fields of a request are ignored."""

    cpu_milli: StrictInt = Field(ge=0, le=4_096_000, description="CPU of one workload [millicores]")
    num_workloads: StrictInt = Field(ge=0, le=10_000, description="number of identical workloads")
    watt_increases: list[float] | None = Field(
        None, description="power increase for the first 1, 2, ..., num_workloads [W]; ignored in a request"
    )


class EstimatorError(BaseModel):
    """Body of an error."""

    code: str = Field(description="type of the error, as in wao-estimator")
    message: str = Field(description="what is wrong, and what to do about it")


def add_estimator(app: FastAPI, engine: DecisionEngine) -> None:
    """Add the route of wao-estimator to the application."""
    schema = PowerConsumption.model_json_schema()
    body = {"content": {"application/json": {"schema": schema}}, "required": True}
    responses: dict[int | str, dict[str, object]] = {status: {"model": EstimatorError} for status in (400, 413, 500)}

    @app.post(PATH, responses=responses, openapi_extra={"requestBody": body}, response_model=PowerConsumption)
    async def power_consumption(
        request: Request,
        namespace: Annotated[str, Path(description="any: there are no Estimator resources")],
        name: Annotated[str, Path(description="any")],
    ) -> PowerConsumption | JSONResponse:
        """Estimate the minimum power increase for additional workloads, as wao-estimator does."""
        content = await bounded_body(request.scope, request.receive, MAX_REQUEST)
        if content is None:
            return _error(413, INVALID, "the body is too large")
        try:
            wanted = PowerConsumption.model_validate_json(content)
        except ValidationError as error:
            return _error(400, INVALID, validation_message(error))
        try:
            fleet = measured_fleet(engine)  # not in the thread, as it reads what changes with each decision
            increases = await asyncio.to_thread(_increases, fleet, wanted)
        except UsageError as error:
            return _error(400, INVALID, str(error))
        except LookupError as error:
            return _error(500, NO_NODES, str(error))
        return PowerConsumption(
            cpu_milli=wanted.cpu_milli, num_workloads=wanted.num_workloads, watt_increases=increases
        )


def _increases(fleet: Fleet, wanted: PowerConsumption) -> list[float]:
    """Return the increases [W]; workloads without CPU add nothing."""
    if wanted.cpu_milli == 0 or wanted.num_workloads == 0:
        return [0.0] * wanted.num_workloads
    return [float(watts) for watts in fleet.what_if(wanted.cpu_milli / 1000, wanted.num_workloads).watt_increases]


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status_code=status)
