"""Which share of a pod's CPU its node's sample does not contain. Pure.

Depending on its source, a sample is an average over a window or the use at the window's end. The start time of a pod
shows how much an average misses. The rest follows from the sample's value: if nothing else changes, a node continues to
use what it was expected to use, so a sample above that contains some of the assumed CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import BoolArray, FloatArray

WHOLE_SECONDS = 1.0
"""Kubernetes truncates start and sample times to seconds; within one second their order is unknown [s]."""


def missing_share(snapshot: ClusterSnapshot, row: int, started_at: float | None) -> float:
    """Return the share of a pod's CPU that its node's average misses: 1 before it runs, 0 after a whole window."""
    if started_at is None:
        return 1.0
    window = float(snapshot.usage_window[row])
    missed = _missed(snapshot, row, started_at)
    if missed <= 0.0:
        return 0.0
    return missed / window if missed < window else 1.0  # NaN: nothing is measured


def may_contain(snapshot: ClusterSnapshot, row: int, started_at: float | None) -> bool:
    """Return whether a pod started early enough for its node's sample to contain it."""
    if started_at is None:
        return False
    return _missed(snapshot, row, started_at) < float(snapshot.usage_window[row]) + WHOLE_SECONDS


def _missed(snapshot: ClusterSnapshot, row: int, started_at: float) -> float:
    """Return the time from the start of the sample's window to the start of the pod [s]."""
    return started_at - float(snapshot.usage_at[row] - snapshot.usage_window[row])


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedUsage:
    """The CPU that each node of a new snapshot was expected to use.

    Attributes
    ----------
    cores
        Measured plus assumed CPU [cores], shape (n_nodes,), NaN for a node that is new.
    at
        End of the sample that the expectation is based on [s since the epoch], shape (n_nodes,).
    """

    cores: FloatArray
    at: FloatArray

    @classmethod
    def of(cls, old: ClusterSnapshot | None, assumed: FloatArray, new: ClusterSnapshot) -> ExpectedUsage:
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
        """Return which nodes have a new sample, shape (n_nodes,)."""
        changed: BoolArray = new.usage_at != self.at
        return changed

    def unseen(self, new: ClusterSnapshot, within: FloatArray, coming: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the shares of `within` and of `coming` that a new sample does not contain, shape (n_nodes,) each.

        Parameters
        ----------
        within
            CPU of pods that the sample may contain, as far as an average would miss it [cores].
        coming
            CPU of pods not known to have started [cores]: their start may be reported later than the sample.

        Notes
        -----
        Excess CPU in the sample is attributed first to pods that may be in it. The total never drops below the
        measurement.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = self.cores - new.usage_cores
            of_within = np.clip((missing - coming) / within, 0.0, 1.0)
            of_coming = np.clip(missing / coming, 0.0, 1.0)
        return (
            np.where((within > 0) & np.isfinite(of_within), of_within, 1.0),
            np.where((coming > 0) & np.isfinite(of_coming), of_coming, 1.0),
        )
