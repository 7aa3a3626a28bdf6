"""Weights as slots of a weight map: `numgen random mod 2^24` picks a slot, the map has its endpoint. Pure.

The modulus never changes, so new weights change the content of the map and no rule. Connections that are established
meanwhile see either the old or the new content, never an empty map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MODULUS = 1 << 24
"""Large enough that each of 5,000 endpoints gets its share within 1 %."""

Key = tuple[str, int]
"""Address and port of an endpoint."""
Target = Key | str
"""The value of a slot: an endpoint, or the name of its chain."""


@dataclass(frozen=True, slots=True)
class Range:
    """Slots `first` to `last`, both included, with the same target."""

    first: int
    last: int
    target: Target


def shares(keys: Sequence[Key], known: Mapping[Key, float]) -> list[float]:
    """Return the share of each endpoint, summing to 1.

    An endpoint without a known weight, such as one that the weight service has not seen yet, gets the mean of the
    others. If no weight is known, all shares are equal.
    """
    weights = [known.get(key, math.nan) for key in keys]
    valid = [weight if math.isfinite(weight) and weight >= 0.0 else math.nan for weight in weights]
    there = [weight for weight in valid if not math.isnan(weight)]
    neutral = sum(there) / len(there) if there else 1.0
    filled = [neutral if math.isnan(weight) else weight for weight in valid]
    total = sum(filled)
    if not 0.0 < total < math.inf:
        return [1.0 / len(keys)] * len(keys)
    return [weight / total for weight in filled]


def slots(parts: Sequence[float], modulus: int = MODULUS) -> list[int]:
    """Return whole slots in proportion to shares that sum to 1, by largest remainder; the sum is the modulus.

    A positive share gets at least one slot, a share of 0 gets none.
    """
    exact = [part * modulus for part in parts]
    counts = [max(1, int(value)) if value > 0.0 else 0 for value in exact]
    missing = modulus - sum(counts)
    if missing > 0:
        order = sorted((i for i, value in enumerate(exact) if value > 0.0), key=lambda i: (counts[i] - exact[i], i))
        for i in range(missing):
            counts[order[i % len(order)]] += 1
    while missing < 0:  # small shares were rounded up: take their slots from the largest shares
        largest = max(range(len(counts)), key=lambda i: (counts[i], -i))
        taken = min(-missing, max(1, counts[largest] // 2))
        counts[largest] -= taken
        missing += taken
    return counts


def ranges(targets: Sequence[Target], counts: Sequence[int]) -> tuple[Range, ...]:
    """Return the contiguous ranges of slots in the order of the targets; a target without slots has no range."""
    found, first = [], 0
    for target, count in zip(targets, counts, strict=True):
        if count:
            found.append(Range(first, first + count - 1, target))
            first += count
    return tuple(found)


def differs(old: Sequence[Range], new: Sequence[Range], tolerance: float) -> bool:
    """Return whether the number of slots of any target changed by more than `tolerance`, relative to the old number."""
    before = {item.target: item.last - item.first + 1 for item in old}
    after = {item.target: item.last - item.first + 1 for item in new}
    if before.keys() != after.keys():
        return True
    return any(abs(after[target] - count) > tolerance * count for target, count in before.items())
