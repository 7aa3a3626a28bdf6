"""Records a cluster until the time is up: follows its objects and sensors, and appends rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wao_core.cluster.records import Kind
from wao_core.cluster.source import Problem
from wao_core.collector.collecting import collecting
from wao_core.collector.endpoints import EndpointAccess, connecting
from wao_core.collector.metrics_feed import MetricsFeed
from wao_core.collector.store import SampleStore
from wao_core.collector.usage import UsageMetric
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import NODE_CONFIGS, NODES
from wao_core.recording.nodes import RecordedNodes, nodes_to_record
from wao_core.recording.recorder import ClusterRecorder
from wao_core.source.kubernetes import KubernetesSource
from wao_predict.errors import UsageError
from wao_predict.recording.files import Recording

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_METRICS)
SYNC_TIME = 30.0
"""Time in which the API server must list nodes and NodeConfigs [s]."""
STEP = 1.0
"""Time between two looks at what is new [s]."""

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What to record.

    Attributes
    ----------
    kubeconfig
        File with the API server; None inside a cluster.
    save
        Where rows are appended.
    patterns
        Names of nodes, with wildcards; all nodes without any.
    direct
        Limits for reading BMCs and sensors from here; None to list their values from the metrics API of the cluster.
    period
        Time between two lists of metrics.k8s.io and of the metrics API [s].
    duration
        Time to record [s].
    """

    kubeconfig: Path | None
    save: Path
    patterns: tuple[str, ...] = ()
    direct: EndpointAccess | None = None
    period: float = 15.0
    duration: float = float("inf")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result: rows, and nodes that have one; `problem` is what is missing at most nodes at the end."""

    rows: int
    nodes: int
    problem: str


async def record_cluster(
    plan: ClusterPlan,
    note: Callable[[str], None],
    status: Callable[[], AbstractContextManager[Show]],
) -> Recorded:
    """Append rows until the time is up or the task is cancelled.

    Parameters
    ----------
    note
        Receives what is left out.
    status
        Opens the line that shows the progress.

    Raises
    ------
    UsageError
        There is no API server or no node to record, or the file cannot be written.
    """
    async with _source(plan) as source:
        recorded = nodes_to_record(source.state.node_configs.values(), plan.patterns)
        for text in recorded.notes:
            note(text)
        target = Recording(plan.save, recorded.columns)
        store = SampleStore()
        with _flushed(target), _usage(source, store):
            async with _sensors(plan, source, store, recorded):
                with status() as show:
                    return await _follow(plan, ClusterRecorder(store, target, recorded), show)


async def _follow(plan: ClusterPlan, recorder: ClusterRecorder, show: Show) -> Recorded:
    begin = time.monotonic()
    while True:
        recorder.step(time.time())
        problem = recorder.problem(time.time())
        show(recorder.coverage.text() + (f"; {problem}" if problem else ""))
        if time.monotonic() - begin >= plan.duration:
            return Recorded(recorder.coverage.rows, recorder.nodes_with_rows, problem)
        await asyncio.sleep(STEP)


def not_synced(host: str, problems: Sequence[Problem]) -> str:
    """Return why an API server cannot be recorded that has not listed nodes and NodeConfigs."""
    reasons = [problem.reason for problem in problems if problem.where in (NODES.name, NODE_CONFIGS.name)]
    reason = reasons[0] if reasons else f"no answer within {SYNC_TIME:g} s"
    return (
        f"{host} does not list nodes and NodeConfigs: {reason}; is the address right, and may the account get, list "
        "and watch both?"
    )


@contextmanager
def _flushed(target: Recording) -> Iterator[None]:
    try:
        yield
    finally:
        target.flush()


@contextmanager
def _usage(source: KubernetesSource, store: SampleStore) -> Iterator[None]:
    usage = UsageMetric(source.state, store)
    try:
        yield
    finally:
        usage.close()


@asynccontextmanager
async def _source(plan: ClusterPlan) -> AsyncIterator[KubernetesSource]:
    try:
        client = await KubeClient.connect(plan.kubeconfig)
    except KubeError as error:
        raise UsageError(str(error)) from error
    source = KubernetesSource(client, KINDS, component="wao-record", period=plan.period)
    await source.start()
    try:
        await source.wait_synced(SYNC_TIME)
        if not source.state.synced([Kind.NODE, Kind.NODE_CONFIG]):
            raise UsageError(not_synced(client.host, source.problems()))
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def _sensors(
    plan: ClusterPlan, source: KubernetesSource, store: SampleStore, recorded: RecordedNodes
) -> AsyncIterator[None]:
    """Keep the values of the sensors in the store."""
    if plan.direct is None:
        async with MetricsFeed(source.client, source.state, store, period=plan.period, metrics=recorded.metrics):
            yield
        return
    async with connecting(source.secret, plan.direct) as endpoints, collecting(source, store, endpoints):
        yield
