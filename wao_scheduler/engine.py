"""The extender's decisions on the current snapshot. No I/O, no model call and no lock in here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_core.records import Pod
from wao_core.snapshot import ClusterSnapshot
from wao_core.state import ClusterState
from wao_predict.increase import IncreaseTable
from wao_scheduler import limits, podspread, prioritize
from wao_scheduler.config import ProfileSettings, SchedulerSettings
from wao_scheduler.decisions import Decision
from wao_scheduler.inflight import InFlight
from wao_scheduler.owners import OwnerIndex

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FilterResult:
    """What passes (None: everything) and why the rest does not; a refused annotation is told apart."""

    keep: tuple[str, ...] | None
    failed: Mapping[str, str]
    bad_rate: podspread.BadRate | None = None


class Engine:
    """Answers filter and prioritize for all profiles.

    Parameters
    ----------
    state
        Nodes, pods and workloads as last seen.
    settings
        Profiles and shared settings.
    """

    def __init__(
        self, state: ClusterState, settings: SchedulerSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self._state = state
        self._clock = clock
        self._by_scheduler = _by_scheduler(settings.profiles)
        self._shared = settings.profiles.get("default", ProfileSettings())
        self.inflight = InFlight(lambda pod: self._cpu(pod, self._profile_of(pod))[0], clock=clock)
        self._snapshot: ClusterSnapshot | None = None
        self._table: IncreaseTable | None = None
        self._percent: FloatArray = np.zeros(0)
        self._limit: FloatArray = np.zeros(0)
        self._rows: dict[tuple[str, ...], IntArray] = {}
        self._owners = OwnerIndex(state)

    @property
    def snapshot(self) -> ClusterSnapshot | None:
        """The snapshot that decisions are made on now."""
        return self._snapshot

    def update(self, snapshot: ClusterSnapshot) -> None:
        """Make decisions on a new snapshot from now on."""
        if self._snapshot is None or snapshot.names is not self._snapshot.names:
            self._rows.clear()
        if self._snapshot is None or snapshot.curves is not self._snapshot.curves:
            self._table = IncreaseTable(snapshot.curves)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._percent = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
            limit = self._percent * snapshot.allocatable_cores
        self._limit = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
        self._snapshot = snapshot
        self.inflight.settle(snapshot)

    def profile(self, name: str) -> ProfileSettings | None:
        """Return the settings of a profile, or None for an unknown one."""
        return self.settings.profiles.get(name)

    def scores(self, pod: Pod, profile: ProfileSettings) -> bool:
        """Return whether this profile scores pods like this one."""
        return not profile.scheduler_names or pod.scheduler_name in profile.scheduler_names

    def prioritize(self, pod: Pod, names: Sequence[str], profile_name: str = "default") -> Decision:
        """Score the candidates for a pod, and count the best one as chosen.

        Raises
        ------
        KeyError
            The profile is not known.
        LookupError
            There is no snapshot yet.
        """
        profile = self.settings.profiles[profile_name]
        snapshot = self._require_snapshot()
        names = tuple(names)
        cores, source = self._cpu(pod, profile)
        rows = self._rows_of(names)
        usage, assumed = self._usage(pod, rows, snapshot)
        load = usage * self._percent[rows]
        increase = self._increase(rows, load, cores, profile)
        scores = self._score(increase, load, profile)
        first = prioritize.best(increase, load) if self.scores(pod, profile) else None
        if first is None:
            scores = np.zeros_like(scores)
        else:
            self.inflight.choose(pod.uid, names[first], cores)
        return Decision(
            pod=f"{pod.namespace}/{pod.name}",
            uid=pod.uid,
            at=self._clock(),
            profile=profile_name,
            rule=profile.rule,
            cpu_cores=cores,
            cpu_source=source,
            names=names,
            rows=rows,
            usage=usage,
            assumed=assumed,
            increase=increase,
            scores=scores,
            chosen=None if first is None else names[first],
            snapshot=snapshot,
        )

    def filter(self, pod: Pod, names: Sequence[str], profile_name: str = "default") -> FilterResult:
        """Apply hard limits and PodSpread to the candidates.

        Raises
        ------
        KeyError
            The profile is not known.
        """
        profile = self.settings.profiles[profile_name]
        if not self.scores(pod, profile):
            return FilterResult(None, {})
        names = tuple(names)
        failed = self._over_limits(pod, names, profile)
        left = names if not failed else tuple(name for name in names if name not in failed)
        rate = podspread.spread_rate(pod, self._state) if profile.pod_spread else None
        if isinstance(rate, podspread.SpreadRate):
            decision = self._spread(pod, left, rate.rate)
            if decision is not None:
                return FilterResult(decision.keep, {**failed, **decision.failed})
        bad = rate if isinstance(rate, podspread.BadRate) else None
        return FilterResult(tuple(left) if failed else None, failed, bad)

    def load_cores(self) -> FloatArray:
        """Return measured plus assumed CPU per node of the snapshot [cores], NaN where it is unknown or too old."""
        snapshot = self._require_snapshot()
        fresh = self._clock() - snapshot.usage_at <= self.settings.max_sample_age
        return np.where(fresh, snapshot.usage_cores + self.inflight.cores, np.nan)

    def _profile_of(self, pod: Pod) -> ProfileSettings:
        """Return the profile that a pod is counted by once it is bound: its scheduler's, else the default one."""
        return self._by_scheduler.get(pod.scheduler_name, self._shared)

    def _require_snapshot(self) -> ClusterSnapshot:
        if self._snapshot is None:
            raise LookupError("the first snapshot of the cluster is not complete yet")
        return self._snapshot

    def _cpu(self, pod: Pod, profile: ProfileSettings) -> tuple[float, str]:
        """Return the CPU a pod is counted with [cores], and where it comes from."""
        if pod.cpu_request is None:
            return profile.default_cpu * profile.pod_usage_assumption, "defaultCpu"
        return pod.cpu_request * profile.pod_usage_assumption, "request"

    def _rows_of(self, names: tuple[str, ...]) -> IntArray:
        """Return the snapshot's rows of `names`, -1 for unknown ones; the scheduler's list rarely changes."""
        rows = self._rows.get(names)
        if rows is None:
            assert self._snapshot is not None
            index = self._snapshot.index
            rows = np.fromiter((index.get(name, -1) for name in names), dtype=np.int64, count=len(names))
            if len(self._rows) >= 16:
                self._rows.pop(next(iter(self._rows)))
            self._rows[names] = rows
        return rows

    def _usage(self, pod: Pod, rows: IntArray, snapshot: ClusterSnapshot) -> tuple[FloatArray, FloatArray]:
        """Return measured plus assumed CPU and the assumed part of it [cores], without this very pod."""
        assumed = self.inflight.cores[rows]
        own = self.inflight.of(pod.uid)
        if own is not None and (row := snapshot.index.get(own.node)) is not None:  # a retry of the same pod
            assumed = np.where(rows == row, np.maximum(assumed - own.cores, 0.0), assumed)
        fresh = (rows >= 0) & (self._clock() - snapshot.usage_at[rows] <= self.settings.max_sample_age)
        return np.where(fresh, snapshot.usage_cores[rows] + assumed, np.nan), assumed

    def _increase(self, rows: IntArray, load: FloatArray, cores: float, profile: ProfileSettings) -> FloatArray:
        assert self._table is not None
        return self._table.increase(
            load, cores * self._percent[rows], rows=rows, rule=profile.rule, capacity=self._limit[rows]
        )

    def _score(self, increase: FloatArray, load: FloatArray, profile: ProfileSettings) -> IntArray:
        if profile.score_mode == "ordinal":
            return prioritize.ordinal(increase, load)
        return prioritize.proportional(increase, load, points_per_watt=profile.points_per_watt)

    def _over_limits(self, pod: Pod, names: tuple[str, ...], profile: ProfileSettings) -> dict[str, str]:
        """Return why names are refused by the hard limits; unknown inputs refuse nothing."""
        if self._snapshot is None or (profile.inlet_temp_ceiling is None and profile.power_cap is None):
            return {}
        snapshot = self._snapshot
        rows = self._rows_of(names)
        known = rows[rows >= 0]
        refused: dict[int, str] = {}
        if profile.power_cap is not None:
            refused |= self._over_cap(pod, known, profile, snapshot)
        if profile.inlet_temp_ceiling is not None:
            refused |= limits.over_ceiling(snapshot, known, profile.inlet_temp_ceiling)
        return {snapshot.names[row]: why for row, why in refused.items()}

    def _over_cap(
        self, pod: Pod, rows: IntArray, profile: ProfileSettings, snapshot: ClusterSnapshot
    ) -> dict[int, str]:
        assert profile.power_cap is not None
        assert self._table is not None
        load = self.load_cores() * self._percent
        label = profile.power_cap.label
        nodes = self._state.nodes
        labels = [nodes[name].labels.get(label) if name in nodes else None for name in snapshot.names]
        power = limits.group_power(labels, snapshot.curves.at(load))
        cores, _ = self._cpu(pod, profile)
        increase = self._table.increase(
            load[rows], cores * self._percent[rows], rows=rows, rule="marginal", capacity=self._limit[rows]
        )
        return limits.over_cap(power, rows, increase, profile.power_cap.watts)

    def _spread(self, pod: Pod, names: Sequence[str], rate: float) -> podspread.SpreadDecision | None:
        owner = podspread.owner_of(pod, self._state)
        if owner is None or not names:
            return None
        wanted = podspread.redundancy(podspread.wanted_replicas(owner, self._state), rate)
        placed = self._owners.placed(owner.uid, chosen=self._chosen, except_uid=pod.uid)
        candidates = {name: self._state.nodes[name] for name in {*names, *placed} if name in self._state.nodes}
        return podspread.spread(names, placed, candidates, wanted=wanted)

    def _chosen(self, uid: str) -> str | None:
        assumed = self.inflight.of(uid)
        return None if assumed is None else assumed.node


def _by_scheduler(profiles: Mapping[str, ProfileSettings]) -> dict[str, ProfileSettings]:
    """Return the profile of each schedulerName: the first that lists it, else the one of that name."""
    found = dict(profiles)
    for profile in reversed(list(profiles.values())):
        found |= dict.fromkeys(profile.scheduler_names, profile)
    return found
