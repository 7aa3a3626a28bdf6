"""The real Envoy and the real HAProxy follow the weights, and keep the last ones while the weight service is gone."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.interop.balancing import (
    ADDRESSES,
    BUSY,
    CLUSTER,
    QUIC_PORT,
    QUIET,
    SIX,
    WeightService,
    backends,
    chance,
    split,
    until,
)
from tests.interop.conftest import ROOT, free_port, process, python_of

pytestmark = pytest.mark.interop
OTHER_FAMILY, OTHER_PROTOCOL = f"{CLUSTER}:IPv6", "default/web:80/UDP"


@dataclass(frozen=True)
class Proxy:
    """A running load balancer: where it answers, the weights it uses, how often it asked in vain, and its admin URL."""

    url: str
    weights: Callable[[], dict[str, float]]
    failures: Callable[[], int]
    admin: str = ""


@contextmanager
def envoy(service: WeightService, folder: Path) -> Iterator[Proxy]:
    """Run Envoy with the endpoints of one cluster from the weight service."""
    program = Path(python_of("envoy")).with_name("envoy")
    admin, port = free_port(), free_port()
    (folder / "envoy.json").write_text(json.dumps(_envoy_config(service.port, admin, port)))
    arguments = [str(program), "-c", "envoy.json", "--concurrency", "1", "-l", "warn", "--disable-hot-restart"]
    base = f"http://127.0.0.1:{admin}"

    def weights() -> dict[str, float]:
        return {address: weight for (address, _), weight in envoy_hosts(base, CLUSTER).items()}

    def failures() -> int:
        text = httpx2.get(f"{base}/stats?filter=update_failure", timeout=5.0).text
        return sum(int(line.rpartition(" ")[2]) for line in text.splitlines())

    with process(arguments, folder, f"{base}/ready", {}):
        yield Proxy(f"http://127.0.0.1:{port}/", weights, failures, base)


def envoy_hosts(admin: str, cluster: str) -> dict[tuple[str, int], float]:
    """Return the weight of each address and port that Envoy has for a cluster."""
    found = httpx2.get(f"{admin}/clusters?format=json", timeout=5.0).json()["cluster_statuses"]
    hosts = next(item for item in found if item["name"] == cluster).get("host_statuses", [])
    sockets = [(host["address"]["socket_address"], float(host["weight"])) for host in hosts]
    return {(socket_["address"], socket_["port_value"]): weight for socket_, weight in sockets}


def _envoy_config(lb: int, admin: int, port: int) -> dict[str, Any]:
    def address(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    source = {"api_type": "REST", "transport_api_version": "V3", "cluster_names": ["wao"], "refresh_delay": "0.2s"}
    route = {
        "virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": CLUSTER}}]}
        ]
    }
    filters = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "route_config": route,
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{filters}.http.router.v3.Router"}}],
    }
    listener = {"address": address(port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}
    static = {"cluster_name": "wao", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(lb)}}]}]}
    config = {"eds_config": {"api_config_source": source}}
    discovered = {"type": "EDS", "connect_timeout": "1s", "eds_cluster_config": config}
    clusters = [
        {"name": "wao", "type": "STATIC", "connect_timeout": "1s", "load_assignment": static},
        *({"name": name, **discovered} for name in (CLUSTER, OTHER_FAMILY, OTHER_PROTOCOL)),
    ]
    return {
        "node": {"id": "edge-1", "cluster": "edge"},
        "admin": {"address": address(admin)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


@contextmanager
def haproxy(service: WeightService, folder: Path) -> Iterator[Proxy]:
    """Run HAProxy with an agent check for each server."""
    unpacked = ROOT / ".cache" / "haproxy" / "usr"
    program = shutil.which(unpacked / "sbin" / "haproxy") or shutil.which("haproxy")
    if program is None:
        pytest.skip("haproxy is not there: make test-interop")
    port, control = free_port(), free_port()
    (folder / "haproxy.cfg").write_text(_haproxy_config(service, port, control))
    libraries = ":".join(str(path) for path in (unpacked / "lib").glob("*-linux-gnu"))

    def ask(command: str) -> str:
        with socket.create_connection(("127.0.0.1", control)) as connection:
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def weights() -> dict[str, float]:
        return {address: float(ask(f"get weight web/{address}").split()[0]) for address in ADDRESSES}

    def failures() -> int:
        lines = ask("show stat -1 4 -1").splitlines()
        column = lines[0].split(",").index("agent_status")
        return sum(line.split(",")[column] not in ("L7OK", "* L7OK") for line in lines[1:] if line)

    path = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}".strip(":")
    with process(
        [program, "-f", "haproxy.cfg", "-db"], folder, f"http://127.0.0.1:{port}/haproxy", {"LD_LIBRARY_PATH": path}
    ):
        yield Proxy(f"http://127.0.0.1:{port}/", weights, failures)


def _haproxy_config(service: WeightService, port: int, control: int) -> str:
    agent = f"agent-check agent-addr 127.0.0.1 agent-port {service.agent_port} agent-inter 200ms"
    servers = "\n".join(
        f"  server {address} {address}:{service.backend_port} weight 100 check {agent} "
        f'agent-send "{CLUSTER} {address}:{service.backend_port}{end}"'
        for address, end in zip(ADDRESSES, ("\\n", "", "\\n"), strict=True)  # many leave the newline out
    )
    return f"""
