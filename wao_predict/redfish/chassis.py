"""Find the node's System, and order the chassis by how close they are to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wao_predict.flow import Flow
from wao_predict.redfish.explorer import ROOT, Explorer, safe_path
from wao_predict.redfish.names import words
from wao_predict.redfish.values import Document, link, mapping, references, text

_PARTS = frozenset(
    """
    hgx gpu pcie pci retimer switch fpga cpld cpu dimm nvme drive drives storage backplane riser nic dpu bf
    psu pdb processor module bmc erot irot cbc io raid battery fan bay ssd disk hsbp midplane
    """.split()
)
_SMALL_TYPES = frozenset({"component", "module", "card", "expansion", "zone", "cartridge"})
_NOT_SERVERS = frozenset({"enclosure", "rack", "row", "pod", "shelf", "storageenclosure"})
_NO_HOSTS = frozenset({"dpu", "virtual", "os"})
MAX_CHASSIS = 64
MAX_SYSTEMS = 16
FOREIGN = 4.0
"""Penalty of a chassis outside the server: an enclosure, a rack, another server."""


@dataclass(frozen=True, slots=True)
class System:
    """The node's System; an empty path where there is none."""

    path: str = ""
    vendor: str | None = None
    model: str | None = None
    chassis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Chassis:
    """One chassis; `penalty` grows with the distance from the server itself, `hosts` is the number of its servers."""

    path: str
    document: Document
    penalty: float
    vendor: str | None
    model: str | None
    hosts: int = 1

    @property
    def is_server(self) -> bool:
        """Whether its power is the server's."""
        return self.penalty < 2.0 and self.hosts < 2

    def is_substitute(self, explorer: Explorer) -> bool:
        """Return whether this only replaces the server's own chassis, which cannot be read now."""
        return self.penalty >= 1.0 and explorer.transient is not None

    @property
    def is_outside(self) -> bool:
        """Whether its air and its power are not the server's."""
        return self.penalty >= FOREIGN


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The identity of a BMC, and the chassis that can be read, the server's own first.

    `systems` has the names of the Systems that may be the node, and `system` the path of the node's own; with several
    and no choice, `system` and `chassis` are empty, and `reason` says so. `makers` are the names of its makers.
    """

    vendor: str | None
    model: str | None
    chassis: Sequence[Chassis]
    systems: tuple[str, ...] = ()
    reason: str = ""
    system: str = ""
    makers: frozenset[str] = frozenset()

    @property
    def is_supermicro(self) -> bool:
        """Whether the server is Supermicro's, also where an integrator's name is in its Manufacturer."""
        return any("supermicro" in maker for maker in self.makers)


def survey(explorer: Explorer, system: str | None = None) -> Flow[Survey]:
    """Read the root, the Systems and the Chassis.

    Parameters
    ----------
    system
        The node's System where the BMC has several: its path, its id, its name or its UUID.

    Raises
    ------
    RemoteError
        The BMC does not answer, refuses the credentials, or does not speak Redfish.
    """
    root = yield from explorer.root()
    hosts = yield from _find_hosts(explorer, root)
    names = tuple(_last(path) for path in hosts)
    chosen = _chosen(hosts, system)
    if chosen is None:
        vendors = [_said(document, "Manufacturer") for document in hosts.values()]
        models = [_said(document, "Model") for document in hosts.values()]
        return Survey(_first([*vendors, _said(root, "Vendor")]), _first(models), (), names, _no_choice(names, system))
    chassis = yield from _find_chassis(explorer, root, chosen, frozenset(hosts) - {chosen.path})
    return Survey(
        _first([chosen.vendor, *(item.vendor for item in chassis), _said(root, "Vendor")]),
        _first([chosen.model, *(item.model for item in chassis)]),
        chassis,
        names,
        system=chosen.path,
        makers=_makers(root, hosts.get(chosen.path, {}), *(item.document for item in chassis if not item.is_outside)),
    )


def _makers(*documents: Document) -> frozenset[str]:
    """Return who made a server by its documents, and whose extensions they have: lower case, letters only."""
    found = [text(document.get(name)) for document in documents for name in ("Manufacturer", "Vendor")]
    found += [str(key) for document in documents for key in mapping(document.get("Oem"))]
    return frozenset(filter(None, ("".join(filter(str.isalpha, item.lower())) for item in found)))


def _first(values: Sequence[str | None]) -> str | None:
    return next(filter(None, values), None)


def _no_choice(names: Sequence[str], system: str | None) -> str:
    listed = ", ".join(names)[:300] or "none"
    if system:
        return f"the BMC has no System {system!r:.80}; there are {listed}: set sensor.system (--system) to one of them"
    return f"the BMC has {len(names)} Systems, {listed}: set sensor.system (--system) to the one that is this node"


def _chosen(hosts: Mapping[str, Document], system: str | None) -> System | None:
    """Return the node's System, None where it is not known which one it is."""
    if system:
        matching = [path for path, document in hosts.items() if is_called(path, document, system)]
        return _system(matching[0], hosts[matching[0]]) if len(matching) == 1 else None
    if len(hosts) > 1:
        return None
    return next((_system(path, document) for path, document in hosts.items()), System())


