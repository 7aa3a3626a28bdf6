"""Content negotiation as in k8s.io/apiserver (endpoints/handlers/negotiation). Pure.

JSON and YAML are always available, and on /apis the aggregated discovery document. Weights (q) only set the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from wao_core.serving.status import StatusError

AVAILABLE = "application/json, application/yaml"
DISCOVERY_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Form(Enum):
    """Format of a response; the value is its Content-Type."""

    JSON = "application/json"
    YAML = "application/yaml"
    DISCOVERY = DISCOVERY_TYPE


@dataclass(frozen=True, slots=True)
class _Offer:
    base: str
    parameters: dict[str, str]
    weight: float


@lru_cache(maxsize=256)
def negotiate(accept: str, *, discovery: bool = False) -> Form:
    """Return the response format for an Accept header.

    Parameters
    ----------
    accept
        The header, or "" without one.
    discovery
        Whether the aggregated discovery document is available on this path.

    Raises
    ------
    StatusError
        406 when none of the accepted formats is available.
    """
    if not accept.strip():
        return Form.JSON
    offers = sorted(_parse(accept), key=lambda offer: -offer.weight)
    served = False
    for offer in offers:
        form = {
            "*/*": Form.JSON,
            "application/*": Form.JSON,
            "application/json": Form.JSON,
            "application/yaml": Form.YAML,
        }.get(offer.base)
        if form is None:
            continue
        served = True
        kind = offer.parameters.get("as", "").lower()
        if not kind:
            return form
        if discovery and form is Form.JSON and _is_discovery(kind, offer.parameters):
            return Form.DISCOVERY
    if not served:
        raise StatusError(406, f"406: Not Acceptable\n\nAvailable representations: {AVAILABLE}")
    raise StatusError(406, f"only the following media types are accepted: {AVAILABLE}")


def _is_discovery(kind: str, parameters: dict[str, str]) -> bool:
    return (
        kind == "apigroupdiscoverylist" and parameters.get("g") == "apidiscovery.k8s.io" and parameters.get("v") == "v2"
    )


def _parse(accept: str) -> list[_Offer]:
    offers = []
    for part in accept.split(",")[:64]:
        base, *pairs = (piece.strip() for piece in part.split(";"))
        if not base:
            continue
        parameters = {key.strip().lower(): value.strip() for key, _, value in (pair.partition("=") for pair in pairs)}
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 1.0
        offers.append(_Offer(base.lower(), parameters, weight))
    return offers
