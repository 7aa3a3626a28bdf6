"""What is quick and what is good, measured: `make bench`, or `python -m benchmarks NAME ...`.

A benchmark is a function without arguments that prints its figures. Machines are noisy: compare within one run.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

BENCHMARKS = {
    "quality": "benchmarks.quality",
    "replay": "benchmarks.replay",
    "energy": "benchmarks.energy",
    "models": "benchmarks.models",
    "increase": "benchmarks.increase",
    "what-if": "benchmarks.what_if",
    "extender": "benchmarks.extender",
    "spread": "benchmarks.spread",
    "endurance": "benchmarks.endurance",
    "scheduler": "benchmarks.scheduler",
    "start": "benchmarks.start",
    "weights": "benchmarks.weights",
    "agent": "benchmarks.agent",
    "savings": "benchmarks.savings",
    "metrics-api": "benchmarks.metrics_api",
    "state": "benchmarks.state",
    "collector": "benchmarks.collector",
    "controller": "benchmarks.controller",
    "idle": "benchmarks.idle",
}
"""Module of each benchmark; its `main` measures and prints."""


def load(name: str) -> Callable[[], None]:
    """Return the `main` of a benchmark."""
    main: Callable[[], None] = import_module(BENCHMARKS[name]).main
    return main
