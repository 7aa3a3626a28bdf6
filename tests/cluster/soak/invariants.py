"""What must hold: asked of the processes all the time, and of the cluster after every disturbance."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.cluster.bed.deployment import NAMESPACE, Container
from tests.cluster.soak.site import OURS, SoakSite, credentials
from tests.fakes.workload_manifests import memory_limit

MIB = 1024 * 1024
SERVED = 1.0
"""Seconds within which extender and weight service answer, whatever is disturbed. Waiting for a CPU does not count."""
MORE_DESCRIPTORS = 100
"""Descriptors that a process may have beyond those of its first minute."""
VALUES = "/apis/custom.metrics.k8s.io/v1beta2/nodes/*/inlet_temp"
FRESH = 30.0
"""Age of a temperature [s] up to which it counts as current."""


@dataclass
class Figures:
    """What was measured of one part, over all its processes."""

    processes: int = 0
    memory: int = 0
    descriptors: int = 0
    most_more: int = 0
    answers: int = 0
    longest: float = 0.0


@dataclass
class Process:
    """What is known of one process of a part."""

    container: Container
    first_descriptors: int = 0
    read: int = 0  # characters of its log that have been examined
    ends: bool = False  # we end it ourselves


class Observer:
    """Asks and measures twice a second; `violations` has what did not hold. Use as `with`."""

    def __init__(self, site: SoakSite) -> None:
        self.site = site
        self.violations: list[str] = []
        self.figures: defaultdict[str, Figures] = defaultdict(Figures)
        self._processes: dict[int, tuple[str, Process]] = {}
        self._silent: set[str] = set()
        self._credentials = credentials(site.bed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Observer:
        for name, container in self.site.parts.items():
            self.add(name, container)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for name, process in self._processes.values():
            self._read_log(name, process)

    def add(self, name: str, container: Container) -> None:
        """Watch a new process of a part."""
        self.figures[name].processes += 1
        self._processes[container.process.pid] = (name, Process(container))

    def will_end(self, container: Container) -> None:
        """Note that the end of a process is no violation."""
        self._processes[container.process.pid][1].ends = True

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """Do not expect answers of a part meanwhile."""
        self._silent.add(name)
        try:
            yield
        finally:
            self._silent.discard(name)

    def _run(self) -> None:
        with self.site.client() as client:
            while not self._stop.wait(0.5):
                for name, process in list(self._processes.values()):
                    self._measure(name, process)
                    self._read_log(name, process)
                self._ask("extender", lambda: scores(client, self.site))
                self._ask("weight service", lambda: shares(client, self.site))

    def _measure(self, name: str, process: Process) -> None:
        container, figures = process.container, self.figures[name]
        if container.process.poll() is not None:
            if not process.ends:
                self.violations.append(f"{name} ended with {container.process.returncode}: {container.log}")
                process.ends = True
            return
        proc, memory, descriptors = Path(f"/proc/{container.process.pid}"), 0, 0
        with suppress(OSError, IndexError):
            memory = int((proc / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
            descriptors = len(os.listdir(proc / "fd"))
        process.first_descriptors = process.first_descriptors or descriptors
        more = descriptors - process.first_descriptors
        figures.memory, figures.descriptors = max(figures.memory, memory), max(figures.descriptors, descriptors)
        figures.most_more = max(figures.most_more, more)
        if memory > memory_limit(container.name):
            self.violations.append(f"{name} takes {memory / MIB:.0f} MiB")
        if more > MORE_DESCRIPTORS:
            self.violations.append(f"{name} has {descriptors} descriptors, and began with {process.first_descriptors}")

    def _read_log(self, name: str, process: Process) -> None:
        text = process.container.text()
        fresh, process.read = text[process.read :], len(text)
        if "Traceback" in fresh:
            self.violations.append(f"{name} logged a traceback: {process.container.log}: {fresh[-2000:]}")
        if any(credential in fresh for credential in self._credentials):
            self.violations.append(f"{name} logged a credential: {process.container.log}")

    def _ask(self, name: str, question: Any) -> None:
        if name in self._silent:
            return
        process, began = self.site.parts[name].process, time.monotonic()
        waited = _cpu_waits(process.pid)
        try:
            problem = question()
        except httpx2.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
        took = time.monotonic() - began - (_cpu_waits(process.pid) - waited)
        if name in self._silent:  # since then
            return
        figures = self.figures[name]
        figures.answers += 1
        figures.longest = max(figures.longest, took)
        if problem or took > SERVED:
            self.violations.append(f"{name}: {problem or 'no answer in time'} ({took:.2f} s)")


def _cpu_waits(pid: int) -> float:
    """Return the seconds that a process and this thread have waited for a CPU."""
    total = 0
    for path in (f"/proc/{pid}/schedstat", f"/proc/{os.getpid()}/task/{threading.get_native_id()}/schedstat"):
        with suppress(OSError):
            total += int(Path(path).read_text().split()[1])
    return total / 1e9


def scores(client: httpx2.Client, site: SoakSite) -> str:
    """Return why the extender does not score the nodes, "" when it does."""
    spec = {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}
    pod = {"metadata": {"name": "asked", "namespace": "default", "uid": "asked"}, "spec": spec}
    names = sorted(site.nodes)
    answer = client.post(f"{site.extender.url}/default/prioritize", json={"Pod": pod, "NodeNames": names})
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:100]}"
    return "" if {item["Host"] for item in answer.json()} <= set(names) else "scores of other nodes"


def shares(client: httpx2.Client, site: SoakSite) -> str:
    """Return why the weight service does not publish the weights of the Service, "" when it does."""
    answer = client.get(f"{site.parts['weight service'].url}/v1/weights/default/web")
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.text[:100]}"
    total = sum(item["weight"] for port in answer.json()["ports"] for item in port["endpoints"])
    return "" if 99.0 < total < 101.0 else f"shares of {total} % in all"


def problems(site: SoakSite, client: httpx2.Client) -> list[str]:
    """Return what is not as it should be in the cluster at present."""
    try:
        checks = [_ready(site), _configs(site), _values(site), _leader(site), scores(client, site)]
        checks += [shares(client, site), _nodes(site)]
    except httpx2.HTTPError as error:
        return [f"{type(error).__name__}: {error}"]
    return [problem for problem in checks if problem]


def _ready(site: SoakSite) -> str:
    bad = site.unready()
    return f"not ready: {', '.join(bad)}" if bad else ""


def _json(site: SoakSite, path: str) -> Any:
    answer = site.bed.admin.request("GET", path)
    return answer.json() if answer.status_code == 200 else {}


def _configs(site: SoakSite) -> str:
    items = _json(site, f"{OURS}/nodeconfigs").get("items", [])
    actual = {item["spec"]["nodeName"]: item["spec"]["metricsCollector"]["inletTemp"] for item in items}
    wrong = [name for name, sensor in actual.items() if sensor["fetchInterval"] != site.interval]
    if set(actual) != site.nodes or wrong:
        return f"NodeConfigs of {sorted(actual)}, desired {sorted(site.nodes)}; out of date: {wrong}"
    return ""


def _values(site: SoakSite) -> str:
    now = datetime.now(UTC)
    found = {
        item["describedObject"]["name"]: (now - datetime.fromisoformat(item["timestamp"])).total_seconds()
        for item in _json(site, VALUES).get("items", [])
    }
    missing = sorted(site.nodes - found.keys())
    old = [name for name in site.nodes & found.keys() if found[name] > FRESH]
    return f"temperatures missing: {missing}, old: {old}" if missing or old else ""


def _leader(site: SoakSite) -> str:
    spec = _json(site, f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/wao-controller").get("spec", {})
    holder = str(spec.get("holderIdentity") or "")
    pids = [str(site.parts[name].process.pid) for name in ("controller 1", "controller 2")]
    return "" if holder.rpartition("_")[2] in pids else f"the leader is {holder!r}"


def _nodes(site: SoakSite) -> str:
    known = site.nodes_by_state()
    return "" if known["measured"] >= len(site.nodes) else f"the extender knows {known}"


@dataclass
class Recovery:
    """How often a disturbance was made, and the longest time until everything worked again [s]."""

    count: int = 0
    longest: float = 0.0
    times: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.longest = max(self.longest, seconds)
        self.times.append(seconds)
