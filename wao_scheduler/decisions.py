"""The last decisions with the numbers that led to them, for `GET /v1/decisions` and `wao explain`."""

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
from wao_scheduler.spread_rule import BadRate

Float32Array = NDArray[np.float32]


MOST_NAME = 253
"""Characters of a candidate's name that are kept: callers can invent names."""
_NO_HISTORY = 60.0
"""Time for which loads must be known before they count as a history [s]."""

Outcome = Literal["scored", "all_overloaded", "no_node_known", "not_ours"]
"""Whether a measured candidate has room. `not_ours` is a pod that the profile does not score."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecisionFacts:
    """The facts of a decision, the same during and after it.

    Attributes
    ----------
    pod, uid
        "namespace/name" and uid of the pod.
    at
        Time of the decision [s since the epoch].
    profile, rule
        Profile and rule of the scores.
    cpu_cores, cpu_source
        CPU that was assumed for the pod [cores], and its source.
    chosen
        Name of the best node, or None.
    outcome
        See `Outcome`.
    names
        The candidates in the order of the scheduler.
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
class PlacementDecision(DecisionFacts):
    """The answer to one `prioritize`. Arrays have shape (n_candidates,).

    Attributes
    ----------
    rows
        Row of each candidate in `snapshot`, -1 for a node that is not in it.
    noted
        Whether the snapshot states a reason for the candidate.
    avoided
        Why a candidate gets the lowest score although it may be measured, by its position: it is being drained, or
        `filter` would have refused it. Its increase counts as unknown.
    usage, assumed
        Measured plus assumed CPU without the pod, and the assumed part of it [cores].
    increase
        Power that the pod adds by the rule [W]; NaN unknown, +inf where the pod does not fit.
    factors
        What a watt costs on each candidate, None without plants; `increase` contains it.
    scores
        The scores of the answer.
    bad_rate
        The pod's annotation for PodSpread, if it is invalid and `filter` was not called.
    snapshot
        The snapshot that the decision was made on.
    """

    rows: IntArray
    noted: BoolArray
    avoided: Mapping[int, str] = field(default_factory=dict)
    usage: FloatArray
    assumed: FloatArray
    increase: FloatArray
    factors: FloatArray | None = None
    scores: IntArray
    bad_rate: BadRate | None = None
    snapshot: ClusterSnapshot


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Explanation(DecisionFacts):
    """A decision with its inputs, without its snapshot, in single precision.

    Attributes
    ----------
    columns
        Arrays of shape (n_candidates,) by name: `watts_before` and `watts_after` the pod [W], `increase` by the rule
        [W], CPU before the pod [cores], the conditions, and the age of each input at the decision [s]. With plants also
        `cost_factor`: what a watt costs on the node, a part of `increase`.
    scores
        The scores of the answer, shape (n_candidates,).
    reasons
        Why a candidate is unknown, overloaded or scored on a fallback, by its position.
    floor_history
        For the rule floor, the time for which the loads of all measured candidates are known [s]: their floors are the
        lowest loads of this time.
    """

    columns: Mapping[str, Float32Array]
    scores: NDArray[np.int32]
    reasons: Mapping[int, str] = field(default_factory=dict)
    floor_history: float | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the columns and names [bytes]."""
        return sum(column.nbytes for column in self.columns.values()) + self.scores.nbytes + 8 * len(self.names)

    def rows(self, limit: int | None = None) -> list[dict[str, object]]:
        """Return one mapping per candidate, best score first; unknown numbers are None."""
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
        """Return the reason for the choice in one sentence."""
        what, among = f"for {self.cpu_cores:g} cores", f"{len(self.names)} candidates"
        if self.outcome == "scored":
            least = round(float(np.nanmin(self.columns["increase"])), 3)
            costs = ", cooling and prices included" if "cost_factor" in self.columns else ""
            rule = f"rule {self.rule}{costs}"
            return f"{self.chosen} adds {least} W by {rule}, the least of {among}, {what}{self._history()}"
        if self.outcome == "all_overloaded":
            return f"no measured node of {among} has room {what}: {self.chosen} is the least loaded"
        if self.outcome == "not_ours":
            return f"profile {self.profile} does not score this pod, by its schedulerNames or minimizePower: false"
        return f"none of {among} is measured: power decided nothing; see GET /v1/decisions for the reasons"

    def _history(self) -> str:
        if self.floor_history is None:
            return ""
        if self.floor_history < _NO_HISTORY:
            return "; the floors are the present loads, because no earlier loads are known"
        return f"; the floors are the lowest loads of the last {self.floor_history / 3600:.1f} h"

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
            "floor_history": self.floor_history,
            "candidates": len(self.names),
            "nodes": self.rows(limit),
        }


def _shortest(ages: Float32Array) -> float | None:
    """Return the shortest known age [s], None if none is known."""
    known = ages[np.isfinite(ages)]
    return float(known.min()) if known.size else None


def explain(decision: PlacementDecision) -> Explanation:
    """Return the explanation of a decision; called after the answer is sent."""
    inputs = _inputs(decision.snapshot)[:, decision.rows]
    inputs[:, decision.rows < 0] = np.nan
    sizes, floors, conditions, residuals, ages = inputs[0], inputs[1], inputs[2:4], inputs[4], inputs[5:]
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
        "floor_cores": floors,
        "capacity_cores": sizes,
        **dict(zip(("inlet_temp", "delta_p"), conditions, strict=True)),
        "residual_watts": residuals,
        **dict(zip(("usage_age", "inlet_temp_age", "delta_p_age"), ages[:3], strict=True)),
    }
    if decision.factors is not None:
        columns["cost_factor"] = decision.factors.astype(np.float32)
    facts = {kept.name: getattr(decision, kept.name) for kept in fields(DecisionFacts)}
    return Explanation(
        **facts | {"names": _shared_names(decision)},
        columns=columns,
        scores=decision.scores.astype(np.int32),
        reasons=_reasons(decision),
        floor_history=_shortest(ages[3]) if decision.rule == "floor" else None,
    )


@lru_cache(maxsize=2)
def _inputs(snapshot: ClusterSnapshot) -> Float32Array:
    """Return the inputs that explanations contain, shape (9, n_nodes); cached, as many decisions share a snapshot.

    The rows are capacity, floor, inlet temperature, static pressure difference and residual, and at the time of the
    snapshot the ages of CPU use and of both conditions, and the time for which the loads are known.
    """
    times = (snapshot.usage_at, snapshot.inlet_temp_at, snapshot.delta_p_at, snapshot.floor_since)
    ages = [snapshot.taken_at - at for at in times]
    rows = [snapshot.capacity_cores, snapshot.floor_cores, snapshot.inlet_temp, snapshot.delta_p]
    rows += [snapshot.residual_watts, *ages]
    return np.stack(rows).astype(np.float32)


def _shared_names(decision: PlacementDecision) -> list[str]:
    """Return the candidates' names as objects of the snapshot, so that decisions share their memory."""
    names: list[str] = _names(decision.snapshot)[decision.rows].tolist()
    for index in np.flatnonzero(decision.rows < 0).tolist():
        names[index] = decision.names[index][:MOST_NAME]
    return names


