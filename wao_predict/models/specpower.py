"""Power curves of 317 server types from SPECpower_ssj2008 results, to start with before anything is measured.

The file specpower.csv has power at 0, 10, ..., 100 % load. The points are evaluated from the curves that Kepler's model
database publishes: sustainable-computing-io/kepler-model-db, models v0.7 (Apache License 2.0), fitted to results of the
SPECpower_ssj2008 benchmark (www.spec.org) from 2007 to 2024. Inlet temperature and pressure are not modelled.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wao_predict.errors import ModelLoadError

FILE = Path(__file__).parent / "specpower.csv"
SOURCE = (
    "SPECpower_ssj2008 results (www.spec.org), fitted by Kepler (sustainable-computing-io/kepler-model-db v0.7, "
    "Apache-2.0)"
)
LOADS = tuple(range(0, 101, 10))
"""CPU loads of the points [%]."""
NOT_MODELLED = "inlet temperature and static pressure difference"


@dataclass(frozen=True, slots=True)
class ServerType:
    """One server type.

    Attributes
    ----------
    name
        Unique name: processor, cores, chips, memory and frequency, such as
        "intel_xeon_gold_6338n-64c-2s-256gb-2200mhz".
    processor
        Name of the processor, such as "intel_xeon_gold_6338n".
    cores, chips
        Number of cores and of processors of the server.
    memory_gb, frequency_mhz
        Memory [GB] and frequency of the processor [MHz].
    results
        Number of benchmark results behind the curve.
    fit
        Function that was fitted: Logistic or Exponential.
    mae, mape
        Error of the fit [W] and [%]; None where it is not published.
    watts
        Power at `LOADS` [W].
    """

    name: str
    processor: str
    cores: int
    chips: int
    memory_gb: float
    frequency_mhz: float
    results: int
    fit: str
    mae: float | None
    mape: float | None
    watts: tuple[float, ...]

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Load [%] and power [W] of each point."""
        return tuple((float(load), watts) for load, watts in zip(LOADS, self.watts, strict=True))

    @property
    def watts_per_core(self) -> float:
        """Power at full load per core [W]."""
        return self.watts[-1] / self.cores


@cache
def server_types() -> tuple[ServerType, ...]:
    """Return all server types, sorted by name."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(sorted((_server(row) for row in csv.DictReader(file)), key=lambda server: server.name))


def find(name: str) -> ServerType:
    """Return the server type of a name, or of an unambiguous beginning of one.

    Parameters
    ----------
    name
        Such as "intel_xeon_gold_6338n" or, where this processor occurs in several servers,
        "amd_opteron_6174-48c". Case is ignored; spaces count as underscores.

    Raises
    ------
    ModelLoadError
        There is no such server type, or there are several; the message lists candidates.

    Examples
    --------
    >>> find("amd_opteron_6174-48c").cores
    48
    """
    wanted = _key(name)
    matches = [server for server in server_types() if server.name == wanted or server.name.startswith(f"{wanted}-")]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(server.name for server in matches[:6]) + (", ..." if len(matches) > 6 else "")
        raise ModelLoadError(f"{name!r:.80} is the name of {len(matches)} SPECpower servers: choose one of {names}")
    close = close_processors(name, n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(close)}?" if close else "`wao models search TEXT` finds names"
    raise ModelLoadError(f"there is no SPECpower server {name!r:.80}; {hint}")


def search(text: str) -> list[ServerType]:
    """Return the server types whose processor has all words of a text, by name; empty if there are none.

    Parameters
    ----------
    text
        Words or beginnings of words in any order, such as "xeon gold 6338" or "epyc 64 cores".

    Examples
    --------
    >>> {server.processor for server in search("Xeon Gold 6338")}
    {'intel_xeon_gold_6338n'}
    """
    cores = re.search(r"(\d+)[ -]?cores?\b", text.lower())
    words = _words(re.sub(r"\d+[ -]?cores?\b", " ", text.lower()))
    if not words and cores is None:
        return []
    return [
        server
        for server in server_types()
        if _has_all(words, server.processor) and (cores is None or server.cores == int(cores[1]))
    ]


def close_processors(text: str, *, n: int = 5, cutoff: float = 0.5) -> list[str]:
    """Return at most n names of processors that resemble a text, best first; cutoff is the least similarity, 0 to 1."""
    names = sorted({server.processor for server in server_types()})
    return difflib.get_close_matches(_key(text), names, n=n, cutoff=cutoff)


def _has_all(beginnings: set[str], processor: str) -> bool:
    words = _words(processor)
    return all(any(word.startswith(beginning) for word in words) for beginning in beginnings)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _key(name: str) -> str:
    return re.sub(r"\s+", "_", name.strip().lower())


def _server(row: dict[str, str]) -> ServerType:
    cores, chips = int(row["cores"]), int(row["chips"])
    memory, frequency = float(row["memory_gb"]), float(row["freq_mhz"])
    return ServerType(
        name=f"{row['processor']}-{cores}c-{chips}s-{memory:g}gb-{frequency:g}mhz",
        processor=row["processor"],
        cores=cores,
        chips=chips,
        memory_gb=memory,
        frequency_mhz=frequency,
        results=int(row["n_spec_results"]),
        fit=row["fit"],
        mae=float(row["fit_mae_w"]) if row["fit_mae_w"] else None,
        mape=float(row["fit_mape_pct"]) if row["fit_mape_pct"] else None,
        watts=tuple(float(row[f"w_{load}"]) for load in LOADS),
    )