def is_called(path: str, document: Document, name: str) -> bool:
    """Return whether a System has this path, id, name, UUID or host name."""
    names = (path, _last(path), *(text(document.get(key)) for key in ("Id", "Name", "UUID", "HostName")))
    return name.rstrip("/").lower() in {item.lower() for item in names if item}


def _system(path: str, document: Document) -> System:
    listed = map(safe_path, references(mapping(document.get("Links")).get("Chassis")))
    chassis = tuple(item for item in listed if item)
    return System(path, _said(document, "Manufacturer"), _said(document, "Model"), chassis)


def _find_hosts(explorer: Explorer, root: Document) -> Flow[dict[str, Document]]:
    """Return the Systems that can be a node, by path: not accelerator baseboards, unless there is nothing else."""
    paths = yield from explorer.members(link(root, "Systems") or f"{ROOT}/Systems")
    hosts: dict[str, Document] = {}
    boards: dict[str, Document] = {}
    for path in sorted(paths, key=_is_part)[:MAX_SYSTEMS]:
        if _is_part(path) and hosts:
            break
        document = yield from explorer.get(path)
        if document is None:
            continue
        is_host = not _is_part(path) and text(document.get("SystemType")).lower() not in _NO_HOSTS
        (hosts if is_host else boards)[path] = document
    return hosts or dict(list(boards.items())[:1])


def _is_part(path: str) -> bool:
    """Whether a path is named for a part of a server, such as an accelerator baseboard."""
    return bool(_PARTS & set(words(_last(path)))) or "baseboard" in _last(path).lower()


def _find_chassis(explorer: Explorer, root: Document, system: System, others: frozenset[str]) -> Flow[list[Chassis]]:
    """Return the chassis that can be read, the server's own first."""
    paths = yield from explorer.members(link(root, "Chassis") or f"{ROOT}/Chassis")
    paths = [*system.chassis, *(path for path in paths if path not in system.chassis)]
    paths.sort(key=lambda path: _distance_by_name(path, system))
    found: list[Chassis] = []
    for path in paths[:MAX_CHASSIS]:
        if explorer.exhausted:
            break
        document = yield from explorer.get(path)
        if document is None:
            continue
        penalty = _distance(path, document, system, paths, others)
        hosts = len([item for item in _systems_of(document) if item == system.path or item in others])
        vendor, model = _said(document, "Manufacturer"), _said(document, "Model")
        found.append(Chassis(path, document, penalty, vendor, model, max(1, hosts)))
        if penalty == 0.0 and len(paths) > 12:  # many parts: do not read them all when the server is known
            break
    found.sort(key=lambda chassis: chassis.penalty)
    return found


def _systems_of(chassis: Document) -> list[str | None]:
    return [safe_path(path) for path in references(mapping(chassis.get("Links")).get("ComputerSystems"))]


def _distance_by_name(path: str, system: System) -> float:
    part = bool(_PARTS & set(words(_last(path))))
    if path in system.chassis:
        return 0.5 if part else 0.0
    return 2.0 if part else 1.0


def _distance(path: str, document: Document, system: System, paths: Sequence[str], others: frozenset[str]) -> float:
    """Return 0 for the chassis of the System, more for parts of it, `FOREIGN` for what is not the server."""
    kind = text(document.get("ChassisType")).lower()
    systems = _systems_of(document)
    named = bool(others) and _last(path).lower() == _last(system.path).lower()
    owns = system.path in systems or path in system.chassis or named
    part = len(paths) > 1 and bool(_PARTS & set(words(_last(path))))
    if not owns and (kind in _NOT_SERVERS or _is_external(path) or others & set(systems)):
        return FOREIGN
    if not owns and others:
        return FOREIGN if _last(path).lower() in {_last(other).lower() for other in others} else 2.0
    if part or kind in _SMALL_TYPES:
        return 1.0 if owns and not part else 3.0
    if owns:
        return 0.0
    return 0.0 if len(paths) == 1 else 1.0


def _is_external(path: str) -> bool:
    """Whether a chassis is named as a disk enclosure next to the server: "Enclosure.External.0-1", "JBOD1"."""
    return bool({"external", "jbod", "jbof"} & set(words(_last(path))))


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _said(document: Document, name: str) -> str | None:
    """Return the text of a property, None where there is none."""
    return text(document.get(name)).strip() or None
