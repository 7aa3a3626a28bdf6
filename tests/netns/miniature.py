"""A cluster of network namespaces: a client, a router, the node that the agent runs on, and three pods.

Pods hang on the node by point-to-point veths with host routes, as the ptp plug-in makes them. The node has a default
route: without one, packets that nobody translates die in routing before they reach the chains that reject them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.bed.program import Program, wait_for

NODE_IPS = ("192.0.2.1", "2001:db8::1")
CLIENT_IPS = ("192.0.2.2", "2001:db8::2")
PODS = (1, 2, 3)
ROOT = Path(__file__).parents[2]
LEAST_RIGHTS = "setpriv --no-new-privs --bounding-set=-all,+net_admin --inh-caps=-all".split()
OPTIONS = ("--node-name=node-1", "--cluster-cidr=10.1.0.0/16", "--cluster-cidr=fd01::/64")
# what kube-proxy's nftables mode has that matters to us: NAT hooks, and a drop of unallocated cluster IPs at -110
FOLLOWING = ("--weights-url=http://127.0.0.1:9900", "--weights-period=0.05", "--weights-stale=3")
KUBE_PROXY = """
table {ip} kube-proxy {{
  chain cluster-ips-check {{ {ip} daddr {services} drop; }}
  chain filter-forward {{ type filter hook forward priority -110; ct state new jump cluster-ips-check; }}
  chain services {{ {ip} daddr {unused} tcp dport 1 dnat to {pod}; }}
  chain nat-prerouting {{ type nat hook prerouting priority -100; jump services; }}
  chain nat-output {{ type nat hook output priority -100; jump services; }}
  chain nat-postrouting {{ type nat hook postrouting priority 100; }}
}}
"""


HTTP, DNS = {"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}


def balanced(number: int, **spec: Any) -> dict[str, Any]:
    """Return the fields of a Service of type LoadBalancer."""
    ingress = [{"ip": f"203.0.113.{number}"}, {"ip": f"2001:db8:5::{number}"}]
    ports = [HTTP | {"nodePort": 30000 + number}]
    return {"type": "LoadBalancer", "ports": ports, "status": {"loadBalancer": {"ingress": ingress}}} | spec


SERVICES: dict[str, tuple[int, list[int], dict[str, Any]]] = {
    "weighted": (10, [1, 2, 3], {}),
    "node-port": (11, [1, 2, 3], {"type": "NodePort", "ports": [HTTP | {"nodePort": 30011}]}),
    "sticky": (12, [1, 2, 3], {"sessionAffinity": "ClientIP"}),
    "alone": (13, [1], {}),
    "local": (14, [1, 2, 3], balanced(14, externalTrafficPolicy="Local", healthCheckNodePort=31014)),
    "elsewhere": (15, [2, 3], balanced(15, externalTrafficPolicy="Local", healthCheckNodePort=31015)),
    "inside": (16, [1, 2], {"internalTrafficPolicy": "Local"}),
    "outside": (17, [2, 3], {"internalTrafficPolicy": "Local"}),
    "empty": (18, [], {"type": "NodePort", "ports": [HTTP | {"nodePort": 30018}]}),
    "open": (19, [1, 2], balanced(19, loadBalancerSourceRanges=["192.0.2.0/24", "2001:db8::/64"])),
    "closed": (20, [1, 2], balanced(20, loadBalancerSourceRanges=["198.51.100.0/24", "2001:db8:9::/64"])),
    "names": (21, [1, 2], {"ports": [DNS]}),
}
"""Number, pods and fields of the Services that most tests use."""


def pod_ip(number: int, *, six: bool = False) -> str:
    return f"fd01::{number}" if six else f"10.1.0.{number}"


class Miniature:
    """The namespaces, their servers, and the manifests that the agent reads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.manifests = folder, folder / "manifests"
        self.manifests.mkdir(parents=True)
        self._prefix = f"wao{os.getpid()}"
        self._programs: list[Program] = []
        self._names: list[str] = []

    def namespace(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def enter(self, name: str) -> list[str]:
        """Return the beginning of a command that runs in a namespace."""
        return ["ip", "netns", "exec", self.namespace(name)]

    def start(self) -> None:
        for name in ("client", "router", "node", *(f"pod{number}" for number in PODS)):
            self._ip("netns", "add", self.namespace(name))
            self._names.append(name)
            self._in(name, "ip", "link", "set", "lo", "up")
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self._in("node", "sh", "-c", f"echo 1 > /proc/sys/net/{key}")
        self._link("client", CLIENT_IPS, NODE_IPS)
        self._link("router", ("198.18.0.1", "2001:db8:1::1"), ("198.18.0.2", "2001:db8:1::2"))
        for name, six in (("client", False), ("client", True)):
            self._route(name, "default", via=NODE_IPS[six])
        for via in ("198.18.0.1", "2001:db8:1::1"):
            self._route("node", "default", via=via)
        for number in PODS:
            self._add_pod(number)
        self.load_kube_proxy()
        self.register()
        for number in PODS:
            server = Program(
                f"pod{number}", self.command(f"pod{number}", "tests.netns.server", f"pod{number}"), self.folder
            )
            self._programs.append(server)
            server.start(lambda server=server: "ready" in server.tail())  # type: ignore[misc]

    def load_kube_proxy(self) -> None:
        """Load a replacement for kube-proxy's tables."""
        for ip, services, unused, pod in (
            ("ip", "10.96.0.0/16", "10.96.255.1", "10.1.0.1:1"),
            ("ip6", "fd00:96::/64", "fd00:96::ffff", "[fd01::1]:1"),
        ):
            reset = f"add table {ip} kube-proxy\ndelete table {ip} kube-proxy\n"
            self.nft(reset + KUBE_PROXY.format(ip=ip, services=services, unused=unused, pod=pod))

    def stop(self) -> None:
        for program in reversed(self._programs):
            program.stop()
        for name in self._names:
            subprocess.run(["ip", "netns", "del", self.namespace(name)], check=False, timeout=30)

    def command(self, name: str, module: str, *arguments: str) -> list[str]:
        """Return the command that runs one of our modules in a namespace."""
        return [*self.enter(name), sys.executable, "-m", module, *arguments]

    def connect(self, name: str, target: str, port: int, **options: Any) -> dict[str, Any]:
        """Return what `tests.netns.load` found from a namespace."""
        arguments = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        done = subprocess.run(self.command(name, "tests.netns.load", target, str(port), *arguments),
                              capture_output=True, text=True, timeout=90, check=False, cwd=ROOT)  # fmt: skip
        assert 0 == done.returncode, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @contextmanager
    def loading(self, name: str, target: str, port: int, *, count: int) -> Iterator[dict[str, Any]]:
        """Connect from a namespace during the block, and after it until `count` is reached; then fill in the result."""
        found: dict[str, Any] = {}
        command = self.command(name, "tests.netns.load", target, str(port), f"--count={count}", "--hold")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as load:
            try:
                yield found
                found |= json.loads(load.communicate(timeout=60)[0])
            finally:
                load.kill()

    @contextmanager
    def churning(self, name: str, addresses: Sequence[str]) -> Iterator[None]:
        """Write other weights into a map during the block, which begins when that was done a few hundred times."""
        command = self.command("node", "tests.netns.churn", name, *addresses)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as churn:
            try:
                assert churn.stdout is not None
                assert "enough\n" == churn.stdout.readline()
                yield
                churn.communicate(timeout=20)
                assert 0 == churn.returncode
            finally:
                churn.kill()

    def nft(self, transaction: str) -> None:
        subprocess.run([*self.enter("node"), "nft", "-f", "-"],
                       input=transaction, text=True, check=True, timeout=30)  # fmt: skip

    def listed(self, *what: str) -> str:
        """Return what `nft list` prints on the node, "" for what is not there."""
        done = subprocess.run([*self.enter("node"), "nft", "list", *what],
                              capture_output=True, text=True, check=False, timeout=30)  # fmt: skip
        return done.stdout

    def agent(self, *more: str, least_rights: bool = False) -> Program:
        """Start `wao lb-agent` on the node; `least_rights` leaves it no capability but NET_ADMIN."""
        rights = LEAST_RIGHTS if least_rights else ()
        arguments = [
            *self.enter("node"),
            *rights,
            *self.wao[4:],
            *OPTIONS,
            "--insecure-http",
            "--port=10356",
            "--least-sync=0.1",
            *more,
        ]
        self.running = Program("agent", arguments, self.folder)
        self.running.log.unlink(missing_ok=True)
        self._programs.append(self.running)
        return self.running.start(lambda: "listening on" in self.running.tail())

    def restart_agent(self) -> None:
        """Stop the agent and start it with the same arguments."""
        self.running.stop()
        self.agent(*FOLLOWING)

    def clean_up(self) -> None:
        subprocess.run([*self.wao, "--cleanup"], check=True, timeout=60)

    def get(self, path: str) -> str:
        """Return what the agent answers over HTTP."""
        code = (
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:10356{path}', timeout=3).read().decode())"
        )
        done = subprocess.run([*self.enter("node"), sys.executable, "-c", code],
                              capture_output=True, text=True, check=True, timeout=20)  # fmt: skip
        return done.stdout

    @property
    def wao(self) -> list[str]:
        """The command `wao lb-agent` on the node, with the manifests."""
        wao = str(Path(sys.executable).with_name("wao"))
        return [*self.enter("node"), wao, "lb-agent", "--manifests", str(self.manifests)]

    def weigh(self, weights: dict[str, dict[str, float]]) -> None:
        """Have the weight service answer these weights; it is started at the first call."""
        file = self.folder / "weights.json"
        started = file.exists()
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(weights))
        fresh.replace(file)
        if not started:
            command = self.command("node", "tests.netns.weight_service", str(file))
            self.weights = Program("weights", command, self.folder)
            self._programs.append(self.weights)
            self.weights.start(lambda: "ready" in self.weights.tail())

    def serve(self, name: str, pods: Sequence[int], *, number: int, **spec: Any) -> None:
        """Put a Service with these pods as endpoints into the manifests, at 10.96.0.NUMBER and fd00:96::NUMBER."""
        ports = spec.pop("ports", [{"name": "http", "port": 80}])
        addresses = [f"10.96.0.{number}", f"fd00:96::{number}"]
        status = spec.pop("status", {})
        service = {
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "default",
                         "labels": {"service.kubernetes.io/service-proxy-name": "wao-loadbalancer"}},
            "spec": {"clusterIP": addresses[0], "clusterIPs": addresses, "ports": ports} | spec,
            "status": status,
        }  # fmt: skip
        self._write(name, service, *(self._slice(name, pods, ports, six=six) for six in (False, True)))

    def register(self) -> None:
        """Put the Node object into the manifests; `withdraw("node")` deletes it."""
        addresses = [{"type": "InternalIP", "address": ip} for ip in NODE_IPS]
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": {"addresses": addresses}}
        self._write("node", node)

    def withdraw(self, name: str) -> None:
        (self.manifests / f"{name}.yaml").unlink()

    def map(self, name: str, *, of: str, six: bool = False) -> str:
        """Return the content of the map of a Service whose name begins so, as nft lists it; "" for none."""
        table = self.listed("table", "ip6" if six else "ip", "wao-loadbalancer")
        found = re.search(rf"map {name}[A-Z0-9]{{8}}-{of}/\S* {{(.*?)\n\t}}", table, re.DOTALL)
        return found.group(1) if found else ""

    def settled(self, *there: str, absent: Sequence[str] = (), seconds: float = 20.0) -> None:
        """Wait until both tables hold these words and not those."""

        def look() -> bool:
            tables = self.listed("table", "ip", "wao-loadbalancer") + self.listed("table", "ip6", "wao-loadbalancer")
            return all(word in tables for word in there) and not any(word in tables for word in absent)

        wait_for(look, f"rules with {there} without {absent}", seconds=seconds)

    def _slice(self, name: str, pods: Sequence[int], ports: Sequence[Any], *, six: bool) -> dict[str, Any]:
        return {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-{6 if six else 4}", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv6" if six else "IPv4",
            "endpoints": [{"addresses": [pod_ip(pod, six=six)], "nodeName": f"node-{pod}",
                           "conditions": {"ready": True}} for pod in pods],
            "ports": [{"name": port["name"], "port": 8080, "protocol": port.get("protocol", "TCP")} for port in ports],
        }  # fmt: skip

    def _write(self, name: str, *documents: dict[str, Any]) -> None:
        path = self.manifests / f"{name}.yaml"
        fresh = path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump_all(documents))
        fresh.replace(path)

    def _add_pod(self, number: int) -> None:
        name = f"pod{number}"
        self._veth(name)
        for command in (
            f"addr add {pod_ip(number)}/32 dev eth0",
            f"addr add {pod_ip(number, six=True)}/128 dev eth0 nodad",
            "link set eth0 up",
            "route add 169.254.1.1 dev eth0 scope link",
            "route add default via 169.254.1.1 dev eth0",
            "-6 route add default via fe80::1 dev eth0",
        ):
            self._in(name, "ip", *command.split())
        for command in (
            f"addr add 169.254.1.1/32 dev {name}",
            f"addr add fe80::1/64 dev {name} nodad",
            f"link set {name} up",
            f"route add {pod_ip(number)}/32 dev {name}",
            f"-6 route add {pod_ip(number, six=True)}/128 dev {name}",
        ):
            self._in("node", "ip", *command.split())

    def _link(self, name: str, theirs: Sequence[str], ours: Sequence[str]) -> None:
        self._veth(name)
        for where, device, addresses in ((name, "eth0", theirs), ("node", name, ours)):
            self._in(where, "ip", "addr", "add", f"{addresses[0]}/24", "dev", device)
            self._in(where, "ip", "addr", "add", f"{addresses[1]}/64", "dev", device, "nodad")
            self._in(where, "ip", "link", "set", device, "up")

    def _veth(self, name: str) -> None:
        """Join a namespace and the node: eth0 there, the namespace's name here."""
        self._ip("link", "add", name, "netns", self.namespace("node"), "type", "veth",
                 "peer", "name", "eth0", "netns", self.namespace(name))  # fmt: skip

    def _route(self, name: str, target: str, *, via: str) -> None:
        self._in(name, "ip", "-6" if ":" in via else "-4", "route", "add", target, "via", via)

    def _in(self, name: str, *command: str) -> None:
        subprocess.run([*self.enter(name), *command], check=True, timeout=30)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, timeout=30)
