"""The last decisions, kept so that the person who asks why gets the numbers that were used."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import BoolArray, FloatArray, IntArray

Float32Array = NDArray[np.float32]


Outcome = Literal["scored", "all_overloaded", "no_node_known", "not_ours"]
"""Whether some candidate was measured and has room; `not_ours` is a pod that the profile passes through."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Facts:
    """What is kept of a decision as it is.

    `cpu_cores` is what the pod was counted with, `chosen` is None when nothing was chosen, and `names` are the
    candidates in the order the scheduler sent them.
    """

    pod: str
    uid: str
    at: float
    profile: str
    rule: str
    cpu_cores: float
    cpu_source: str
    chosen: str | None
    outcome: Outcome
    names: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decision(Facts):
    """One answered `prioritize`: arrays of shape (n_candidates,).

    `usage` is measured plus assumed CPU [cores] before the pod. `rows` are the candidates' rows in `snapshot`, -1 for a
    name it does not hold; `noted` are those of which the snapshot has something to say.
    """

    rows: IntArray
    noted: BoolArray
    usage: FloatArray
    assumed: FloatArray
    increase: FloatArray
    scores: IntArray
    snapshot: ClusterSnapshot


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Explanation(Facts):
    """A decision without its snapshot, in half precision of the original: what explain shows.

    Columns of shape (n_candidates,): `watts_before` and `watts_after` the pod [W], `increase` as scored [W],
    CPU before the pod [cores], the inputs, and the age of each input at the time of the decision [s].
    """

    columns: Mapping[str, Float32Array]
    scores: NDArray[np.int32]
    reasons: Mapping[int, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory that the columns take [bytes]."""
        return sum(column.nbytes for column in self.columns.values()) + self.scores.nbytes + 8 * len(self.names)

    def rows(self, limit: int | None = None) -> list[dict[str, object]]:
        """Return one mapping per candidate, the best score first; unknown numbers are None."""
        order = np.lexsort((np.nan_to_num(self.columns["increase"], nan=np.inf), -self.scores))[:limit]
        return [self._row(int(index)) for index in order]

    def _row(self, index: int) -> dict[str, object]:
        row: dict[str, object] = {"node": self.names[index], "score": int(self.scores[index])}
        for name, column in self.columns.items():
            value = float(column[index])
            row[name] = round(value, 3) if np.isfinite(value) else None
        row["reason"] = self.reasons.get(index, "")
        return row

    def summary(self) -> str:
        """Return the reason of the choice in one sentence."""
        what, among = f"for {self.cpu_cores:g} cores", f"{len(self.names)} candidates"
        if self.outcome == "scored":
            least = round(float(np.nanmin(self.columns["increase"])), 3)
            return f"{self.chosen} adds {least} W by rule {self.rule}, the least of {among}, {what}"
        if self.outcome == "all_overloaded":
            return f"no measured node of {among} has room {what}: {self.chosen} is the least loaded"
        if self.outcome == "not_ours":
            return f"profile {self.profile} passes pods of this schedulerName through"
        return f"none of {among} is measured: power decided nothing; see GET /v1/decisions for the reasons"

    def as_dict(self, limit: int | None = None) -> dict[str, object]:
        """Return the explanation in the form of `GET /v1/decisions`."""
        return {
            "pod": self.pod,
            "uid": self.uid,
            "at": self.at,
            "profile": self.profile,
            "rule": self.rule,
            "cpu_cores": self.cpu_cores,
            "cpu_source": self.cpu_source,
            "chosen": self.chosen,
            "outcome": self.outcome,
            "summary": self.summary(),
            "candidates": len(self.names),
            "nodes": self.rows(limit),
        }


def explain(decision: Decision) -> Explanation:
    """Work out what a person wants to see of a decision; called after the answer was sent."""
    inputs = _inputs(decision.snapshot)[:, decision.rows]
    inputs[:, decision.rows < 0] = np.nan
    sizes, conditions, ages = inputs[0], inputs[1:3], inputs[3:]
    ages += decision.at - decision.snapshot.taken_at
    with np.errstate(divide="ignore", invalid="ignore"):
        loads = 100.0 * np.stack([decision.usage, decision.usage + decision.cpu_cores]) / sizes
    before, after = decision.snapshot.curves.at(loads, rows=decision.rows).astype(np.float32)
    columns = {
        "watts_before": before,
        "watts_after": after,
        "increase": decision.increase.astype(np.float32),
        "usage_cores": decision.usage.astype(np.float32),
        "assumed_cores": decision.assumed.astype(np.float32),
        "capacity_cores": sizes,
        **dict(zip(("inlet_temp", "delta_p"), conditions, strict=True)),
        **dict(zip(("usage_age", "inlet_temp_age", "delta_p_age"), ages, strict=True)),
    }
    facts = {kept.name: getattr(decision, kept.name) for kept in fields(Facts)}
    return Explanation(
        **facts | {"names": _shared_names(decision)},
        columns=columns,
        scores=decision.scores.astype(np.int32),
        reasons=_reasons(decision),
    )


@lru_cache(maxsize=2)
def _inputs(snapshot: ClusterSnapshot) -> Float32Array:
    """Return what explanations show of a snapshot, shape (6, n_nodes): many decisions are made on each.

    Capacity, inlet temperature, static pressure difference, and the age of CPU use and of both conditions when the
    snapshot was taken.
    """
    ages = [snapshot.taken_at - at for at in (snapshot.usage_at, snapshot.inlet_temp_at, snapshot.delta_p_at)]
    rows = [snapshot.capacity_cores, snapshot.inlet_temp, snapshot.delta_p, *ages]
    return np.stack(rows).astype(np.float32)


def _shared_names(decision: Decision) -> list[str]:
    """Return the candidates' names as the snapshot has them: those of a request would be kept for it alone."""
    names: list[str] = _names(decision.snapshot)[decision.rows].tolist()
    for index in np.flatnonzero(decision.rows < 0).tolist():
        names[index] = decision.names[index]
    return names


@lru_cache(maxsize=2)
def _names(snapshot: ClusterSnapshot) -> NDArray[np.object_]:
    return np.array(snapshot.names, dtype=np.object_)


def _reasons(decision: Decision) -> dict[int, str]:
    """Return why a candidate is unknown, overcommitted, or scored on a fallback; most candidates have no reason."""
    reasons = {}
    for index in np.flatnonzero(decision.noted | ~np.isfinite(decision.increase)).tolist():
        row, increase = int(decision.rows[index]), float(decision.increase[index])
        said = decision.snapshot.reasons[row] if row >= 0 else "the node is not in the snapshot yet"
        if increase == math.inf:
            said = "; ".join(part for part in ("the pod would overload the node", said) if part)
        elif math.isnan(increase) and not said:
            said = "no CPU sample that is young enough" if math.isnan(decision.usage[index]) else "no power curve"
        if said:
            reasons[index] = said
    return reasons


class DecisionLog:
    """The last decisions by pod, bounded in number and in memory.

    Parameters
    ----------
    max_entries
        Decisions kept; 0 keeps none.
    max_bytes
        Memory that their columns may take.
    """

    def __init__(self, max_entries: int = 1000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._by_pod: OrderedDict[str, Explanation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_pod)

    def add(self, explanation: Explanation) -> None:
        """Keep one explanation; a later one for the same pod replaces it, the oldest ones give way."""
        if self._max_entries == 0:
            return
        self._forget(explanation.pod)
        self._by_pod[explanation.pod] = explanation
        self._bytes += explanation.nbytes
        while len(self._by_pod) > self._max_entries or (self._bytes > self._max_bytes and len(self._by_pod) > 1):
            self._forget(next(iter(self._by_pod)))

    def of(self, pod: str) -> Explanation | None:
        """Return the last decision on a pod, named "namespace/name"."""
        return self._by_pod.get(pod)

    def latest(self, count: int) -> list[Explanation]:
        """Return the last decisions, the newest first."""
        return list(reversed(list(self._by_pod.values())[-count:])) if count > 0 else []

    def _forget(self, pod: str) -> None:
        known = self._by_pod.pop(pod, None)
        if known is not None:
            self._bytes -= known.nbytes
