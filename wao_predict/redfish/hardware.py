"""Read the hardware of a server from its BMC: vendor, model and processors."""

from __future__ import annotations

from wao_predict.errors import ProtocolError
from wao_predict.flow import Flow
from wao_predict.models.matching import Hardware
from wao_predict.redfish.chassis import survey
from wao_predict.redfish.explorer import Bounds, Explorer
from wao_predict.redfish.values import Document, link, mapping, number, text

MAX_PROCESSORS = 8


def read_hardware(system: str | None = None) -> Flow[Hardware]:
    """Return the hardware of the server behind the transport's BMC.

    Parameters
    ----------
    system
        The node's System where the BMC has several: its path, id, name or UUID.

    Raises
    ------
    ProtocolError
        The BMC has several Systems and none was chosen, or none at all.
    RemoteError
        The BMC cannot be reached or refuses the credentials.
    """
    explorer = Explorer(Bounds(requests=64))
    bmc = yield from survey(explorer, system)
    document = explorer.known(bmc.system)
    if document is None:
        raise ProtocolError(bmc.reason or "the BMC has no System, so its hardware is not known")
    summary = mapping(document.get("ProcessorSummary"))
    processor = text(summary.get("Model")).strip()
    if not processor:
        processor = yield from _first_processor(explorer, document)
    return Hardware(
        bmc.vendor or "", bmc.model or "", processor, _count(summary, "Count"), _count(summary, "CoreCount")
    )


def _first_processor(explorer: Explorer, system: Document) -> Flow[str]:
    """Return the model of the first CPU in the System's Processors, or an empty string."""
    paths = yield from explorer.members(link(system, "Processors"))
    for path in paths[:MAX_PROCESSORS]:
        document = yield from explorer.get(path)
        if document is not None and text(document.get("ProcessorType")) in ("", "CPU"):
            model = text(document.get("Model")).strip()
            if model:
                return model
    return ""


def _count(summary: Document, name: str) -> int | None:
    value = number(summary.get(name))
    return int(value) if value is not None and 1 <= value <= 100_000 else None
