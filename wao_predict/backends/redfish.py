"""The model that a BMC names: `Systems/{id}/MachineLearningModel` tells the endpoint, prediction happens there.

Source: the reference's endpoint provider (wao-metrics-adapter/pkg/predictor/redfish/endpointprovider.go): Url + Name +
Version make "{Url}/v2/models/{Name}/versions/{Version}/infer". What a BMC says is untrusted input: the URL must be
http or https, may be held to an allow-list, and never receives the BMC's credentials.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from wao_predict._errors import ProtocolError, UsageError
from wao_predict.backends.base import FloatArray
from wao_predict.backends.v2 import V2Backend
from wao_predict.connection import origin_of, without_userinfo
from wao_predict.flow import Flow, Request, Response

SYSTEMS = "/redfish/v1/Systems"


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where a BMC says the model is."""

    url: str
    name: str
    version: str | None
    system: str

    @property
    def infer_url(self) -> str:
        """The infer URL of the model."""
        version = f"/versions/{quote(self.version, safe='')}" if self.version else ""
        return f"{self.url.rstrip('/')}/v2/models/{quote(self.name, safe='')}{version}/infer"


def find_model(base_url: str) -> Flow[ModelEndpoint]:
    """Ask a BMC for its model: the first System that has one.

    Parameters
    ----------
    base_url
        https://host[:port] of the BMC; "" asks the transport's own.

    Raises
    ------
    ProtocolError
        No System has a usable MachineLearningModel.
    """
    origin = base_url.rstrip("/")
    listing = yield Request("GET", f"{origin}{SYSTEMS}")
    systems = [_path(member) for member in _members(_object(listing))][:16]
    tried = []
    for system in systems:
        if system is None:
            continue
        response = yield Request("GET", f"{origin}{system.rstrip('/')}/MachineLearningModel")
        tried.append(f"{system}: {response.status}")
        if response.status == 200:
            return _endpoint(_object(response), system, response)
    endpoint, asked = without_userinfo(origin), "; ".join(tried)[:200] or "there is no System"
    raise ProtocolError(
        f"no System of {endpoint or 'this BMC'} has a MachineLearningModel ({asked})",
        endpoint=endpoint,
    )


def _object(response: Response) -> Mapping[str, object]:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if response.status != 200 or not isinstance(document, Mapping):
        endpoint = without_userinfo(response.url)
        quoted = response.body[:200].decode(errors="replace")
        raise ProtocolError(
            f"{endpoint} answered {response.status}, not a Redfish resource: {quoted}",
            endpoint=endpoint,
            status_code=response.status,
        )
    return document


def _members(document: Mapping[str, object]) -> list[object]:
    members = document.get("Members") or document.get("members")
    return members if isinstance(members, list) else []


def _path(member: object) -> str | None:
    """Return the path of a member under /redfish/, or None for anything else: a BMC may point anywhere."""
    path = member.get("@odata.id") if isinstance(member, Mapping) else None
    if not isinstance(path, str) or not path.startswith("/redfish/") or ".." in path or "\\" in path:
        return None
    return path


def _endpoint(document: Mapping[str, object], system: str, response: Response) -> ModelEndpoint:
    by_name = {str(key).lower(): value for key, value in document.items()}
    url, name, version = (by_name.get(key) for key in ("url", "name", "version"))
    if not isinstance(url, str) or not isinstance(name, str) or not url or not name:
        endpoint = without_userinfo(response.url)
        raise ProtocolError(f"{endpoint} names no model: Url and Name are needed", endpoint=endpoint)
    try:
        origin_of(url)
    except UsageError as error:
        raise ProtocolError(f"the model's Url of {without_userinfo(response.url)}: {error}") from None
    return ModelEndpoint(url, name, version if isinstance(version, str) and version else None, system)


class RedfishBackend:
    """Predicts on the server that a BMC names. The endpoint is asked for once and kept.

    Parameters
    ----------
    endpoint
        https://host[:port] of the BMC.
    allowed_hosts
        Hosts that a model may be on; None allows every host.
    """

    def __init__(self, endpoint: str, *, allowed_hosts: Collection[str] | None = None) -> None:
        scheme, host, port = origin_of(endpoint)
        shown = f"[{host}]" if ":" in host else host
        self._base = f"{scheme}://{shown}:{port}"
        self._allowed = None if allowed_hosts is None else {host.lower() for host in allowed_hosts}
        self._model: V2Backend | None = None

    @property
    def endpoint(self) -> str:
        """The model's infer URL once it is known, the BMC's before."""
        return self._base if self._model is None else self._model.endpoint

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Find the endpoint, then predict there."""
        if self._model is None:
            found = yield from find_model(self._base)
            self._check(found)
            self._model = V2Backend(found.infer_url)
        watts = yield from self._model.flow(X)
        return watts

    def _check(self, found: ModelEndpoint) -> None:
        host = origin_of(found.url)[1]
        if self._allowed is not None and host not in self._allowed:
            raise ProtocolError(f"the BMC {self._base} names a model on {host}, which is not an allowed host")