@lru_cache(maxsize=2)
def _names(snapshot: ClusterSnapshot) -> NDArray[np.object_]:
    return np.array(snapshot.names, dtype=np.object_)


def _reasons(decision: PlacementDecision) -> dict[int, str]:
    """Return why a candidate is unknown, overloaded, or scored on a fallback, by position; most have no reason."""
    reasons = {}
    for index in np.flatnonzero(decision.noted | ~np.isfinite(decision.increase)).tolist():
        row, increase = int(decision.rows[index]), float(decision.increase[index])
        reason = decision.snapshot.reasons[row] if row >= 0 else "the node is not in the snapshot yet"
        if index in decision.avoided:
            reason = decision.avoided[index]
        elif increase == math.inf:
            reason = "; ".join(part for part in ("the pod would overload the node", reason) if part)
        elif math.isnan(increase) and not reason:
            reason = "no recent CPU sample" if math.isnan(decision.usage[index]) else "no power curve"
        if reason:
            reasons[index] = reason
    return reasons


class DecisionLog:
    """The last decisions by pod, limited in number and memory.

    Parameters
    ----------
    max_entries
        Maximum number of decisions; 0 keeps none.
    max_bytes
        Maximum memory of their columns [bytes].
    """

    def __init__(self, max_entries: int = 1000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._by_pod: OrderedDict[str, Explanation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_pod)

    def add(self, explanation: Explanation) -> None:
        """Keep an explanation instead of an earlier one for the same pod; drop the oldest if there are too many."""
        if self._max_entries == 0:
            return
        self._forget(explanation.pod)
        self._by_pod[explanation.pod] = explanation
        self._bytes += explanation.nbytes
        while len(self._by_pod) > self._max_entries or (self._bytes > self._max_bytes and len(self._by_pod) > 1):
            self._forget(next(iter(self._by_pod)))

    def of(self, pod: str) -> Explanation | None:
        """Return the last decision on a pod "namespace/name", or None."""
        return self._by_pod.get(pod)

    def latest(self, count: int) -> list[Explanation]:
        """Return the last decisions, newest first."""
        return list(reversed(list(self._by_pod.values())[-count:])) if count > 0 else []

    def _forget(self, pod: str) -> None:
        known = self._by_pod.pop(pod, None)
        if known is not None:
            self._bytes -= known.nbytes
