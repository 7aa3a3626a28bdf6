"""Checks `proxies` and `nodes`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.healthy_cluster import (
    SETTINGS,
    config_map,
    found_by,
    healthy,
    kinds_of,
    node,
    outcome_of,
    service,
    workload,
)
from wao_doctor import wire
from wao_doctor.facts import Listed
from wao_doctor.findings import Severity
from wao_doctor.settings import CILIUM, KUBE_PROXY


def daemon_set(name: str, image: str = "registry.example/x:1", *args: str, ready: int = 2) -> wire.Workload:
    pod = {"spec": {"containers": [{"name": "c", "image": image, "args": list(args)}]}}
    raw = {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": pod},
        "status": {"numberReady": ready, "desiredNumberScheduled": 2},
    }
    return msgspec.convert(raw, wire.Workload)


def agent(*more: str, ready: int = 2) -> wire.Workload:
    return daemon_set("wao-lb-agent", "wao:0.1.0", "lb-agent", *more, ready=ready)


def test_services_with_our_label_are_counted() -> None:
    assert outcome_of("proxies", healthy()).summary == "1 Service with the label wao-loadbalancer"


@pytest.mark.parametrize("sets", [(), (agent(ready=0),)], ids=["no agent", "no ready Pod"])
def test_labelled_services_without_an_agent_are_an_error(sets: tuple[wire.Workload, ...]) -> None:
    (found,) = found_by("proxies", daemon_sets=Listed(sets))
    assert (found.kind, found.subject) == ("service-without-proxy", "default/web")
    assert kinds_of("proxies", daemon_sets=Listed(sets), services=Listed()) == []


@pytest.mark.parametrize(
    "rival",
    [
        daemon_set("wao-loadbalancer", "ghcr.io/waok8s/wao-loadbalancer:v1.30"),
        daemon_set("balancer", "ghcr.io/waok8s/wao-loadbalancer:v1.30"),
        daemon_set("other", "other:1", "--service-proxy-name=wao-loadbalancer"),
    ],
    ids=["name", "image", "flag"],
)
def test_another_proxy_with_our_label_is_an_error(rival: wire.Workload) -> None:
    (found,) = found_by("proxies", daemon_sets=Listed((agent(), rival, daemon_set("kube-proxy"))))
    assert (found.kind, found.subject) == ("rival-proxy", f"DaemonSet kube-system/{rival.name}")


def test_the_label_of_another_proxy_is_a_note() -> None:
    (found,) = found_by("proxies", services=Listed((service("web"), service("db", "wao-loadbalncer"))))
    assert (found.kind, found.severity, found.evidence) == ("other-proxy-name", Severity.INFO, "wao-loadbalncer (1)")


def test_the_agent_may_have_another_proxy_name() -> None:
    facts = healthy(daemon_sets=Listed((agent("--proxy-name=mine"),)), services=Listed((service("web", "mine"),)))
    assert outcome_of("proxies", facts).summary == "1 Service with the label mine"


def nodes(**changes: Any) -> Listed[wire.Node]:
    return Listed((node("n1"), node("n2", **changes)))


def test_kernel_network_and_mode_of_kube_proxy_are_shown() -> None:
    sets = Listed((workload("wao-lb-agent"), daemon_set("calico-node")))
    maps = {KUBE_PROXY: config_map("kube-proxy", **{"config.conf": "kind: X\nmode: ipvs\n"})}
    facts = healthy(daemon_sets=sets, config_maps=maps, nodes=nodes(kernel="6.8.0"))
    summary = "2 nodes, kernel 6.1.0-18-amd64 and newer, network calico, kube-proxy in mode ipvs"
    assert outcome_of("nodes", facts).summary == summary


@pytest.mark.parametrize("mode", ["mode: ''", "kind: X", "{", "[]"])
def test_a_mode_of_kube_proxy_that_is_not_stated_is_the_default_or_not_shown(mode: str) -> None:
    facts = healthy(config_maps={KUBE_PROXY: config_map("kube-proxy", **{"config.conf": mode})})
    shown = ", kube-proxy in mode iptables" if mode[0] in "mk" else ""
    assert outcome_of("nodes", facts).summary == f"2 nodes, kernel 6.1.0-18-amd64, network not recognised{shown}"


def test_an_old_kernel_is_an_error_where_the_agent_is_installed() -> None:
    (found,) = found_by("nodes", nodes=nodes(kernel="5.10.0-21-amd64"))
    assert (found.kind, found.subject, found.severity) == ("kernel-old", "n2", Severity.ERROR)
    (note,) = found_by("nodes", nodes=nodes(kernel="5.10.0-21-amd64"), daemon_sets=Listed())
    assert note.severity is Severity.INFO
    assert kinds_of("nodes", nodes=nodes(kernel="5.13.1")) == []
    assert kinds_of("nodes", nodes=nodes(kernel="kwok-0.8.0")) == []


@pytest.mark.parametrize(
    ("system", "evidence"),
    [
        ("Debian GNU/Linux 11 (bullseye)", "Debian GNU/Linux 11 has nft 0.9.8"),
        ("Ubuntu 20.04.6 LTS", "Ubuntu 20.04 has nft 0.9.3"),
        ("Amazon Linux 2", "Amazon Linux 2 has nft 0.9.0"),
        ("Amazon Linux 2023.6.20241010", ""),
        ("Debian GNU/Linux 12 (bookworm)", ""),
        ("", ""),
    ],
)
def test_systems_with_an_old_nft_are_a_note_where_the_agent_is_installed(system: str, evidence: str) -> None:
    found = found_by("nodes", nodes=nodes(system=system))
    assert [(item.kind, item.severity, item.evidence) for item in found] == [
        ("nft-old", Severity.INFO, evidence)
    ] * bool(evidence)
    assert kinds_of("nodes", nodes=nodes(system=system), daemon_sets=Listed()) == []


def test_nodes_without_a_pod_network_need_a_flag_of_the_agent() -> None:
    assert kinds_of("nodes", nodes=nodes(podCIDRs=None)) == ["pod-network-unknown"]
    configured = Listed((agent("--cluster-cidr=10.0.0.0/8"),))
    assert kinds_of("nodes", nodes=nodes(podCIDRs=None), daemon_sets=configured) == []


@pytest.mark.parametrize(("value", "kinds"), [("true", ["data-path-bypasses-agent"]), ("false", [])])
def test_cilium_in_place_of_kube_proxy_bypasses_the_agent(value: str, kinds: list[str]) -> None:
    maps = dict.fromkeys(SETTINGS.config_maps) | {CILIUM: config_map("c", **{"kube-proxy-replacement": value})}
    assert kinds_of("nodes", config_maps=maps) == kinds


def test_nodes_of_an_old_kubernetes_are_reported() -> None:
    raw = msgspec.to_builtins(node("n2"))
    raw["status"]["nodeInfo"]["kubeletVersion"] = "v1.27.3"
    (found,) = found_by("nodes", nodes=Listed((node("n1"), msgspec.convert(raw, wire.Node))))
    assert (found.kind, found.subject, found.evidence) == ("kubernetes-old", "n2", "kubelet v1.27.3")
