"""The extender's decisions on the current snapshot, without I/O, model calls or locks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wao_core.cluster.records import Pod
from wao_core.cluster.state import ClusterState
from wao_core.prediction.cooling_costs import CoolingCosts, marginal_watts
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.increase_cache import IncreaseCache
from wao_predict.simulate.fleet_documents import PresentPods
from wao_scheduler import hard_limits, scoring
from wao_scheduler.assumed_pods import AssumedPods
from wao_scheduler.config import ProfileSettings, SchedulerSettings
from wao_scheduler.decisions import Outcome, PlacementDecision
from wao_scheduler.draining_nodes import DrainingNodes
from wao_scheduler.increases import increases_of
from wao_scheduler.pod_spread import PodSpread, SpreadResult
from wao_scheduler.running_pods import running_pods
from wao_scheduler.spread_rule import BadRate

log = logging.getLogger("wao.scheduler")

FEW = 4
"""Increases are computed for the candidates alone if they are fewer than the number of nodes divided by this."""


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The answer to `filter`.

    Attributes
    ----------
    keep
        Names of the nodes that pass, None if all of them do.
    failed
        Reason by name for nodes that do not pass.
    bad_rate
        The pod's annotation for PodSpread, if it is invalid.
    only
        The decision if one node is left: kube-scheduler takes it without calling `prioritize`.
    """

    keep: tuple[str, ...] | None
    failed: Mapping[str, str]
    bad_rate: BadRate | None = None
    only: PlacementDecision | None = None


