"""Find the power model that a BMC, or a service in front of it, names for its server.

The resource is `Systems/{id}/MachineLearningModel`. In the service of the reference (waok8s/mlmm, doc/openapi) it has
one object for each purpose, with `Url`, `Name`, `Type` and `Version`; `PowerConsumptionModel` is the one used here. Its
first version had only `Url` and `Name`. A resource with these four at its top level is accepted too. Keys may be in any
case, as the reference's client decodes them. The answer is untrusted input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.errors import ProtocolError, RemoteError, UsageError
from wao_predict.flow import Flow
from wao_predict.redfish.chassis import MAX_SYSTEMS, is_called
from wao_predict.redfish.explorer import ROOT, Bounds, Explorer
from wao_predict.redfish.values import Document

SYSTEMS = f"{ROOT}/Systems"
PURPOSE = "PowerConsumptionModel"
PROTOCOL = "V2InferenceProtocol"
MAX_URL, MAX_NAME = 2048, 256


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Location of a model according to a BMC: the base URL of its server, its name, and its version if there is one.

    Examples
    --------
    >>> ModelEndpoint("http://10.0.0.20", "PC-PowerEdgeR650xs-2CPU", "v0.1.0", "/redfish/v1/Systems/1").infer_url
    'http://10.0.0.20/v2/models/PC-PowerEdgeR650xs-2CPU/versions/v0.1.0/infer'
    """

    url: str
    name: str
    version: str | None
    system: str

    @property
    def infer_url(self) -> str:
        """The infer URL of the model."""
        version = f"/versions/{quote(self.version, safe='')}" if self.version else ""
        return f"{self.url.rstrip('/')}/v2/models/{quote(self.name, safe='')}{version}/infer"


def find_model(*, system: str | None = None) -> Flow[ModelEndpoint]:
    """Return the power model of the server behind the transport's BMC.

    Parameters
    ----------
    system
        The node's System where the BMC has several: its path, id, name or UUID.

    Raises
    ------
    ProtocolError
        No System has a usable model, or several Systems have different ones.
    RemoteError
        The BMC cannot be reached, refuses the credentials, or fails for now.
    """
    explorer = Explorer(Bounds(requests=64))
    yield from explorer.required(SYSTEMS)
    systems = yield from explorer.members(SYSTEMS)
    candidates = systems[:MAX_SYSTEMS] if system is None else (yield from _named(explorer, systems, system))
    found: dict[str, ModelEndpoint] = {}
    for path in candidates:
        document = yield from explorer.get(f"{path}/MachineLearningModel")
        if document is not None:
            model = model_of(document, path)
            found.setdefault(model.infer_url, model)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        names = ", ".join(_last(model.system) for model in found.values())
        raise ProtocolError(
            f"the Systems {names[:300]} have different models: set sensor.system (--system) to the node's own"
        )
    raise _no_model(explorer, candidates)


def _named(explorer: Explorer, systems: Sequence[str], name: str) -> Flow[list[str]]:
    """Return the System of this name; raises `ProtocolError` if there is none."""
    for path in systems[:MAX_SYSTEMS]:
        document = None if is_called(path, {}, name) else (yield from explorer.get(path))
        if is_called(path, document or {}, name):
            return [path]
    there = ", ".join(map(_last, systems))[:300] or "none"
    raise ProtocolError(
        f"the BMC has no System {name!r:.80}; there are {there}: set sensor.system (--system) to one of them"
    )


def _no_model(explorer: Explorer, systems: Sequence[str]) -> RemoteError:
    if explorer.transient is not None:  # not the answer that there is none
        return explorer.transient
    checked = "; ".join([f"checked {', '.join(systems)}" if systems else "there is no System", *explorer.faults])[:200]
    return ProtocolError(f"no System of this BMC has a MachineLearningModel ({checked})")


def model_of(document: Document, system: str) -> ModelEndpoint:
    """Return the power model that a MachineLearningModel resource names.

    Raises
    ------
    ProtocolError
        It names none, or one that cannot be used; the message names the field, its detail quotes the answer.
    """
    where = f"{system}/MachineLearningModel"
    stated = _field(document, PURPOSE)
    if stated is None and _field(document, "Url") is None:
        raise _unusable(f"{where} names no power model: {PURPOSE} with Url and Name is needed", _keys(document))
    if stated is not None and not isinstance(stated, Mapping):
        raise _unusable(f"{where}: {PURPOSE} is not an object with Url and Name", stated)
    model, prefix = (document, where) if stated is None else (stated, f"{where}: {PURPOSE}")
    protocol = _text(model, "Type", prefix) or PROTOCOL
    if protocol.lower() != PROTOCOL.lower():
        raise _unusable(f"{prefix}: its Type is not {PROTOCOL}, the only one that is supported", protocol)
    url, name, version = (_text(model, key, prefix) for key in ("Url", "Name", "Version"))
    if not url or not name:
        raise _unusable(f"{prefix} names no model: Url and Name are needed", _keys(model))
    _check_url(url, prefix)
    for key, value in (("Name", name), ("Version", version or "")):
        if value in (".", "..") or len(value) > MAX_NAME or not value.isprintable():
            raise _unusable(f"{prefix}: its {key} cannot be part of a URL", value)
    return ModelEndpoint(url, name, version, system)


def _unusable(message: str, received: object) -> ProtocolError:
    return ProtocolError(message, detail=f"{received!r:.200}")


def _field(document: Mapping[str, object], name: str) -> object:
    """Return a property by its exact name, or else by its name in another case."""
    if name in document:
        return document[name]
    return next((value for key, value in document.items() if str(key).lower() == name.lower()), None)


def _text(document: Mapping[str, object], name: str, prefix: str) -> str | None:
    """Return a property as text, None for an empty one; a version may be written as a number."""
    value = _field(document, name)
    if name == "Version" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    raise _unusable(f"{prefix}: its {name} is not text", value)


def _check_url(url: str, prefix: str) -> None:
    """Raise `ProtocolError` unless a model's path can be appended to the URL, and it is safe to show."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _unusable(f"{prefix}: its Url is not a URL", without_userinfo(url))
    try:
        origin_of(url)
        parts = urlsplit(url)
    except (UsageError, ValueError) as error:
        raise ProtocolError(f"{prefix}: its Url is not an http or https URL", detail=str(error)) from None
    if "@" in parts.netloc:
        raise _unusable(
            f"{prefix}: its Url has credentials in it; put them into a Secret and name it in powerConsumption",
            without_userinfo(url),
        )
    if "?" in url or "#" in url or any(part in (".", "..") for part in parts.path.split("/")):
        raise _unusable(f"{prefix}: its Url has a query, a fragment, or dots in its path", url)


def _keys(document: Mapping[str, object]) -> list[str]:
    return [str(key) for key in document if not str(key).startswith("@")][:16]


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
