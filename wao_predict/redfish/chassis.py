"""Which System is the node's, and in which order its chassis are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wao_predict.flow import Flow
from wao_predict.redfish.explorer import ROOT, Explorer, safe_path
from wao_predict.redfish.names import words
from wao_predict.redfish.values import Document, items, link, mapping, text

_PARTS = frozenset(
    """
    hgx gpu pcie pci retimer switch fpga cpld cpu dimm nvme drive drives storage backplane riser nic dpu bf
    psu pdb processor module bmc erot irot cbc io raid battery fan bay ssd disk hsbp midplane
    """.split()
)
_SMALL_TYPES = frozenset({"component", "module", "card", "storageenclosure", "expansion", "zone", "cartridge"})
_NOT_SERVERS = frozenset({"enclosure", "rack", "row", "pod", "shelf"})
MAX_CHASSIS = 64


@dataclass(frozen=True, slots=True)
class System:
    """The node's System."""

    path: str
    vendor: str | None
    model: str | None
    chassis: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chassis:
    """One chassis; `penalty` grows with the distance from being the server itself."""

    path: str
    document: Document
    penalty: float
    vendor: str | None
    model: str | None

    @property
    def is_server(self) -> bool:
        """Whether its power is the server's."""
        return self.penalty < 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A BMC at first sight: what it says of itself, and the chassis that can be read, the server's own first."""

    vendor: str | None
    model: str | None
    chassis: Sequence[Chassis]


def survey(explorer: Explorer) -> Flow[Survey]:
    """Read the root, the Systems and the Chassis.

    Raises
    ------
    RemoteError
        The BMC does not answer, refuses the credentials, or does not speak Redfish.
    """
    root = yield from explorer.root()
    system = yield from _find_system(explorer, root)
    chassis = yield from _find_chassis(explorer, root, system)
    vendors = (system.vendor, *(item.vendor for item in chassis), _said(root, "Vendor"))
    models = (system.model, *(item.model for item in chassis))
    return Survey(next(filter(None, vendors), None), next(filter(None, models), None), chassis)


def _find_system(explorer: Explorer, root: Document) -> Flow[System]:
    """Read the Systems and return the host: not an accelerator baseboard."""
    paths = yield from explorer.members(link(root, "Systems") or f"{ROOT}/Systems")
    paths.sort(key=lambda path: bool(_PARTS & set(words(_last(path)))) or "baseboard" in _last(path).lower())
    for path in paths[:8]:
        document = yield from explorer.get(path)
        if document is None:
            continue
        listed = (
            safe_path(mapping(item).get("@odata.id")) for item in items(mapping(document.get("Links")).get("Chassis"))
        )
        return System(
            path, _said(document, "Manufacturer"), _said(document, "Model"), tuple(item for item in listed if item)
        )
    return System("", None, None, ())


def _find_chassis(explorer: Explorer, root: Document, system: System) -> Flow[list[Chassis]]:
    """Return the chassis that can be read, the server's own first."""
    paths = yield from explorer.members(link(root, "Chassis") or f"{ROOT}/Chassis")
    paths = [*system.chassis, *(path for path in paths if path not in system.chassis)]
    paths.sort(key=lambda path: _distance_by_name(path, system, len(paths)))
    found: list[Chassis] = []
    for path in paths[:MAX_CHASSIS]:
        if explorer.exhausted:
            break
        document = yield from explorer.get(path)
        if document is None:
            continue
        penalty = _distance(path, document, system, paths)
        found.append(Chassis(path, document, penalty, _said(document, "Manufacturer"), _said(document, "Model")))
        if penalty == 0.0 and len(paths) > 12:  # many parts: do not read them all when the server is known
            break
    found.sort(key=lambda chassis: chassis.penalty)
    return found


def _distance_by_name(path: str, system: System, count: int) -> float:
    if path in system.chassis:
        return 0.0 if not _PARTS & set(words(_last(path))) else 0.5
    return 2.0 if _PARTS & set(words(_last(path))) else 1.0


def _distance(path: str, document: Document, system: System, paths: Sequence[str]) -> float:
    """Return 0 for the chassis of the System, more for parts of it, most for what holds several servers."""
    kind = text(document.get("ChassisType")).lower()
    systems = [
        safe_path(mapping(item).get("@odata.id"))
        for item in items(mapping(document.get("Links")).get("ComputerSystems"))
    ]
    owns = system.path in systems or path in system.chassis
    part = len(paths) > 1 and bool(_PARTS & set(words(_last(path))))
    if kind in _NOT_SERVERS and not owns:
        return 4.0
    if part or kind in _SMALL_TYPES:
        return 1.0 if owns and not part else 3.0
    if owns:
        return 0.0
    return 0.0 if len(paths) == 1 else 1.0


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _said(document: Document, name: str) -> str | None:
    """Return the text of a property, None where there is none."""
    return text(document.get(name)).strip() or None
