"""filter and prioritize in the process that serves them: from the body's bytes to the answer's bytes."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator

import numpy as np

from benchmarks.increase import curves_of
from benchmarks.timing import quantiles
from tests.wao_core.snapshots import snapshot
from wao_core.state import ClusterState
from wao_predict.curves import DEFAULT_KNOTS
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.engine import Engine
from wao_scheduler.wire import NameCache, ScoreEncoder, decode_args, encode_filter


def main() -> None:
    """Print p50 and p99 by number of nodes, and the memory after many decisions."""
    print(f"{'nodes':>8}{'filter + prioritize p50':>26}{'p99':>10}{'body':>12}")
    for nodes in (100, 1000, 5000):
        names = [f"node-{number:05d}" for number in range(nodes)]
        engine = Engine(ClusterState(), SchedulerSettings())
        draw = np.random.default_rng(2)
        curves = curves_of(nodes)
        engine.update(
            snapshot(
                names,
                watts=curves.watts,
                knots=DEFAULT_KNOTS,
                capacity=32.0,
                usage=draw.uniform(0.5, 20, nodes).tolist(),
            )
        )
        cache, encoder = NameCache(), ScoreEncoder()
        bodies = iter([_body(names, number) for number in range(300)])

        def decide(
            engine: Engine = engine,
            cache: NameCache = cache,
            bodies: Iterator[bytes] = bodies,
            encoder: ScoreEncoder = encoder,
        ) -> None:
            sent = next(bodies)
            args = decode_args(sent, cache)
            result = engine.filter(args.pod, args.names)
            encode_filter(args, result.keep, result.failed)
            again = decode_args(sent, cache)
            encoder.encode(again.names, engine.prioritize(again.pod, again.names).scores.tolist())

        p50, p99 = quantiles(decide, repeats=250, warm=20)
        print(f"{nodes:>8}{p50:>23.3f} ms{p99:>10.3f}{len(_body(names, 0)) / 1e3:>9.1f} kB")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _body(names: list[str], number: int) -> bytes:
    """Return a request of kube-scheduler with names only."""
    metadata = {"name": f"p{number}", "namespace": "default", "uid": f"u{number}"}
    containers = [{"resources": {"requests": {"cpu": "500m"}}}]
    pod = {"metadata": metadata, "spec": {"containers": containers}}
    return json.dumps({"Pod": pod, "Nodes": None, "NodeNames": names}).encode()
