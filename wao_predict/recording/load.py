"""A stepped load on this machine, with limits: stress-ng where it is installed, else processes of our own."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from wao_predict.errors import UsageError

DEFAULT_LEVELS = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
BLIND = 60.0
"""Longest time without a row for which a load continues [s]."""

SLICE = 0.05
"""Length of one on-off cycle of a process of our own [s]."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Values at which the load ends: inlet temperature [degC] and power [W]; None: no limit."""

    inlet_temp: float | None = 35.0
    watts: float | None = None

    def exceeded(self, values: Mapping[str, float]) -> str:
        """Return which limit a row's values exceed, or an empty string.

        Examples
        --------
        >>> Limits(inlet_temp=35.0).exceeded({"inlet_temp": 36.5, "watts": 200.0})
        'inlet_temp is 36.5, above the limit of 35'
        """
        for name, limit in (("inlet_temp", self.inlet_temp), ("watts", self.watts)):
            if limit is not None and values.get(name, limit) > limit:
                return f"{name} is {values[name]:g}, above the limit of {limit:g}"
        return ""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Levels of load [%] and the time at each [s]: up through all levels, then down, since a fan reacts late.

    Raises
    ------
    UsageError
        There are fewer than two levels, or one is not within 0 to 100.
    """

    levels: Sequence[float] = DEFAULT_LEVELS
    hold: float = 150.0

    def __post_init__(self) -> None:
        if len(self.levels) < 2 or not all(0 <= level <= 100 for level in self.levels) or self.hold <= 0:
            raise UsageError("a stepped load needs at least two levels from 0 to 100 %, and a time above 0 s for each")

    @property
    def steps(self) -> list[float]:
        """The levels in order [%]."""
        up = sorted(self.levels)
        return [*up, *up[-2::-1]]

    @property
    def duration(self) -> float:
        """Length of the whole plan [s]."""
        return self.hold * len(self.steps)

    def level_at(self, elapsed: float) -> float | None:
        """Return the level at a time since the start [s], None after the end."""
        step = int(elapsed // self.hold)
        return self.steps[step] if 0 <= step < len(self.steps) else None


class Generator(Protocol):
    """Makes load on this machine."""

    def set(self, level: float) -> None:
        """Change the load to a level [% of all cores]."""
        ...

    def stop(self) -> None:
        """End the load."""
        ...


class StressNg:
    """Load by stress-ng, at the lowest priority.

    Parameters
    ----------
    program
        Path of stress-ng.
    longest
        Time after which stress-ng ends by itself, in case that this process is killed [s].
    """

    def __init__(self, program: str, *, longest: float = 3600.0) -> None:
        self._program, self._longest = program, longest
        self._process: subprocess.Popen[bytes] | None = None

    def set(self, level: float) -> None:
        """Change the load to a level [% of all cores]."""
        self.stop()
        if level > 0:
            end = f"{math.ceil(self._longest)}s"
            command = [self._program, "--cpu", "0", "--cpu-load", f"{level:.0f}", "--timeout", end, "--quiet"]
            self._process = subprocess.Popen(  # noqa: S603 - the program that the operating system finds, no shell
                command, preexec_fn=_lowest_priority, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def stop(self) -> None:
        """End the load."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class BusyProcesses:
    """Load by one process per core that computes for a part of each cycle, at the lowest priority."""

    def __init__(self, cores: int | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._level = context.Value("d", 0.0)
        count = cores or os.cpu_count() or 1
        self._processes = [
            context.Process(target=_busy, args=(self._level, os.getpid()), daemon=True) for _ in range(count)
        ]
        for process in self._processes:
            process.start()

    def set(self, level: float) -> None:
        """Change the load to a level [% of all cores]."""
        self._level.value = level / 100.0

    def stop(self) -> None:
        """End the load."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(10)


def _busy(level: object, parent: int) -> None:
    """Compute for a part of each cycle, until the parent ends."""
    _lowest_priority()
    while os.getppid() == parent:
        begin = time.perf_counter()
        part = min(1.0, max(0.0, level.value))  # type: ignore[attr-defined]
        while time.perf_counter() - begin < part * SLICE:
            sum(range(2000))
        time.sleep(max(0.0, SLICE - (time.perf_counter() - begin)))


def _lowest_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, 19)


class SteppedLoad:
    """A plan that runs on this machine; use as a context, so that the load ends with the program.

    Parameters
    ----------
    plan, limits
        What to run, and when to stop.
    generator
        Default: stress-ng if it is installed, else `BusyProcesses`.
    """

    def __init__(self, plan: LoadPlan, limits: Limits, *, generator: Generator | None = None) -> None:
        self._plan, self._limits = plan, limits
        self._generator = generator
        self._level: float | None = None
        self._seen = 0.0
        self.stopped = ""
        """Why the load ended early; empty if it did not."""

    def __enter__(self) -> SteppedLoad:
        if self._generator is None:
            program = shutil.which("stress-ng")
            longest = self._plan.hold + BLIND
            self._generator = StressNg(program, longest=longest) if program else BusyProcesses()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._generator is not None:
            self._generator.stop()

    def advance(self, elapsed: float, values: Mapping[str, float] | None) -> bool:
        """Set the level for a time since the start [s]; return whether the load goes on.

        Parameters
        ----------
        values
            The newest row, which is compared with the limits; None if there is none. Without a row for `BLIND` seconds
            the load ends, because the limits cannot be watched.
        """
        assert self._generator is not None
        level = self._plan.level_at(elapsed)
        if values is not None:
            self._seen = elapsed
            self.stopped = self._limits.exceeded(values)
        elif elapsed - self._seen > BLIND:
            self.stopped = f"no values for {BLIND:g} s, so that the limits cannot be watched"
        if self.stopped or level is None:
            self._generator.stop()
            return False
        if level != self._level:
            self._generator.set(level)
            self._level = level
        return True
