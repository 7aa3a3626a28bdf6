"""The CPU load of a node from counters of the kernel: /proc/stat, or node_exporter's node_cpu_seconds_total. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wao_predict.errors import SensorError

_SAMPLE = re.compile(r"^node_cpu_seconds_total\{([^}\n]*)\}\s+([0-9.eE+-]+)", re.MULTILINE)
_MODE = re.compile(r'\bmode="([^"]*)"')
_IDLE = ("idle", "iowait")
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Modes of a CPU, in the order of /proc/stat, proc_stat(5)."""


@dataclass(frozen=True, slots=True)
class CpuCounters:
    """CPU time of all cores since the start: idle and in all [any unit]."""

    idle: float
    total: float

    def usage_since(self, before: CpuCounters) -> float | None:
        """Return the load since an earlier reading [%], or None if the counters were reset or did not change.

        Examples
        --------
        >>> CpuCounters(150.0, 300.0).usage_since(CpuCounters(100.0, 200.0))
        50.0
        """
        total, idle = self.total - before.total, self.idle - before.idle
        if total <= 0 or idle < 0:
            return None
        return min(100.0, max(0.0, 100.0 * (1.0 - idle / total)))


def from_node_exporter(text: str) -> CpuCounters:
    """Return the counters in the answer of node_exporter.

    Raises
    ------
    SensorError
        There is no metric node_cpu_seconds_total.
    """
    seconds: dict[str, float] = {}
    for labels, value in _SAMPLE.findall(text):
        mode = _MODE.search(labels)
        if mode is not None:
            try:
                seconds[mode[1]] = seconds.get(mode[1], 0.0) + float(value)
            except ValueError:
                continue
    if "idle" not in seconds:
        raise SensorError("the answer has no node_cpu_seconds_total: give the URL of node_exporter, .../metrics")
    return _counters(seconds)


def from_proc_stat(text: str) -> CpuCounters:
    """Return the counters in /proc/stat of Linux.

    Raises
    ------
    SensorError
        The first line is not that of all CPUs.
    """
    words = text.split("\n", 1)[0].split()
    if len(words) < 5 or words[0] != "cpu":
        raise SensorError("/proc/stat cannot be read: its first line does not begin with cpu")
    return _counters(dict(zip(_MODES, map(float, words[1:]), strict=False)))


def _counters(seconds: dict[str, float]) -> CpuCounters:
    """Return the sums; time of guests is part of user and nice."""
    return CpuCounters(sum(seconds.get(mode, 0.0) for mode in _IDLE), sum(seconds.get(mode, 0.0) for mode in _MODES))
