"""Consecutive segments of a flat array: sums, sorting and water filling for each, without a loop over them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray

SPARSE = 4
"""Ratio of cells to values above which a table is not worth its space."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Consecutive segments of a flat array; none is empty.

    Parameters
    ----------
    start
        Index of the first element of each segment, ascending from 0.
    size
        Length of the flat array.
    """

    start: IntArray
    size: int

    @classmethod
    def of_counts(cls, counts: ArrayLike) -> Segments:
        """Return segments of these lengths."""
        lengths = np.asarray(counts, dtype=np.int64)
        return cls(np.cumsum(lengths) - lengths, int(lengths.sum()))

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def counts(self) -> IntArray:
        """Length of each segment."""
        return np.diff(self.start, append=self.size)

    @cached_property
    def of(self) -> IntArray:
        """Index of the segment of each element."""
        return np.repeat(np.arange(len(self.start)), self.counts)

    def sum(self, values: FloatArray) -> FloatArray:
        """Return the sum of each segment."""
        return np.add.reduceat(values, self.start) if self.size else np.zeros(0)

    def any(self, mask: BoolArray) -> BoolArray:
        """Return the segments in which the mask is true anywhere, as a mask."""
        return np.logical_or.reduceat(mask, self.start) if self.size else np.zeros(0, dtype=np.bool_)

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of each segment, ignoring NaN; NaN if all of it is NaN."""
        known = np.isfinite(values)
        total, count = self.sum(np.where(known, values, 0.0)), self.sum(known.astype(np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: FloatArray = total / count
        return mean

    def least(self, values: FloatArray) -> FloatArray:
        """Return the minimum of each segment, ignoring NaN; NaN if all of it is NaN."""
        return np.fmin.reduceat(values, self.start) if self.size else np.zeros(0)

    def sorted_by(self, rank: IntArray) -> IntArray:
        """Return the indices that sort each segment by rank; faster than `np.lexsort`."""
        return np.argsort(self.of * (rank.max(initial=0) + 1) + rank, kind="stable")

    def ascending(self, values: FloatArray) -> FloatArray:
        """Return the values with each segment sorted in ascending order."""
        longest = int(self.counts.max(initial=0))
        if longest * len(self) == self.size:
            return np.sort(values.reshape(len(self), longest), axis=1).reshape(-1)
        if longest * len(self) > SPARSE * self.size:
            return values[self.sorted_by(ranks(values))]
        # sorting rows of a table is ten times faster than sorting all together
        table = np.full((len(self), longest), np.nan)
        there = np.arange(longest) < self.counts[:, None]
        table[there] = values
        table.sort(axis=1)
        found: FloatArray = table[there]
        return found

    def level(self, caps: FloatArray, total: FloatArray) -> FloatArray:
        """Split the total of each segment evenly within the caps (water filling); the excess is left out.

        The water level is the largest of (total - the j smallest caps) / (elements left) over j: that sequence rises
        while caps are below the level, and falls afterwards.
        """
        if not self.size:
            return np.zeros(0)
        rising = self.ascending(caps)
        below = np.cumsum(rising) - rising
        below -= below[self.start][self.of]
        left = (self.counts + self.start)[self.of] - np.arange(self.size)
        water = np.maximum.reduceat((total[self.of] - below) / left, self.start)
        filled: FloatArray = np.clip(water[self.of], 0.0, caps)
        return filled


def ranks(values: FloatArray) -> IntArray:
    """Return the rank of each value in ascending order."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank
