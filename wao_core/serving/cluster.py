"""The cluster that a server reads: a folder of manifests or an API server, as its options say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from wao_core.cluster.records import Kind
from wao_core.cluster.selector import Selectors
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import POLLED
from wao_core.kube.source import ClusterSource
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_predict.errors import UsageError

COUNTED = {
    Kind.NODE: "nodes",
    Kind.NODE_CONFIG_TEMPLATE: "NodeConfigTemplates",
    Kind.NODE_CONFIG: "NodeConfigs",
    Kind.SERVICE: "Services",
}
"""The kinds whose number is in the log when a server is ready."""

FIRST_SYNC = 30.0  # seconds that a start waits; after that the server listens, not ready, and goes on trying
TOO_OLD = 300.0  # seconds without confirmation after which the state of the cluster is too old for decisions


@asynccontextmanager
async def cluster(
    options: ServerOptions,
    kinds: Iterable[Kind],
    frame: ServerFrame,
    *,
    period: float = 15.0,
    selectors: Selectors | None = None,
) -> AsyncIterator[ClusterSource]:
    """Yield the source that keeps the cluster in memory; readiness waits for the first sync.

    Parameters
    ----------
    frame
        Gets the readiness check, and is where metrics of the source belong.
    period
        Seconds between two reads of metrics.k8s.io.
    selectors
        Label and field selectors of the lists and watches by kind; a folder of manifests is read whole.

    Raises
    ------
    UsageError
        There is neither a folder of manifests nor an API server.
    """
    source = await _open(options, frozenset(kinds), f"wao-{frame.component}", period, selectors)
    for statistics in source.collectors():
        frame.registry.register(statistics)
    frame.checks.add_live("cluster-tasks", source.health)
    frame.checks.add_ready("cluster-sync", lambda: _freshness(source))
    for kind in [kind for kind in COUNTED if kind in source.kinds]:
        frame.counts[COUNTED[kind]] = partial(_count, source, kind)
    await source.start()
    try:
        await source.wait_synced(FIRST_SYNC)
        yield source
    finally:
        await source.stop()


def api_server(source: ClusterSource, need: str) -> KubeClient:
    """Return the connection to the API server.

    Parameters
    ----------
    need
        Who needs it and for what, such as "the controller writes to an API server".

    Raises
    ------
    UsageError
        The source is a folder of manifests.
    """
    if source.client is None:
        raise UsageError(f"{need}: give --kubeconfig FILE, not --manifests")
    return source.client


def _count(source: ClusterSource, kind: Kind) -> int:
    return len(source.state.table(kind))


async def _open(
    options: ServerOptions, kinds: frozenset[Kind], component: str, period: float, selectors: Selectors | None
) -> ClusterSource:
    if options.manifests is not None:
        from wao_core.source.manifests import ManifestSource

        return ManifestSource(options.manifests)
    from wao_core.kube.client import KubeClient, KubeError
    from wao_core.source.kubernetes import KubernetesSource

    try:
        client = await KubeClient.connect(options.kubeconfig)
    except KubeError as error:
        raise UsageError(str(error)) from error
    return KubernetesSource(client, kinds, component=component, selectors=selectors, period=period)


def _freshness(source: ClusterSource) -> str | None:
    watched = source.kinds - POLLED.keys()
    missing = sorted(kind.value for kind in watched if not source.state.synced([kind]))
    if missing:
        return f"not read yet: {', '.join(missing)}"
    ages = {kind: source.state.age(kind) or 0.0 for kind in watched}
    old = sorted(kind.value for kind, age in ages.items() if age > TOO_OLD)
    return f"not confirmed for {TOO_OLD:g} s: {', '.join(old)}" if old else None
