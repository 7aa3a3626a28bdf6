"""Figures that the tests of this folder report and compare."""

from __future__ import annotations

import sys

from tests.cluster.scheduler.site import Site

MOST_SLOW = 0.1
"""Share of answers that may take over 50 ms on a busy machine; one that waits for a model always does."""


def answers(site: Site) -> tuple[float, float]:
    """Return how many prioritize requests took over 50 ms, and how many there were."""
    name = "wao_extender_request_duration_seconds"
    count = site.metric(f'{name}_count{{verb="prioritize"}}')
    return count - site.metric(f'{name}_bucket{{le="0.05",verb="prioritize"}}'), count


def slow_share(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Return the share of slow answers since `before`; there were some answers."""
    assert after[1] > before[1]
    return (after[0] - before[0]) / (after[1] - before[1])


def report(text: str) -> None:
    """Write a figure next to the progress dots."""
    sys.stderr.write(f"\n{text}\n")
