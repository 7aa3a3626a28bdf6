"""The cluster that a server reads, as its options say: a folder of manifests, or an API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from wao_core.cluster.records import Kind
from wao_core.health import HealthChecks
from wao_core.kube.source import ClusterSource
from wao_core.serving.options import ServerOptions
from wao_predict.errors import UsageError

Selectors = Mapping[Kind, tuple[tuple[str, str], ...]]

FIRST_SYNC = 30.0  # seconds that a start waits for; after that it serves as not ready and goes on trying
TOO_OLD = 300.0  # seconds after which what is known of the cluster is not to be decided on


@asynccontextmanager
async def cluster(
    options: ServerOptions,
    kinds: Iterable[Kind],
    checks: HealthChecks,
    *,
    component: str,
    period: float = 15.0,
    selectors: Selectors | None = None,
) -> AsyncIterator[ClusterSource]:
    """Keep the cluster in memory until the end of the `async with`; readiness waits for the first sync.

    Parameters
    ----------
    period
        Seconds between two reads of metrics.k8s.io.
    selectors
        What restricts the lists and watches of an API server, by kind; a folder of manifests is read whole.

    Raises
    ------
    UsageError
        There is neither a folder of manifests nor an API server.
    """
    source = await _open(options, frozenset(kinds), component, period, selectors)
    checks.add_live("cluster-tasks", source.health)
    checks.add_ready("cluster-sync", lambda: _freshness(source))
    await source.start()
    try:
        await source.wait_synced(FIRST_SYNC)
        yield source
    finally:
        await source.stop()


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
    watched = source.kinds - {Kind.NODE_METRICS, Kind.POD_METRICS}
    missing = sorted(kind.value for kind in watched if not source.state.synced([kind]))
    if missing:
        return f"not read yet: {', '.join(missing)}"
    ages = {kind: source.state.age(kind) or 0.0 for kind in watched}
    old = sorted(kind.value for kind, age in ages.items() if age > TOO_OLD)
    return f"not confirmed for {TOO_OLD:g} s: {', '.join(old)}" if old else None