global
  stats socket ipv4@127.0.0.1:{control} level admin
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
listen web
  bind 127.0.0.1:{port}
  monitor-uri /haproxy
  balance roundrobin
{servers}
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WeightService]:
    with backends() as port:
        made = WeightService(tmp_path, port)
        made.start()
        yield made
        made.close()


def follows(proxy: Proxy, weights: dict[str, float]) -> bool:
    """Return whether the proxy's weights are in the proportions of these, to a percent of the largest."""
    found = proxy.weights()
    if found.keys() != weights.keys():
        return False
    best, most = max(weights.values()), max(found.values(), default=0.0)
    return most > 0 and all(abs(found.get(key, 0.0) / most - value / best) < 0.011 for key, value in weights.items())


def settled(url: str) -> Counter[str]:
    """Return how requests are split once the round that began under other weights is over (300 requests in HAProxy)."""
    split(url, 300)
    return split(url)


@pytest.mark.parametrize("proxy_of", [envoy, haproxy], ids=["envoy", "haproxy"])
def test_a_proxy_follows_the_weights_and_keeps_the_last(
    proxy_of: Callable[[WeightService, Path], Any], service: WeightService, tmp_path: Path
) -> None:
    folder = tmp_path / "proxy"
    folder.mkdir()
    with proxy_of(service, folder) as proxy:
        first = service.weights()
        assert max(first.values()) > 1.3 * min(first.values())
        until(lambda: follows(proxy, first), f"the first weights {first} are not used: {proxy.weights()}")
        assert chance(settled(proxy.url), proxy.weights()) > 1e-3

        service.load(BUSY)
        until(lambda: service.weights() != first, "the weights stay although the nodes' load changed")
        second = service.weights()
        until(lambda: follows(proxy, second), f"the new weights {second} are not used: {proxy.weights()}")
        found = settled(proxy.url)
        assert chance(found, proxy.weights()) > 1e-3
        assert chance(found, first) < 1e-3

        before = proxy.failures()
        service.kill()
        until(lambda: proxy.failures() > before, "the proxy did not notice that the weight service is gone")
        assert follows(proxy, second)
        assert chance(settled(proxy.url), second) > 1e-3

        service.load(QUIET)
        service.start()
        until(lambda: follows(proxy, first), f"after its return the weights {first} are not used: {proxy.weights()}")
        assert chance(settled(proxy.url), proxy.weights()) > 1e-3


def test_envoy_has_the_endpoints_of_one_family_and_protocol_in_a_cluster(
    service: WeightService, tmp_path: Path
) -> None:
    folder = tmp_path / "envoy"
    folder.mkdir()
    expected = {
        CLUSTER: {(address, service.backend_port) for address in ADDRESSES},
        OTHER_FAMILY: {(address, service.backend_port) for address in SIX},
        OTHER_PROTOCOL: {(address, QUIC_PORT) for address in ADDRESSES},
    }
    with envoy(service, folder) as proxy:

        def found() -> dict[str, set[tuple[str, int]]]:
            return {name: set(envoy_hosts(proxy.admin, name)) for name in expected}

        until(lambda: found() == expected, f"{expected} expected, Envoy has {found()}")
