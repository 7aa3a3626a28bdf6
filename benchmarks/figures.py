"""Figures of benchmarks: recorded while they run, written to one JSON file with what they depend on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
HISTORY = ROOT / "benchmarks" / "history"
"""Folder of the JSON files, one for each run that was kept. Commit a file to keep it for others."""
PACKAGES = ("numpy", "onnxruntime", "uvloop", "httptools", "msgspec", "starlette", "uvicorn", "aiohttp", "fastapi")
"""Packages whose versions matter for the figures."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name
        What was measured, the same in every run.
    value, unit
        The figure. A unit of "%" or "x" is a ratio within one run, which can be compared between machines.
    """

    name: str
    value: float
    unit: str


@dataclass(slots=True)
class BenchmarkResult:
    """What one benchmark has recorded.

    Attributes
    ----------
    seconds
        Duration [s].
    error
        Why it ended early, or an empty string.
    """

    name: str
    figures: list[Figure] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""


_current: ContextVar[BenchmarkResult | None] = ContextVar("current benchmark", default=None)


def record(name: str, value: float, unit: str) -> None:
    """Record a figure of the benchmark that runs; without one, do nothing."""
    result = _current.get()
    if result is not None:
        result.figures.append(Figure(name, float(value), unit))


@contextmanager
def recording(name: str) -> Iterator[BenchmarkResult]:
    """Collect the figures of one benchmark."""
    result = BenchmarkResult(name)
    token = _current.set(result)
    try:
        yield result
    finally:
        _current.reset(token)


def document_of(results: Sequence[BenchmarkResult]) -> dict[str, object]:
    """Return the content of the JSON file: commit, machine, versions, and the figures of each benchmark."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "benchmarks": [asdict(result) for result in results],
    }


def write(results: Sequence[BenchmarkResult], folder: Path = HISTORY) -> Path:
    """Write the JSON file, and return its path: time and commit are its name."""
    document = document_of(results)
    stamp = str(document["time"]).replace(":", "").replace("+0000", "Z")
    path = folder / f"{stamp}-{str(document['commit'])[:9] or 'unknown'}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
