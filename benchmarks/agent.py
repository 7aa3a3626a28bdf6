"""The node agent in the kernel: one Service's weights, a whole load, connections through its rules, and at rest."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import cpu_seconds
from tests.netns.conftest import why_not
from tests.netns.miniature import FOLLOWING, OPTIONS, ROOT, SERVICES, Miniature, pod_ip
from wao_core.records import Endpoint, EndpointPort, EndpointSlice, Kind, Service, ServicePort
from wao_core.state import ClusterState
from wao_lb.agent.family import IPV4
from wao_lb.agent.kernel import LinuxKernel
from wao_lb.agent.model import Weights
from wao_lb.agent.script import delete_tables
from wao_lb.agent.sync import Pace, Syncer
from wao_lb.agent.view import KINDS, NodeSettings, NodeView
from wao_lb.settings import PROXY_LABEL, PROXY_NAME

COUNT, ENDPOINTS = 1000, 5
ROUNDS, CONNECTIONS = 10, 2000
AT_REST = 20.0  # seconds
PLAIN = """
table ip plain {{
  chain one {{ meta l4proto tcp dnat to {pods[0]}:8080; }}
  chain two {{ meta l4proto tcp dnat to {pods[1]}:8080; }}
  chain three {{ meta l4proto tcp dnat to {pods[2]}:8080; }}
  chain in {{
    type nat hook prerouting priority -100;
    ip daddr {vip} tcp dport 80 meta mark set meta mark | 0x4000 numgen random mod 3 vmap {{
      0 : goto one, 1 : goto two, 2 : goto three }}
  }}
  chain out {{
    type nat hook postrouting priority 100;
    meta mark & 0x4000 == 0 return
    meta mark set meta mark ^ 0x4000
    meta l4proto tcp masquerade fully-random
  }}
}}
"""


def main() -> None:
    """Print the figures, or why there are none."""
    if why := why_not():
        print(f"left out: {why}")
        return
    # the rules of 1,000 Services go into a network namespace of their own
    subprocess.run(["unshare", "--net", sys.executable, "-m", "benchmarks.agent"], check=True, cwd=ROOT)
    with miniature() as node:
        _connections(node)
        _at_rest(node)


@contextmanager
def miniature() -> Iterator[Miniature]:
    with tempfile.TemporaryDirectory() as folder:
        made = Miniature(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


async def _rules() -> None:
    """Time the syncer as the agent runs it: from the cluster's state to the kernel's answer."""
    state, weights = _state(), _weights()
    kernel = LinuxKernel()
    view = NodeView(state, NodeSettings(node_name="n0", proxy_name=PROXY_NAME, cluster_cidrs=("10.0.0.0/8",)), _nothing)
    times: dict[str, list[float]] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        times.setdefault(what, []).append(1e3 * (time.perf_counter() - begin))

    for _ in range(3):
        await kernel.apply(delete_tables([IPV4]))
        syncer = Syncer(view, kernel, lambda: weights, families=[IPV4], pace=Pace(tolerance=0.0))
        with timed("whole load, no table yet"):
            await syncer.sync()
        with timed("whole load over the same rules"):
            await syncer.sync()
    for number, share in zip(range(100), itertools.cycle((1.0, 2.0)), strict=False):
        weights = dict(weights) | {_key(number): dict(weights[_key(number)]) | {_endpoint(number, 0): 50.0 + share}}
        with timed("weights of one Service"):
            await syncer.reweigh()
    for number in range(10):
        weights = {key: {end: value + 1.0 + number for end, value in of.items()} for key, of in weights.items()}
        weights = {key: dict(of) | {next(iter(of)): 200.0 + 90.0 * (number % 2)} for key, of in weights.items()}
        with timed("weights of all Services"):
            await syncer.reweigh()
    for number in range(20):
        state.put(Kind.ENDPOINT_SLICE, _slice(number, ENDPOINTS - 1))
        with timed("one endpoint goes"):
            await syncer.sync(full=False)
    with timed("look whether others changed the table"):
        await kernel.held(IPV4)
    print(f"{COUNT:,} Services x {ENDPOINTS} endpoints, from the cluster's state to the kernel's answer")
    for what, found in times.items():
        print(f"  {what:38} p50 {statistics.median(found):9.1f} ms, best {min(found):9.1f}, worst {max(found):9.1f}")


def _connections(node: Miniature) -> None:
    """Print the rate of new connections through both rulesets, in rounds that take turns."""
    for name, (number, pods, spec) in SERVICES.items():
        node.serve(name, pods, number=number, **spec)
    ours = subprocess.run([*node.wao, *OPTIONS, "--print"], capture_output=True, text=True, check=True).stdout
    plain = PLAIN.format(vip="10.96.0.10", pods=[pod_ip(number) for number in (1, 2, 3)])
    undo = {"ours": delete_tables([IPV4]) + "delete table ip6 wao-loadbalancer\n", "plain": "delete table ip plain\n"}
    rates: dict[str, list[float]] = {"ours": [], "plain": []}
    for turn in range(ROUNDS):
        for name in ("ours", "plain") if turn % 2 else ("plain", "ours"):
            node.nft(ours if name == "ours" else plain)
            found = node.connect("client", "10.96.0.10", 80, count=CONNECTIONS)
            assert found["pods"].keys() == {"pod1", "pod2", "pod3"}, found
            rates[name].append(CONNECTIONS / found["seconds"])
            node.nft(undo[name])
    print(f"new connections per second, {ROUNDS} rounds of {CONNECTIONS:,} that take turns")
    for name, title in (("ours", "the agent's rules"), ("plain", "plain numgen random rules")):
        print(f"  {title:38} median {statistics.median(rates[name]):9,.0f}, best {max(rates[name]):9,.0f}")
    pairs = [mine / other for mine, other in zip(rates["ours"], rates["plain"], strict=True)]
    print(f"  {'ratio, by round':38} median {100 * statistics.median(pairs):9.1f} %, "
          f"of the best {100 * max(rates['ours']) / max(rates['plain']):.1f} %")  # fmt: skip


def _at_rest(node: Miniature) -> None:
    """Print what the whole program uses while nothing changes."""
    for number in range(COUNT):
        node.serve(f"s{number}", [1, 2, 3], number=1000 + number, cluster_ip=_cluster_ip(number))
    node.weigh({})
    node.agent(*FOLLOWING)
    node.settled(f"default/s{COUNT - 1}/")
    _until_quiet(node.running.pid)
    before = cpu_seconds(node.running.pid)
    time.sleep(AT_REST)
    used = cpu_seconds(node.running.pid) - before
    print(f"CPU of `wao lb-agent` at rest, {COUNT:,} Services from manifests: {100 * used / AT_REST:.1f} % of a core")


def _until_quiet(pid: int) -> None:
    """Wait until the first load is over."""
    for _ in range(60):
        before = cpu_seconds(pid)
        time.sleep(1.0)
        if cpu_seconds(pid) - before < 0.1:
            return


def _nothing() -> None:
    """Nobody waits for changes here."""


def _cluster_ip(number: int) -> str:
    return f"10.97.{number // 250}.{number % 250 + 1}"


def _endpoint(number: int, item: int) -> tuple[str, int]:
    return f"10.{1 + item}.{number // 250}.{number % 250 + 1}", 8080


def _key(number: int) -> tuple[str, int, str]:
    return f"default/s{number}", 80, "TCP"


def _weights() -> Weights:
    return {_key(n): {_endpoint(n, item): 10.0 + item for item in range(ENDPOINTS)} for n in range(COUNT)}


def _slice(number: int, count: int) -> EndpointSlice:
    endpoints = tuple(Endpoint(addresses=(_endpoint(number, i)[0],), node_name=f"n{i}") for i in range(count))
    ports = (EndpointPort(name="http", port=8080),)
    return EndpointSlice(
        name=f"s{number}-1", namespace="default", service=f"s{number}", endpoints=endpoints, ports=ports
    )


def _state() -> ClusterState:
    state = ClusterState()
    port = ServicePort(port=80, name="http")
    for number in range(COUNT):
        fields = {"name": f"s{number}", "namespace": "default", "labels": {PROXY_LABEL: PROXY_NAME}}
        state.put(Kind.SERVICE, Service(**fields, cluster_ips=(_cluster_ip(number),), ports=(port,)))  # type: ignore[arg-type]
        state.put(Kind.ENDPOINT_SLICE, _slice(number, ENDPOINTS))
    for kind in KINDS:
        state.confirm(kind)
    return state


if __name__ == "__main__":
    asyncio.run(_rules())
