"""Server types that resemble a server, by its processor: candidates for a person to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wao_predict.models.specpower import ServerType, server_types

_NOISE = re.compile(
    r"\((r|tm|c)\)|®|™|\bcpu\b|\bprocessors?\b|\b\d+[ -]?core\b|@.*$|\bwith radeon graphics\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware of a server, as its BMC states it.

    Attributes
    ----------
    vendor, model
        Vendor and model of the server, empty if unknown.
    processor
        Name of the processor, such as "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"; empty if unknown.
    chips, cores
        Number of processors, and of cores in all of them; None if unknown.
    """

    vendor: str = ""
    model: str = ""
    processor: str = ""
    chips: int | None = None
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server type that resembles a server.

    Attributes
    ----------
    server
        The server type.
    reason
        What is the same and what differs.
    exact
        Whether processor, number of processors and number of cores are the same as far as they are known.
    """

    server: ServerType
    reason: str
    exact: bool


def candidates(hardware: Hardware, *, n: int = 5) -> list[Candidate]:
    """Return the server types that resemble a server, best first; empty if its processor is unknown or like no other.

    A server type with the same processor comes first, then one with a processor of the same series (the same name
    without the last two digits), by the difference in the number of processors and cores.

    Parameters
    ----------
    hardware
        The server.
    n
        Most candidates.

    Examples
    --------
    >>> candidates(Hardware(processor="AMD EPYC 7763 64-Core Processor", chips=2, cores=128))[0].server.processor
    'amd_epyc_7763'
    """
    wanted = processor_key(hardware.processor)
    if not wanted:
        return []
    alike = [server for server in server_types() if server.processor == wanted] or _of_series(wanted, server_types())
    alike.sort(key=lambda server: _difference(server, hardware))
    return [_candidate(server, wanted, hardware) for server in alike[:n]]


def processor_key(name: str) -> str:
    """Return the name of a processor as SPECpower server types have it.

    Examples
    --------
    >>> processor_key("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz")
    'intel_xeon_gold_6338'
    """
    return "_".join(re.findall(r"[a-z0-9]+", _NOISE.sub(" ", name).lower()))


def _of_series(wanted: str, servers: Iterable[ServerType]) -> list[ServerType]:
    series = _series(wanted)
    return [server for server in servers if series and _series(server.processor) == series]


def _series(processor: str) -> str:
    """Return the name of a processor's series, such as "intel_xeon_gold_63", or an empty string."""
    found = re.fullmatch(r"(.*_[a-z]*\d+)\d\d[a-z]*\d*", processor)
    return found[1] if found else ""


def _difference(server: ServerType, hardware: Hardware) -> tuple[int, int, str]:
    chips = 0 if hardware.chips is None else abs(server.chips - hardware.chips)
    cores = 0 if hardware.cores is None else abs(server.cores - hardware.cores)
    return chips, cores, server.name


def _candidate(server: ServerType, wanted: str, hardware: Hardware) -> Candidate:
    same = server.processor == wanted
    notes = ["same processor" if same else f"same series ({_series(wanted)}..)"]
    for what, theirs, own in (("processors", server.chips, hardware.chips), ("cores", server.cores, hardware.cores)):
        if own is None:
            notes.append(f"number of {what} unknown")
        elif own != theirs:
            notes.append(f"{theirs} {what} instead of {own}")
    return Candidate(server, ", ".join(notes), same and len(notes) == 1)
