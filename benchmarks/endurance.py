"""Memory of the extender over a million decisions, with pods, workloads, nodes and snapshots that come and go."""

from __future__ import annotations

import gc
import time

import msgspec
import numpy as np

from benchmarks.increase import curves_of
from benchmarks.processes import resident_bytes
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Kind, Node, Pod, Workload
from wao_core.cluster.state import ClusterState
from wao_predict.curves import DEFAULT_KNOTS
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import DecisionLog, explain
from wao_scheduler.spread_rule import ANNOTATION
from wao_scheduler.wire import ArgsDecoder, ScoreEncoder, encode_filter

DECISIONS, NODES = 1_000_000, 20
ALIVE = 150
"""Pods that are there at the same time."""


def main() -> None:
    """Print resident memory after each tenth of the decisions."""
    cluster, began = Cluster(), time.perf_counter()
    print(f"{'decisions':>12}{'memory':>12}{'a decision':>16}")
    for number in range(1, DECISIONS + 1):
        cluster.decide(number)
        if number % (DECISIONS // 10) == 0:
            gc.collect()
            each = (time.perf_counter() - began) / number
            print(f"{number:>12,}{resident_bytes() / 1e6:>9.1f} MB{1e6 * each:>13.0f} us", flush=True)


class Cluster:
    """Nodes of which one is exchanged every 10,000 pods; a pod is bound after its decision, and ends ALIVE pods later.

    Every 100 pods are a new ReplicaSet of a Deployment with the annotation, and the nodes are measured again.
    """

    def __init__(self) -> None:
        self.state = ClusterState()
        self.engine = DecisionEngine(self.state, SchedulerSettings())
        self.state.subscribe([Kind.POD], self.engine.assumed_pods.observe)
        self.log, self.decoder, self.encoder = DecisionLog(), ArgsDecoder(), ScoreEncoder()
        self.curves = curves_of(NODES)
        self.names = [f"node-{row}" for row in range(NODES)]
        for name in self.names:
            self.state.put(Kind.NODE, Node(name=name))
        annotations = {ANNOTATION: "0.2"}
        self.state.put(
            Kind.WORKLOAD,
            Workload(kind="Deployment", namespace="default", name="web", replicas=100, annotations=annotations),
        )

    def decide(self, number: int) -> None:
        """Filter and prioritize one pod, and let it be bound."""
        if number % 10_000 == 0:
            self._exchange(number)
        if number % 100 == 1:
            self._measure(number)
        labels = {"pod-template-hash": str(number // 100)}
        owner = {"kind": "ReplicaSet", "name": f"web-{number // 100}", "uid": f"rs{number // 100}", "controller": True}
        metadata = {"name": f"p{number}", "namespace": "default", "uid": f"u{number}"}
        about = {**metadata, "labels": labels, "ownerReferences": [owner]}
        containers = [{"resources": {"requests": {"cpu": "500m"}}}]
        pod = {"metadata": about, "spec": {"containers": containers}}
        body = msgspec.json.encode({"Pod": pod, "Nodes": None, "NodeNames": self.names})
        args = self.decoder.decode(body)
        result = self.engine.filter(args.pod, args.names)
        encode_filter(args, result.keep, result.failed)
        decision = self.engine.prioritize(args.pod, result.keep or args.names)
        self.encoder.encode(decision.names, decision.scores, decision.rows, decision.snapshot.names)
        self.log.add(explain(decision))
        self.state.put(Kind.POD, _bound(args.pod, decision.chosen))
        self.state.remove(Kind.POD, f"default/p{number - ALIVE}")

    def _exchange(self, number: int) -> None:
        row = number // 10_000 % NODES
        self.state.remove(Kind.NODE, self.names[row])
        self.names[row] = f"node-{row}-{number}"
        self.state.put(Kind.NODE, Node(name=self.names[row]))

    def _measure(self, number: int) -> None:
        usage = np.random.default_rng(number).uniform(0.5, 20, NODES).tolist()
        self.engine.update(
            snapshot(self.names, watts=self.curves.watts, knots=DEFAULT_KNOTS, capacity=320.0, usage=usage)
        )


def _bound(pod: Pod, node: str | None) -> Pod:
    return msgspec.structs.replace(pod, node_name=node, phase="Running", started_at=time.time())
