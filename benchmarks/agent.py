"""The node agent in the kernel: one Service's weights, a whole load, connections through its rules, and at rest."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.processes import cpu_seconds
from tests.netns.conftest import why_not
from tests.netns.miniature import OPTIONS, ROOT, SERVICES, Miniature, pod_ip
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Kind, Service, ServicePort
from wao_core.cluster.state import ClusterState
from wao_lb.agent.family import IPV4
from wao_lb.agent.linux import nf_tables
from wao_lb.agent.linux.kernel import LinuxKernel
from wao_lb.agent.linux.netlink import NetlinkSocket
from wao_lb.agent.model import Weights
from wao_lb.agent.names import TABLE
from wao_lb.agent.sync import Syncer, SyncIntervals
from wao_lb.agent.transaction import delete_tables
from wao_lb.agent.view import KINDS, NodeSettings, NodeView
from wao_lb.settings import PROXY_LABEL, PROXY_NAME

COUNT, ENDPOINTS = 1000, 5
ROUNDS, CONNECTIONS = 60, 300
AT_REST = 20.0  # seconds
QUIET = 12  # seconds in a row: ten after its first load the agent reads the whole table once
BARE = """
table ip bare {{
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
    view = NodeView(state, NodeSettings(node_name="n0", proxy_name=PROXY_NAME, cluster_cidrs=("10.0.0.0/8",)))
    times: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        begin, used = time.perf_counter(), _cpu()
        yield
        times.setdefault(what, []).append(1e3 * (time.perf_counter() - begin))
        cpu.setdefault(what, []).append(1e3 * (_cpu() - used))

    for _ in range(3):
        await kernel.apply(delete_tables([IPV4]))
        syncer = Syncer(view, kernel, lambda: weights, families=[IPV4], intervals=SyncIntervals(tolerance=0.0))
        with timed("whole load, no table yet"):
            await syncer.sync()
        with timed("whole load over the same rules"):
            await syncer.sync()
    netlink = NetlinkSocket()
    for number, share in zip(range(100), itertools.cycle((1.0, 2.0)), strict=False):
        weights = dict(weights) | {_key(number): dict(weights[_key(number)]) | {_endpoint(number, 0): 50.0 + share}}
        with timed("weights of one Service"):
            await syncer.reweigh()
        alone = nf_tables.replace_content(IPV4, *next(iter(syncer.tables[IPV4].weight_maps.items())))
        with timed("  the kernel's commit of that alone"):
            netlink.commit(nf_tables.SUBSYSTEM, alone)
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
        await kernel.table_contents(IPV4)
    netlink.close()
    kernel.close()
    print(f"{COUNT:,} Services x {ENDPOINTS} endpoints, from the cluster's state to the kernel's answer")
    for what, found in times.items():
        wall = f"p50 {statistics.median(found):7.1f} ms, best {min(found):7.1f}"
        print(f"  {what:38} {wall}; CPU p50 {statistics.median(cpu[what]):7.1f} ms")


def _connections(node: Miniature) -> None:
    """Print the time of a new connection through three rulesets, in rounds that take turns."""
    for name, (number, pods, spec) in SERVICES.items():
        node.serve(name, pods, number=number, **spec)
    printed = subprocess.run([*node.wao, *OPTIONS, "--print"], capture_output=True, text=True, check=True).stdout
    ours = "".join(f"{line}\n" for line in printed.splitlines() if f" {IPV4.nft} {TABLE} " in f"{line} ")
    bare = BARE.format(vip="10.96.0.10", pods=[pod_ip(number) for number in (1, 2, 3)])
    rulesets = {
        "the agent's rules": (ours, delete_tables([IPV4])),
        "the same with plain numgen random rules": (_plain(ours), delete_tables([IPV4])),
        "split and masquerading alone, bare": (bare, "delete table ip bare\n"),
    }
    times: dict[str, list[float]] = {title: [] for title in rulesets}
    for turn in range(ROUNDS):
        titles = list(rulesets)
        for title in titles[turn % 3 :] + titles[: turn % 3]:
            load, undo = rulesets[title]
            node.nft(load)
            found = node.connect("client", "10.96.0.10", 80, count=CONNECTIONS)
            assert found["pods"].keys() == {"pod1", "pod2", "pod3"}, found
            times[title].append(found["median"])
            node.nft(undo)
    first = times["the agent's rules"]
    print(f"new connections one after another, {ROUNDS} rounds of {CONNECTIONS} that take turns")
    for title, found_times in times.items():
        share = statistics.median(other / mine for mine, other in zip(first, found_times, strict=True))
        print(
            f"  {title:40} {1.0 / statistics.median(found_times):8,.0f} a second; the agent reaches {100 * share:.1f} %"
        )


def _plain(ours: str) -> str:
    """Return the same rules as kube-proxy writes them: the split in the rule, even, and a chain for each endpoint.

    There a pod that reaches itself is found in its own chain, so nothing is looked up for that after routing.
    """
    at = f"{IPV4.nft} {TABLE}"
    endpoints: dict[str, list[str]] = {}
    for name, text in re.findall(r"add element \S+ \S+ ((?:split|weights)-\S+) { (.*) }", ours):
        endpoints[name] = re.findall(r" : (.*?)(?:,|$)", text)
    chains: dict[str, None] = {}

    def chain(line: str, address: str, port: str) -> str:
        protocol = re.findall(r"l4proto (\S+)", line)[0]
        name = f"endpoint-{address}-{port}-{protocol}"
        chains[f"add chain {at} {name}"] = None
        chains[f"add rule {at} {name} ip saddr {address} jump mark-for-masquerade"] = None
        chains[f"add rule {at} {name} meta l4proto {protocol} dnat to {address}:{port}"] = None
        return f"goto {name}"

    def plain(line: str) -> str:
        if found := re.search(r"meta l4proto \S+ dnat .*@(\S+)", line):
            verdicts = [chain(line, *item.split(" . ")) for item in endpoints[found[1]]]
        elif found := re.search(r"numgen .* vmap @(\S+)", line):
            verdicts = endpoints[found[1]]
        elif found := re.search(r" (?:service|local)-\S+ (meta l4proto \S+ dnat to (\S+):(\d+))", line):
            return line.replace(found[1], chain(line, found[2], found[3]))
        else:
            return line
        elements = ", ".join(f"{number} : {verdict}" for number, verdict in enumerate(verdicts))
        return line.replace(found[0], f"numgen random mod {len(verdicts)} vmap {{ {elements} }}")

    unwanted = re.compile(rf"add (map|element|set) {at} (split-|weights-|hairpin-)|.*@hairpin-")
    rules = [plain(line) for line in ours.splitlines() if not unwanted.match(line)]
    begin = next(number for number, line in enumerate(rules) if line.startswith("add rule "))
    return "".join(f"{line}\n" for line in (*rules[:begin], *chains, *rules[begin:]))


def _at_rest(node: Miniature) -> None:
    """Print what the whole program uses while nothing changes."""
    for path in node.manifests.glob("*.yaml"):
        path.unlink()
    node.serve("s", [1, 2, 3], number=2000)
    documents = list(yaml.safe_load_all((node.manifests / "s.yaml").read_text()))
    with (node.manifests / "many.yaml").open("w") as file:
        for number in range(COUNT):
            service, *slices = json.loads(json.dumps(documents))
            service["metadata"]["name"] = f"s{number}"
            service["spec"] |= {"clusterIP": _cluster_ip(number), "clusterIPs": [_cluster_ip(number)]}
            for part in slices:
                part["metadata"]["name"] += f"-{number}"
                part["metadata"]["labels"] = {"kubernetes.io/service-name": f"s{number}"}
            file.write("".join(f"---\n{json.dumps(document)}\n" for document in (service, *slices)))
    node.weigh({})
    node.agent("--weights-url=http://127.0.0.1:9900")
    node.settled(f"default/s{COUNT - 1}/", seconds=60.0)
    _until_quiet(node.running.pid)
    before = cpu_seconds(node.running.pid)
    time.sleep(AT_REST)
    used = cpu_seconds(node.running.pid) - before
    print(f"CPU of `wao lb-agent` at rest, {COUNT:,} Services x 3 endpoints: {100 * used / AT_REST:.1f} % of a core")


def _until_quiet(pid: int) -> None:
    """Wait until the first load is over, and the first look at the table."""
    quiet = 0
    for _ in range(60):
        before = cpu_seconds(pid)
        time.sleep(1.0)
        quiet = quiet + 1 if cpu_seconds(pid) - before < 0.1 else 0
        if quiet == QUIET:
            return


def _cpu() -> float:
    """Return the CPU time of this process and of the nft that it ran, the kernel's share included [s]."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


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
