"""A day in fast motion: the same Pods on servers with real parts and in the simulator, and the energy of both.

kube-scheduler packs by NodeResourcesFit alone, which is the policy `most-allocated` of the simulator. No two servers
have the same number of cores, so that both choose the same server among empty ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

import numpy as np

from tests.cluster.bed.client import Client
from tests.cluster.bed.controlplane import pod
from tests.cluster.bed.day import PODS, Day
from tests.cluster.standby.machines import Machine
from wao_fleet.standby.sequence import SETTLE
from wao_predict.curves import PowerCurves
from wao_predict.fleet import Fleet
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.run import Run
from wao_predict.simulate.standby import Standby
from wao_predict.simulate.trace import DAY, Trace, daily_trace
from wao_predict.standby import StandbySettings

SECONDS = 90.0
"""Length of the day."""
PERIOD, LOOK_BACK, OFF_WATTS = 1.0, 5.0, 8.0
SETTINGS = StandbySettings(
    spare_percent=0.0,
    spare_cores=4.0,
    empty_seconds=3.0,
    on_seconds=3.0,
    off_seconds=1.0,
    stops_at_once=4,
    stops_per_hour=1000,
    starts_per_hour=1000,
)
FLAGS = (
    f"--period={PERIOD:g}",
    f"--look-back-seconds={LOOK_BACK:g}",
    "--no-reserve-largest",
    *(
        f"--{item.name.replace('_', '-')}={getattr(SETTINGS, item.name):g}"
        for item in fields(SETTINGS)
        if item.name not in ("reserve_largest", "hysteresis_percent")
    ),
)
"""The settings of the controller that the simulator has as well."""
PACKING = "packing"
SCHEDULER = {
    "podInitialBackoffSeconds": 1,
    "podMaxBackoffSeconds": 1,
    "profiles": [
        {"schedulerName": "default-scheduler"},
        {
            "schedulerName": PACKING,
            "plugins": {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 1}]}},
            "pluginConfig": [
                {
                    "name": "NodeResourcesFit",
                    "args": {
                        "apiVersion": "kubescheduler.config.k8s.io/v1",
                        "kind": "NodeResourcesFitArgs",
                        "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 1}]},
                    },
                }
            ],
        },
    ],
}
"""Configuration of kube-scheduler; the seconds of back-off are as few as it permits."""


def curve_of(cores: int) -> tuple[float, float]:
    """Return the power of a server when it is idle and when it is busy [W]; the small ones are the most efficient."""
    factor = 1.0 + 0.02 * (cores - 22)
    return 3.6 * cores * factor, 6.0 * cores * factor


def trace_of(cores: Iterable[int]) -> Trace:
    """Return the Pods of the day: starts and stops a few seconds earlier or later hardly change its energy."""
    drawn = daily_trace(float(sum(cores)), load=0.4, pods=60, peak=4.0, seed=9)
    return Trace.of(drawn.arrival * SECONDS / DAY, drawn.duration * SECONDS / DAY, drawn.request, horizon=SECONDS)


def simulated(machines: Sequence[Machine], start_seconds: float) -> Run:
    """Return the day in the simulator."""
    cores = [machine.cores for machine in machines]
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([curve_of(each) for each in cores]))
    names = tuple(machine.name for machine in machines)
    fleet = Fleet(names, curves, np.array(cores, dtype=float), np.zeros(len(cores)))
    standby = Standby(
        SETTINGS,
        start_seconds=start_seconds,
        stop_seconds=SETTLE + PERIOD,
        drain_seconds=SETTLE,
        off_watts=OFF_WATTS,
        period=PERIOD,
        look_back=LOOK_BACK,
    )
    return simulate_trace(fleet, trace_of(cores), "most-allocated", standby=standby)


def played(client: Client, machines: Sequence[Machine]) -> Day:
    """Return the day on the servers, to be played."""
    trace = trace_of([machine.cores for machine in machines])

    def watts(nodes: Mapping[int, str]) -> float:
        used = dict.fromkeys((machine.name for machine in machines), 0.0)
        for number, node in nodes.items():
            used[node] += float(trace.request[number])
        return sum(_watts(machine, used[machine.name]) for machine in machines)

    return Day(client, "day", trace, lambda name, cores: pod(name, cpu=f"{cores:g}", scheduler=PACKING), watts)


def _watts(machine: Machine, used: float) -> float:
    idle, busy = curve_of(machine.cores)
    return idle + (busy - idle) * used / machine.cores if machine.on else OFF_WATTS


class Before:
    """A small Pod on each server until the day begins: in the simulator, all are empty from then on. Use as `with`."""

    def __init__(self, client: Client, machines: Sequence[Machine]) -> None:
        self._client, self._machines = client, machines

    def __enter__(self) -> None:
        for machine in self._machines:
            body = pod(f"before-{machine.name}", cpu="0.1", node_name=machine.name)
            body["metadata"]["labels"] = {"before": ""}
            self._client.create(PODS, body)

    def __exit__(self, *_: object) -> None:
        self._client.request("DELETE", f"{PODS}?labelSelector=before", {"gracePeriodSeconds": 0})
