"""The real stress-ng as generator of a stepped load: it makes load, at the lowest priority, and always ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from wao_predict.recording.load import Limits, LoadPlan, SteppedLoad, StressNg

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]
Found = TypeVar("Found")


@pytest.fixture
def program() -> str:
    found = shutil.which("stress-ng")
    assert found, "make test-netns installs stress-ng"
    return found


def below(pid: int) -> list[int]:
    """Return the processes below one."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return [one for child in children for one in (child, *below(child))]


def generators() -> dict[int, str]:
    """Return the command lines of the stress-ng processes below this one, by id."""
    found = {}
    for pid in below(os.getpid()):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if "stress-ng" in line:
            found[pid] = line
    return found


def ticks(pid: int) -> int:
    """Return the CPU time that a process and those below it have used [ticks]."""
    total = 0
    for one in (pid, *below(pid)):
        try:
            total += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:
            continue
    return total


def until(condition: Callable[[], Found]) -> Found:
    """Return the first true value of a condition."""
    while not (found := condition()):
        os.sched_yield()
    return found


def test_each_level_is_made_at_the_lowest_priority_and_replaces_the_last_one(program: str) -> None:
    generator = StressNg(program)
    try:
        generator.set(20)
        (first,) = [pid for pid, line in generators().items() if "--cpu-load 20" in line]
        until(lambda: ticks(first) > 0)
        assert os.getpriority(os.PRIO_PROCESS, first) == 19
        generator.set(40)
        assert not Path(f"/proc/{first}").exists()
        assert any("--cpu-load 40" in line for line in generators().values())
    finally:
        generator.stop()
    assert generators() == {}


def test_a_limit_ends_the_load_of_the_default_generator(program: str) -> None:
    with SteppedLoad(LoadPlan((10, 20), 60.0), Limits(watts=250.0)) as load:
        assert load.advance(0.0, {"watts": 200.0})
        assert generators()
        assert not load.advance(10.0, {"watts": 300.0})
        assert generators() == {}
    assert load.stopped == "watts is 300, above the limit of 250"


def test_the_load_ends_after_its_time_even_if_the_recording_was_killed(program: str) -> None:
    """A program that is killed cannot stop its load: stress-ng has a time limit of its own."""
    source = (
        "import sys; from wao_predict.recording.load import StressNg\n"
        f"made = StressNg({program!r}, longest=1.0); made.set(10)\n"
        "print(made._process.pid, flush=True); sys.stdin.read()"
    )
    started = subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    load = int(started.stdout.readline())
    started.send_signal(signal.SIGKILL)
    started.communicate()
    until(lambda: not Path(f"/proc/{load}").exists() or "Z" in Path(f"/proc/{load}/stat").read_text().split()[2])
