"""A cluster to play with: real control plane, kwok nodes of the four server types, and all of our parts.

`make dev` runs it until Ctrl-C. Nodes and pods are simulated by kwok; everything that decides is real. The agent of the
first node writes its rules into a network namespace of its own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.deployment import Container, Deployment
from tests.cluster.bed.program import BedError, free_port
from tests.cluster.build import BuildError, build
from tests.cluster.dev_standby import StandbyParts
from tests.cluster.lb.site import NodeNamespace
from tests.cluster.scheduler.fleets import CORES, Group
from tests.cluster.scheduler.site import Site
from tests.cluster.standby.machines import LABEL
from tests.netns.conftest import why_not
from wao_predict.models import list_models

T = TypeVar("T")
SHOP = Path("tests/cluster/shop.yaml")
RAW = "/apis/custom.metrics.k8s.io/v1beta2/nodes/*/inlet_temp"


def main() -> int:
    """Start everything, tell how to use it, and end it at Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--nodes", type=int, default=12, help="nodes, of the four types in turn (default: 12)")
    nodes = parser.parse_args().nodes
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with tempfile.TemporaryDirectory(prefix="wao-dev-") as folder:
            run(build(), Path(folder), nodes, ended)
    except (BedError, BuildError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run(programs: Path, folder: Path, nodes: int, ended: threading.Event) -> None:
    """Run the cluster until `ended` is set."""
    bed = ControlPlane(programs, folder)
    site = node = standby = None
    try:
        step("etcd, API server, controller manager, kwok, metrics-server", lambda: bed.start_all(without=LABEL))
        site = Site(bed, bed.start_metrics_server())
        step("controller, metrics API, extender, kube-scheduler", site.start)
        counts = {
            kind: nodes // 4 + (index < nodes % 4) for index, kind in enumerate(info.name for info in list_models())
        }
        group = Group("dev", counts, load=(0.1, 30.0))
        step(f"{nodes} nodes of {CORES} cores with measured load", lambda: site.add(group))
        weights = step("weight service", lambda: start_weights(site.deployment))
        if why := why_not():
            tell(f"no agent writes rules, for that needs a network namespace: {why}\n")
        else:
            node = NodeNamespace(bed, weights.port)
            step("agent of the first node", lambda: start_agent(site.deployment, node, group.names[0]))
        standby = StandbyParts(bed, site.deployment)
        step("standby, and servers that it can switch", standby.start)
        tell(usage(bed, site) + standby.usage() + balancing(weights, node, group.names[0]) + "\n")
        ended.wait()
        tell("\nstopping\n")
    finally:
        if site is not None:
            site.close()
        if standby is not None:
            standby.stop()
        if node is not None:
            node.stop()
        bed.stop()


def start_weights(deployment: Deployment) -> Container:
    """Start the weight service, without HAProxy's agent checks, whose port may be taken here."""
    return deployment.start("wao-lb", f"--port={free_port()}", without=("--agent-check-port",))


def start_agent(deployment: Deployment, node: NodeNamespace, name: str) -> Container:
    """Start a node's agent in a namespace that is made for it."""
    node.start()
    variables = {"NODE_NAME": name, "NODE_IP": "127.0.0.1"}
    return deployment.start("wao-lb-agent", within=node.within, variables=variables)


def step(what: str, work: Callable[[], T]) -> T:
    """Do a step and tell how long it took."""
    tell(f"starting {what} ... ")
    began = time.monotonic()
    result = work()
    tell(f"{time.monotonic() - began:.0f} s\n")
    return result


def tell(text: str) -> None:
    """Write for the person who waits."""
    sys.stdout.write(text)
    sys.stdout.flush()


def usage(bed: ControlPlane, site: Site) -> str:
    """Return what a person can try."""
    pod = "kubectl run hello --image=none --overrides='" + (
        '{"spec":{"schedulerName":"wao-scheduler","containers":[{"name":"c","image":"none",'
        '"resources":{"requests":{"cpu":"2"}}}]}}\''
    )
    return f"""
export KUBECONFIG={bed.kubeconfig}

kubectl get nodeconfigs -n wao-system
kubectl get --raw '{RAW}'
kubectl top nodes
{pod}
kubectl get pod hello -o wide
.venv/bin/wao explain default/hello --url {site.extender.url} --insecure
kubectl get events --field-selector involvedObject.name=hello
"""


def balancing(weights: Container, node: NodeNamespace | None, name: str) -> str:
    """Return how a person can follow a Service's weights into the kernel."""
    if node is None:
        rules = f".venv/bin/wao lb-agent --kubeconfig $KUBECONFIG --node-name {name} --print    # with equal weights"
    else:
        rules = f"{' '.join(node.within)} nft list table ip wao-loadbalancer"
    return f"""
kubectl apply -f {SHOP}
curl -ks {weights.url}/v1/weights/default/shop    # laid out once the pods are measured
{rules}
kubectl label service shop service.kubernetes.io/service-proxy-name-    # both let go of it

Logs are in {weights.log.parent}. Ctrl-C ends it all and removes them."""


if __name__ == "__main__":
    sys.exit(main())
