"""Read the resource that discovery chose: one request for a reading.

A member of a list is found by its name first, since a firmware update or a hot-plugged part shifts the indexes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from wao_predict.errors import SensorError
from wao_predict.flow import KIB, Flow, Request, Response
from wao_predict.redfish.choice import SensorChoice
from wao_predict.redfish.explorer import decode, moved_to, resource_error
from wao_predict.redfish.names import same
from wao_predict.redfish.values import (
    Document,
    celsius,
    consumed_watts,
    excerpt_name,
    index_of,
    items,
    mapping,
    supplied_watts,
    taken_in,
    text,
    watts,
)
from wao_predict.sensors.base import Reading
from wao_predict.timestamps import parse_rfc3339

Quantity = Literal["inlet_temp", "power_watts"]
MAX_POLL_BYTES = 256 * KIB


class SensorMoved(SensorError):
    """The chosen resource is gone or no longer has that sensor: discover again."""


def read_choice(choice: SensorChoice, quantity: Quantity) -> Flow[Reading]:
    """Read the chosen sensor.

    Raises
    ------
    SensorMoved
        It is no longer there.
    SensorError
        It is there but has no usable value now.
    RemoteError
        The BMC refuses or is away.
    """
    if choice.parts:
        total = yield from _sum(choice)
        return Reading(total, "W", None, choice.shown_uri)
    document = yield from _document(choice.uri)
    if choice.pointer:
        document = _member(document, choice)
    elif not _is_still(document, choice):
        raise SensorMoved(f"{choice.uri} is now {text(document.get('Name'))!r:.80}, not {choice.name!r:.80}")
    value = celsius(document) if quantity == "inlet_temp" else consumed_watts(document)
    if value is None:
        state = text(mapping(document.get("Status")).get("State")) or "unknown"
        raise SensorError(f"{choice.shown_uri} ({choice.name}) has no usable value now; its state is {state}")
    unit = "degC" if quantity == "inlet_temp" else "W"
    return Reading(value, unit, _time(document), choice.shown_uri)


def _document(uri: str) -> Flow[Document]:
    response: Response = yield Request("GET", uri, max_bytes=MAX_POLL_BYTES)
    if (target := moved_to(response)) is not None:
        response = yield Request("GET", target, max_bytes=MAX_POLL_BYTES)
    if response.status in (404, 410):
        raise SensorMoved(f"{uri} is gone (status {response.status})")
    document = decode(response.body) if response.status == 200 else None
    if document is None:
        raise resource_error(response)
    return document


def _sum(choice: SensorChoice) -> Flow[float]:
    """Return the sum of the inputs of the power supplies; each of them must have a value."""
    total = 0.0
    for part in choice.parts:
        document = yield from _document(part)
        value = taken_in(document)
        if value is None:
            raise SensorError(f"{part} has no usable value now, so the server's power is not known")
        total += value
    if watts(total) is None:
        raise SensorError(f"the power supplies at {choice.uri} draw {total:g} W in total, which is not plausible")
    return total


def _member(document: Document, choice: SensorChoice) -> Document:
    collection, _, index = choice.pointer.strip("/").partition("/")
    if choice.pointer == "/PowerSupplies":
        return {"Reading": supplied_watts(document)}
    position = index_of(index)
    if position is None:
        found = document
        for step in choice.pointer.strip("/").split("/"):
            found = mapping(found.get(step))
        return found
    members = [mapping(member) for member in items(document.get(collection))]
    if position < len(members) and (not choice.name or _is_named(members[position], choice.name)):
        return members[position]
    if not choice.name:
        raise SensorMoved(f"{choice.uri} has no {collection}/{index}")
    for member in members:
        if _is_named(member, choice.name):
            return member
    raise SensorMoved(f"{choice.uri} has no {choice.name!r:.80} any more")


def _is_still(document: Document, choice: SensorChoice) -> bool:
    """Whether a resource of its own still is the chosen sensor; one without a name is known by its URI."""
    own = text(document.get("Name"))
    return (
        not own
        or not choice.name
        or same(own, choice.name)
        or same(choice.name, choice.uri.rstrip("/").rpartition("/")[2])
    )


def _is_named(member: Document, name: str) -> bool:
    own = text(member.get("Name")).strip() or excerpt_name(member)
    return own == name or same(own, name) or (not own and name == "PowerControl")


def _time(document: Document) -> datetime | None:
    """Return when the BMC took the value, where it states that."""
    seconds = parse_rfc3339(text(document.get("ReadingTime")))
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
