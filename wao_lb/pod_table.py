"""CPU use and limits of the endpoints' pods as arrays, updated with the cluster state."""

from __future__ import annotations

from typing import cast

import numpy as np

from wao_core.cluster.records import Kind, Pod, PodMetrics
from wao_core.cluster.state import Change, ClusterState
from wao_predict.arrays import FloatArray, IntArray

NO_POD = 0
"""The row of an endpoint without a pod: its CPU is unknown."""


class PodTable:
    """Rows for the pods in use, by "namespace/name".

    Attributes
    ----------
    cpu_cores, sampled_at
        Measured CPU use [cores] and the end of its sampling window [s since the epoch]; NaN unknown.
    cpu_limit
        CPU limit, else the request [cores]; NaN for neither.
    uses
        Number of pools that contain the pod.
    """

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self.cpu_cores, self.sampled_at, self.cpu_limit = (np.full(64, np.nan) for _ in range(3))
        self.uses: IntArray = np.zeros(64, dtype=np.int64)
        self.close = state.subscribe([Kind.POD, Kind.POD_METRICS], self._observe)

    def __len__(self) -> int:
        return len(self._rows)

    def use(self, key: str | None) -> int:
        """Return the row of a pod, and count one more pool that contains it."""
        if key is None:
            return NO_POD
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._free.pop() if self._free else len(self._rows) + 1
            self._grow(row)
            self._read_pod(row, self._state.pods.get(key))
            self._read_metrics(row, self._state.pod_metrics.get(key))
        self.uses[row] += 1
        return row

    def release(self, key: str | None) -> None:
        """Undo one `use`; a pod without uses is dropped."""
        if key is None:
            return
        row = self._rows[key]
        self.uses[row] -= 1
        if self.uses[row] == 0:
            del self._rows[key]
            self._free.append(row)

    def measured(self, rows: IntArray, since: float) -> tuple[FloatArray, FloatArray]:
        """Return the CPU use and the CPU limit of pods for one pool each [cores]: divided by their number of uses.

        NaN is unknown; a CPU sample that ended before `since` [s since the epoch] is unknown, too.
        """
        uses = self.uses[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            cpu = np.where(self.sampled_at[rows] >= since, self.cpu_cores[rows] / uses, np.nan)
            return cpu, self.cpu_limit[rows] / uses

    def _grow(self, row: int) -> None:
        size = len(self.uses)
        if row < size:
            return
        for name in ("cpu_cores", "sampled_at", "cpu_limit"):
            old: FloatArray = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full(size, np.nan)]))
        self.uses = np.concatenate([self.uses, np.zeros(size, dtype=np.int64)])

    def _observe(self, change: Change) -> None:
        row = self._rows.get(change.key)
        if row is None:
            return
        if change.kind is Kind.POD:
            self._read_pod(row, cast(Pod | None, change.new))
        else:
            self._read_metrics(row, cast(PodMetrics | None, change.new))

    def _read_pod(self, row: int, pod: Pod | None) -> None:
        stated = None if pod is None else pod.cpu_request if pod.cpu_limit is None else pod.cpu_limit
        self.cpu_limit[row] = np.nan if stated is None else stated

    def _read_metrics(self, row: int, metrics: PodMetrics | None) -> None:
        self.cpu_cores[row] = np.nan if metrics is None else metrics.cpu_cores
        self.sampled_at[row] = np.nan if metrics is None else metrics.timestamp
