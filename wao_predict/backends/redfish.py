"""The model that a BMC names in `Systems/{id}/MachineLearningModel`; the model server it points to predicts.

Source: the reference's endpoint provider (wao-metrics-adapter/pkg/predictor/redfish/endpointprovider.go): Url + Name +
Version make "{Url}/v2/models/{Name}/versions/{Version}/infer". The BMC's answer is untrusted input: the URL must be
http or https, it never receives the BMC's credentials, and the servers apply their rule about addresses to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from wao_predict.arrays import FloatArray
from wao_predict.backends.v2 import V2Backend
from wao_predict.connection import base_of, origin_of
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import ProtocolError, UsageError
from wao_predict.flow import Flow
from wao_predict.redfish.explorer import ROOT, Bounds, Explorer
from wao_predict.redfish.values import Document

SYSTEMS = f"{ROOT}/Systems"
MAX_SYSTEMS = 16


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Location of a model according to a BMC."""

    url: str
    name: str
    version: str | None
    system: str

    @property
    def infer_url(self) -> str:
        """The infer URL of the model."""
        version = f"/versions/{quote(self.version, safe='')}" if self.version else ""
        return f"{self.url.rstrip('/')}/v2/models/{quote(self.name, safe='')}{version}/infer"


def find_model() -> Flow[ModelEndpoint]:
    """Return the model of the first System that has one on the transport's BMC.

    Raises
    ------
    ProtocolError
        No System has a usable MachineLearningModel.
    RemoteError
        The BMC cannot be reached or refuses the credentials.
    """
    explorer = Explorer(Bounds(requests=64))
    yield from explorer.required(SYSTEMS)
    systems = yield from explorer.members(SYSTEMS)
    for system in systems[:MAX_SYSTEMS]:
        document = yield from explorer.get(f"{system}/MachineLearningModel")
        if document is not None:
            return _endpoint(document, system)
    checked = "; ".join([f"checked {', '.join(systems)}" if systems else "there is no System", *explorer.faults])[:200]
    raise ProtocolError(f"no System of this BMC has a MachineLearningModel ({checked})")


def _endpoint(document: Document, system: str) -> ModelEndpoint:
    by_name = {str(key).lower(): value for key, value in document.items()}
    url, name, version = (by_name.get(key) for key in ("url", "name", "version"))
    if not isinstance(url, str) or not isinstance(name, str) or not url or not name:
        raise ProtocolError(f"{system}/MachineLearningModel names no model: Url and Name are needed")
    try:
        origin_of(url)
    except UsageError as error:
        raise ProtocolError(f"the Url of {system}/MachineLearningModel: {error}") from None
    return ModelEndpoint(url, name, version if isinstance(version, str) and version else None, system)


class RedfishBackend:
    """Predicts on the server that a BMC names. The BMC is queried once.

    Parameters
    ----------
    endpoint
        https://host[:port] of the BMC.
    """

    concurrency = 1

    def __init__(self, endpoint: str) -> None:
        self._base = base_of(endpoint)
        self._model: V2Backend | None = None

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> RedfishBackend:
        """Return the model that the BMC at the endpoint's URL names."""
        return cls(endpoint.url)

    @property
    def endpoint(self) -> str:
        """The model's infer URL once it is known, before that the URL of the BMC."""
        return self._base if self._model is None else self._model.endpoint

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Find the endpoint, then predict there."""
        if self._model is None:
            found = yield from find_model()
            self._model = V2Backend(found.infer_url)
        watts = yield from self._model.flow(X)
        return watts
