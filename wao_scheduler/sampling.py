"""How much of the CPU promised to a node is missing from the node's sample. Pure functions.

A sample is an average over a window, or what runs at its end, depending on its source. The start of a pod tells what
an average misses. What the sample shows beyond that tells the rest: without other changes a node goes on using what it
was taken to use, so a sample that comes to more holds some of what was promised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import BoolArray, FloatArray

WHOLE_SECONDS = 1.0
"""Kubernetes cuts the times of starts and of samples to whole seconds: within one, their order is not known."""


def missing_share(snapshot: ClusterSnapshot, row: int, started_at: float | None) -> float:
    """Return which part of a pod's CPU is missing from its node's average: 1 before it runs, 0 in the end."""
    if started_at is None:
        return 1.0
    window = float(snapshot.usage_window[row])
    missed = _missed(snapshot, row, started_at)
    if missed <= 0.0:
        return 0.0
    return missed / window if missed < window else 1.0  # NaN: nothing is measured


def may_hold(snapshot: ClusterSnapshot, row: int, started_at: float | None) -> bool:
    """Return whether a pod began early enough to be in its node's sample."""
    if started_at is None:
        return False
    return _missed(snapshot, row, started_at) < float(snapshot.usage_window[row]) + WHOLE_SECONDS


def _missed(snapshot: ClusterSnapshot, row: int, started_at: float) -> float:
    """Return how long the window had begun when the pod did [s]."""
    return started_at - float(snapshot.usage_at[row] - snapshot.usage_window[row])


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What each node of a new snapshot was taken to use before it.

    Attributes
    ----------
    cores
        Measured plus assumed CPU [cores], shape (n_nodes,), NaN for a node that is new.
    at
        End of the sample that this was made with [s since the epoch], shape (n_nodes,).
    """

    cores: FloatArray
    at: FloatArray

    @classmethod
    def of(cls, old: ClusterSnapshot | None, assumed: FloatArray, new: ClusterSnapshot) -> Expectation:
        """Return the expectation of the old snapshot in the order of the new one's nodes."""
        if old is None or len(old) == 0:
            unknown = np.full(len(new), np.nan)
            return cls(unknown, unknown)
        cores = old.usage_cores + assumed
        if old.names is new.names:
            return cls(cores, old.usage_at)
        rows = old.rows(new.names)
        there = rows >= 0
        return cls(np.where(there, cores[rows], np.nan), np.where(there, old.usage_at[rows], np.nan))

    def renewed(self, new: ClusterSnapshot) -> BoolArray:
        """Return which nodes have another sample than the expectation was made with."""
        changed: BoolArray = new.usage_at != self.at
        return changed

    def unseen(self, new: ClusterSnapshot, within: FloatArray, coming: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return which share of `within` and of `coming` a new sample does not show, shape (n_nodes,) each.

        Parameters
        ----------
        within
            CPU of pods that the sample may hold, as far as an average would miss it [cores].
        coming
            CPU of pods not known to have started: word of a start may come later than the sample [cores].

        Notes
        -----
        What the sample shows too much is taken off the pods that may be in it first. The sum is never below the sample.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = self.cores - new.usage_cores
            of_within = np.clip((missing - coming) / within, 0.0, 1.0)
            of_coming = np.clip(missing / coming, 0.0, 1.0)
        return (
            np.where((within > 0) & np.isfinite(of_within), of_within, 1.0),
            np.where((coming > 0) & np.isfinite(of_coming), of_coming, 1.0),
        )
