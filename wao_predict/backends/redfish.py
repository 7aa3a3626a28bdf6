"""The model that a BMC names in `Systems/{id}/MachineLearningModel`; the model server it points to predicts.

The requests to the BMC are paths, those to the model server are absolute URLs (`names_server`): the model server never
receives the BMC's credentials, and the servers apply their rule about addresses to both.
"""

from __future__ import annotations

from wao_predict.arrays import FloatArray
from wao_predict.backends.v2 import V2Backend
from wao_predict.backends.v2_options import model_options
from wao_predict.connection import base_of
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import RemoteError
from wao_predict.flow import Flow
from wao_predict.redfish.model_endpoint import find_model


class RedfishBackend:
    """Predicts on the server that a BMC names. The BMC is queried once, and again after that server has failed.

    Parameters
    ----------
    endpoint
        https://host[:port] of the BMC, or of the service in front of it.
    system
        The node's System where the BMC has several: its path, id, name or UUID.
    options
        Options of the model's server, see `V2Backend`.
    """

    concurrency = 1
    names_server = True

    def __init__(self, endpoint: str, *, system: str | None = None, **options: object) -> None:
        self._base = base_of(endpoint)
        self._system = system
        self._options = options
        self.features = model_options(options).features
        self._model: V2Backend | None = None
        self._failed = False

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> RedfishBackend:
        """Return the model that the BMC at the endpoint's URL names.

        Options of the model's server are those of the endpoint's `target`, and of the endpoint itself.
        """
        system = endpoint.options.mapping("sensor").text("system") or None
        of_target = {} if endpoint.target is None else endpoint.target.options.mapping("options")
        return cls(endpoint.url, system=system, **{**endpoint.options.mapping("options"), **of_target})

    @property
    def endpoint(self) -> str:
        """The model's infer URL once it is known, before that the URL of the BMC."""
        return self._base if self._model is None else self._model.endpoint

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Find the model, then predict with it."""
        model = yield from self._current()
        try:
            watts = yield from model.flow(X)
        except RemoteError:
            self._failed = True  # the BMC may name another one by now
            raise
        self._failed = False
        return watts

    def _current(self) -> Flow[V2Backend]:
        """Return the model that the BMC names; the known one while that works, or while the BMC does not answer."""
        known = self._model
        if known is not None and not self._failed:
            return known
        try:
            found = yield from find_model(system=self._system)
        except RemoteError:
            if known is None:
                raise
            return known
        made = V2Backend(found.infer_url, **self._options)
        if known is None or known.url != made.url:
            self._model = known = made
        return known
