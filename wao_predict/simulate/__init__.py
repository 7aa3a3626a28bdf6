"""Simulated fleets: bursts of equal pods (`placement`), and days on which pods come and go (`engine`).

    >>> from wao_predict import Fleet, simulate
    >>> fleet = Fleet.from_table({"name": ["a"], "model": "curve:0=60 100=120", "capacity_cores": 32, "usage_cores": 0})
    >>> trace = simulate.daily_trace(32.0, load=0.3, pods=50, seed=1)
    >>> simulate.simulate_trace(fleet, trace, "floor").policy
    'floor'

Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wao_predict.lazy import lazy_names

_HOMES = {
    "bounds": "lower_bound",
    "comparison": "Comparison",
    "engine": "simulate_trace",
    "executors": "in_this_process on_processes on_ray",
    "fleet_files": "read_groups",
    "placement": "Outcome simulate",
    "policies": "POLICIES",
    "savings": "Prices Savings find_savings savings_tasks",
    "savings_report": "write_savings_report",
    "run": "Run",
    "sweep": "DailyPods compare tasks_for",
    "trace": "Trace daily_trace",
    "trace_files": "read_trace",
    "workloads": "PodMix",
}

if TYPE_CHECKING:
    from wao_predict.simulate.bounds import lower_bound
    from wao_predict.simulate.comparison import Comparison
    from wao_predict.simulate.engine import simulate_trace
    from wao_predict.simulate.executors import in_this_process, on_processes, on_ray
    from wao_predict.simulate.fleet_files import read_groups
    from wao_predict.simulate.placement import Outcome, simulate
    from wao_predict.simulate.policies import POLICIES
    from wao_predict.simulate.run import Run
    from wao_predict.simulate.savings import Prices, Savings, find_savings, savings_tasks
    from wao_predict.simulate.savings_report import write_savings_report
    from wao_predict.simulate.sweep import DailyPods, compare, tasks_for
    from wao_predict.simulate.trace import Trace, daily_trace
    from wao_predict.simulate.trace_files import read_trace
    from wao_predict.simulate.workloads import PodMix

__all__ = [
    "POLICIES",
    "Comparison",
    "DailyPods",
    "Outcome",
    "PodMix",
    "Prices",
    "Run",
    "Savings",
    "Trace",
    "compare",
    "daily_trace",
    "find_savings",
    "in_this_process",
    "lower_bound",
    "on_processes",
    "on_ray",
    "read_groups",
    "read_trace",
    "savings_tasks",
    "simulate",
    "simulate_trace",
    "tasks_for",
    "write_savings_report",
]


_find = lazy_names(__name__, _HOMES, globals())


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