class DecisionEngine:
    """Answers `filter` and `prioritize` for all profiles.

    Parameters
    ----------
    state
        Nodes, pods and workloads.
    settings
        Profiles and shared settings.
    costs
        What a watt costs on each node; default: the same everywhere.
    clock
        Returns the time [s since the epoch].
    """

    def __init__(
        self,
        state: ClusterState,
        settings: SchedulerSettings,
        *,
        costs: CoolingCosts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.costs = costs
        self._factors: FloatArray | None = None
        self._state = state
        self._clock = clock
        self._by_scheduler = settings.by_scheduler()
        self._shared = settings.profiles.get("default", ProfileSettings())
        self.assumed_pods = AssumedPods(lambda pod: self._cpu(pod, self._profile_of(pod))[0], clock=clock)
        self._pod_spread = PodSpread(state, self.assumed_pods)
        self._warned: set[str] = set()
        self._draining = DrainingNodes(state)
        self._snapshot: ClusterSnapshot | None = None
        self._increases: IncreaseCache
        self._floor: FloatArray = np.empty(0)
        self._noted: BoolArray = np.zeros(0, dtype=np.bool_)
        self._rows: dict[int, tuple[tuple[str, ...], IntArray]] = {}

    @property
    def snapshot(self) -> ClusterSnapshot | None:
        """The current snapshot, None before the first or while there are no nodes."""
        return self._snapshot

    def require_snapshot(self) -> ClusterSnapshot:
        """Return the current snapshot.

        Raises
        ------
        LookupError
            There is none yet, or it has no nodes.
        """
        if self._snapshot is None:
            raise LookupError("the first snapshot of the cluster is not complete yet, or there are no nodes")
        return self._snapshot

    def update(self, snapshot: ClusterSnapshot) -> None:
        """Switch to a new snapshot, or to none if it has no nodes."""
        if len(snapshot) == 0:
            self._snapshot = None
            return
        same = self._snapshot is not None and snapshot.names is self._snapshot.names
        if not same:
            self._rows.clear()
        self._factors = None if self.costs is None else self.costs.factors(snapshot, self._state.nodes)
        self._increases = increases_of(snapshot, self._increases if same else None, self._factors)
        self._floor = snapshot.floor_cores * self._increases.percent
        self._noted = np.fromiter(map(bool, snapshot.reasons), dtype=np.bool_, count=len(snapshot))
        self._snapshot = snapshot
        self.assumed_pods.settle(snapshot)

    def profile(self, name: str) -> ProfileSettings | None:
        """Return the settings of a profile, or None for an unknown one."""
        return self.settings.profiles.get(name)

    def handles(self, pod: Pod, profile: ProfileSettings) -> bool:
        """Return whether this profile is for pods like this one."""
        return not profile.scheduler_names or pod.scheduler_name in profile.scheduler_names

    def serves(self, pod: Pod) -> bool:
        """Return whether power decides about pods like this one in any profile."""
        return any(self.handles(pod, each) for each in self.settings.profiles.values() if each.minimize_power)

    def is_known(self, key: str, uid: str) -> bool:
        """Return whether the cluster has this Pod; a request may name any."""
        pod = self._state.pods.get(key)
        return pod is not None and pod.uid == uid

    def prioritize(self, pod: Pod, names: Sequence[str], profile_name: str = "default") -> PlacementDecision:
        """Return the scores of the candidates, and assume the pod on the best one.

        Candidates that `filter` would refuse get the lowest scores: kube-scheduler may be configured not to call it.

        Raises
        ------
        KeyError
            The profile is not known.
        LookupError
            There is no snapshot yet.
        """
        profile = self.settings.profiles[profile_name]
        snapshot = self.require_snapshot()
        names = tuple(names)
        cores, source = self._cpu(pod, profile)
        rows = self._rows_of(names)
        known = rows >= 0
        of_nodes = self._usage(pod, snapshot)
        loads = of_nodes[0] * self._increases.percent
        needed = rows[known] if FEW * len(rows) < len(snapshot) else None
        floor = self._floor if profile.rule == "floor" else None
        increases = self._increases.of(loads, cores, profile.rule, floor=floor, rows=needed)
        usage, assumed, load, increase = (_at(rows, known, values) for values in (*of_nodes, loads, increases))
        handled = self.handles(pod, profile)
        admitted = self._admitted(pod, names, profile) if handled else FilterResult(None, {})
        self._warn_of_limits(admitted, profile_name, profile)
        avoided = {**_positions(names, admitted.failed), **self._draining.among(names)}
        if avoided:
            increase[list(avoided)] = np.nan  # the lowest class of scores
        scores, first = self._score(increase, load, profile), scoring.best(increase, load)
        outcome = _outcome(increase)
        if not handled or not profile.minimize_power:
            scores, first, outcome = np.zeros_like(scores), None, "not_ours"
        if handled and first is None and names and profile.pod_spread and self._pod_spread.concerns(pod):
            # power does not decide: any will do, but the next replicas must know which
            least = np.nan_to_num(assumed, nan=np.inf)
            least[list(avoided)] = np.inf
            first = int(np.argmin(least))
            scores[first] = scoring.HIGHEST
        if first is not None:
            seen = self.is_known(f"{pod.namespace}/{pod.name}", pod.uid)
            self.assumed_pods.choose(pod.identity, names[first], cores, owner=pod.owner_identity, known=seen)
        return PlacementDecision(
            pod=f"{pod.namespace}/{pod.name}",
            uid=pod.uid,
            at=self._clock(),
            profile=profile_name,
            rule=profile.rule,
            cpu_cores=cores,
            cpu_source=source,
            names=names,
            rows=rows,
            noted=self._noted[rows] | ~known,
            avoided=avoided,
            usage=usage,
            assumed=assumed,
            increase=increase,
            factors=None if self._factors is None else _at(rows, known, self._factors),
            scores=scores,
            chosen=None if first is None else names[first],
            outcome=outcome,
            bad_rate=admitted.bad_rate,
            snapshot=snapshot,
        )

    def filter(self, pod: Pod, names: Sequence[str], profile_name: str = "default") -> FilterResult:
        """Return the candidates that pass the hard limits and PodSpread.

        Raises
        ------
        KeyError
            The profile is not known.
        """
        profile = self.settings.profiles[profile_name]
        if not self.handles(pod, profile):
            return FilterResult(None, {})
        admitted = self._admitted(pod, tuple(names), profile)
        left = tuple(names) if admitted.keep is None else admitted.keep
        if len(left) == 1 and self._snapshot is not None:
            return replace(admitted, only=self.prioritize(pod, left, profile_name))
        return admitted

    def _admitted(self, pod: Pod, names: tuple[str, ...], profile: ProfileSettings) -> FilterResult:
        """Return the candidates that pass the hard limits and PodSpread; of these, all pass again."""
        failed = self._over_limits(pod, names, profile)
        left = tuple(name for name in names if name not in failed) if failed else names
        spread = self._pod_spread.among(pod, left) if profile.pod_spread else SpreadResult()
        if spread.allowed is not None:
            left, failed = spread.allowed.keep, {**failed, **spread.allowed.failed}
        return FilterResult(left if failed else None, failed, bad_rate=spread.bad_rate)

    def _warn_of_limits(self, admitted: FilterResult, name: str, profile: ProfileSettings) -> None:
        """Log once per profile that `filter` seems not to be called although the profile has limits."""
        if admitted.failed and profile.has_limits and name not in self._warned:
            self._warned.add(name)
            node, reason = next(iter(admitted.failed.items()))
            log.warning(
                "prioritize got node %s, which filter would refuse (%s): it gets the lowest score. Profile %s has "
                "limits: set filterVerb: filter for the extender in the configuration of kube-scheduler",
                node,
                reason,
                name,
            )

    def prepare(self, names: tuple[str, ...]) -> None:
        """Look up the rows of candidates before `prioritize` is called with the same tuple."""
        if self._snapshot is not None:
            self._rows_of(names)

    def load_cores(self) -> FloatArray:
        """Return measured plus assumed CPU of each node [cores], shape (n_nodes,), NaN where unknown or too old."""
        snapshot = self.require_snapshot()
        fresh = self._clock() - snapshot.usage_at <= self.settings.max_sample_age
        return np.where(fresh, snapshot.usage_cores + self.assumed_pods.cores, np.nan)

    @property
    def groups(self) -> list[str]:
        """Group of each node of the snapshot for cooling and prices, empty without plants."""
        snapshot = self.require_snapshot()
        return [] if self.costs is None else self.costs.groups_of(snapshot.names, self._state.nodes)

    def labels_of(self, names: Sequence[str], label: str) -> list[str]:
        """Return the value of a label of each node, "" for one without it."""
        nodes = self._state.nodes
        return [node.labels.get(label, "") if (node := nodes.get(name)) else "" for name in names]

    def running_pods(self, rows: Mapping[str, int], usage_cores: FloatArray) -> PresentPods:
        """Return the pods that run on some nodes; see `wao_scheduler.running_pods.running_pods`."""

        def cpu(pod: Pod) -> float:
            return self._cpu(pod, self._profile_of(pod))[0]

        return running_pods(list(self._state.pods.values()), rows, usage_cores, cpu, self._clock())

    def _profile_of(self, pod: Pod) -> ProfileSettings:
        """Return the profile that applies to a bound pod: that of its scheduler, else the default one."""
        return self._by_scheduler.get(pod.scheduler_name, self._shared)

    def _cpu(self, pod: Pod, profile: ProfileSettings) -> tuple[float, str]:
        """Return the CPU that is assumed for a pod [cores], and its source."""
        if not pod.cpu_request:  # not stated, or 0
            return profile.default_cpu * profile.pod_usage_assumption, "defaultCpu"
        return pod.cpu_request * profile.pod_usage_assumption, "request"

    def _rows_of(self, names: tuple[str, ...]) -> IntArray:
        """Return the snapshot's row of each name, -1 if unknown; those of the last few tuples are cached."""
        known = self._rows.get(id(names))
        if known is None:
            assert self._snapshot is not None
            rows = self._snapshot.rows(names)
            if len(self._rows) >= 8:
                self._rows.pop(next(iter(self._rows)))
            known = self._rows[id(names)] = (names, rows)  # keeps `names` alive, so that no other tuple gets its id
        return known[1]

    def _usage(self, pod: Pod, snapshot: ClusterSnapshot) -> tuple[FloatArray, FloatArray]:
        """Return the CPU of each node and the assumed part of it [cores], both without this pod."""
        assumed = self.assumed_pods.cores
        own = self.assumed_pods.of(pod.identity)
        if own is not None and (row := snapshot.index.get(own.node)) is not None:  # a retry for the same pod
            assumed = assumed.copy()
            assumed[row] = max(assumed[row] - own.missing, 0.0)
        fresh = self._clock() - snapshot.usage_at <= self.settings.max_sample_age
        return np.where(fresh, snapshot.usage_cores + assumed, np.nan), assumed

    def _score(self, increase: FloatArray, load: FloatArray, profile: ProfileSettings) -> IntArray:
        if profile.score_mode == "ordinal":
            return scoring.ordinal(increase, load)
        return scoring.proportional(increase, load, points_per_watt=profile.points_per_watt)

    def _over_limits(self, pod: Pod, names: tuple[str, ...], profile: ProfileSettings) -> dict[str, str]:
        """Return the reason by name for nodes beyond a hard limit; nodes with unknown inputs pass."""
        if self._snapshot is None or not profile.has_limits:
            return {}
        snapshot = self._snapshot
        rows = self._rows_of(names)
        known = rows[rows >= 0]
        refused: dict[int, str] = {}
        if profile.power_cap is not None:
            refused |= self._over_cap(pod, known, profile, snapshot)
        if profile.inlet_temp_ceiling is not None:
            refused |= hard_limits.over_ceiling(snapshot, known, profile.inlet_temp_ceiling)
        return {snapshot.names[row]: why for row, why in refused.items()}

    def _over_cap(
        self, pod: Pod, rows: IntArray, profile: ProfileSettings, snapshot: ClusterSnapshot
    ) -> dict[int, str]:
        assert profile.power_cap is not None
        load = self.load_cores() * self._increases.percent
        label = profile.power_cap.label
        nodes = self._state.nodes
        labels = [nodes[name].labels.get(label) if name in nodes else None for name in snapshot.names]
        power = hard_limits.group_power(labels, snapshot.curves.at(load))
        cores, _ = self._cpu(pod, profile)
        cost = self._increases.fresh(rows, load[rows], cores, "marginal")
        increase = marginal_watts(cost, None if self._factors is None else self._factors[rows])
        return hard_limits.over_cap(power, rows, increase, profile.power_cap.watts)


def _at(rows: IntArray, known: BoolArray, values: FloatArray) -> FloatArray:
    """Return the values of some nodes, NaN for those that are not in the snapshot."""
    found: FloatArray = values[rows]
    found[~known] = np.nan
    return found


def _positions(names: Sequence[str], reasons: Mapping[str, str]) -> Mapping[int, str]:
    """Return the reasons by the position of the node in `names`."""
    return {index: reasons[name] for index, name in enumerate(names) if name in reasons} if reasons else {}


def _outcome(increase: FloatArray) -> Outcome:
    if np.isfinite(increase).any():
        return "scored"
    return "all_overloaded" if np.isposinf(increase).any() else "no_node_known"
