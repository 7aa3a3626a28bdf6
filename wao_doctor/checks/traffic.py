"""Checks `proxies` and `nodes`: labelled Services have one proxy, and nodes are such that it works. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from wao_core.errors import ManifestError
from wao_core.source.plain_values import plain_values
from wao_doctor.checks.api_server import OLD as KUBERNETES_OLD
from wao_doctor.checks.api_server import is_old
from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, plural
from wao_doctor.settings import CILIUM, KUBE_PROXY, DoctorSettings
from wao_doctor.wire import ConfigMap, Node, Workload
from wao_lb.settings import PROXY_LABEL

AGENT = "wao-lb-agent"
KERNEL = (5, 13)
"""The oldest kernel on which the node agent works."""
NFT = (1, 0, 1)
"""The oldest nft that can list the tables of the node agent."""
NFT_OF_SYSTEM = {
    "Amazon Linux 2": "0.9.0",
    "CentOS Linux 7": "0.8",
    "Debian GNU/Linux 10": "0.9.0",
    "Debian GNU/Linux 11": "0.9.8",
    "Red Hat Enterprise Linux 7": "0.8",
    "Ubuntu 18.04": "0.8.2",
    "Ubuntu 20.04": "0.9.3",
}
"""The nft of operating systems with an older one, by the beginning of the name in the status of a Node."""
CLUSTER_CIDR, POD_INTERFACE, PROXY_FLAG = "--cluster-cidr", "--pod-interface", "--proxy-name"

NO_PROXY = Kind(
    "service-without-proxy",
    Severity.ERROR,
    "Labelled Services have no proxy.",
    "kube-proxy ignores Services with this label, and nothing else serves them: connections to them fail.",
    "the number of Services, and what is missing",
    "Install the node agent with your overlay or the Helm chart, or let kube-proxy serve them: `kubectl -n NAMESPACE "
    "label service NAME service.kubernetes.io/service-proxy-name-`",
)
RIVAL = Kind(
    "rival-proxy",
    Severity.ERROR,
    "Another proxy serves Services with our label.",
    "Two proxies write rules for the same addresses. The load balancer of the Go reference uses even the same "
    "tables, so both write all rules again and again.",
    "the DaemonSet",
    "Keep one of them: see docs/migrating-from-go.md.",
)
OTHER_NAME = Kind(
    "other-proxy-name",
    Severity.INFO,
    "Services have the label of another proxy.",
    "WAO does not serve them, and neither does kube-proxy. That is intended if a proxy of this name is installed.",
    "the values of the label",
    "If the value is misspelt, use {proxy_name}.",
)
PROXY_KINDS = (NO_PROXY, RIVAL, OTHER_NAME)

OLD_KERNEL = Kind(
    "kernel-old",
    Severity.ERROR,
    f"The kernel of nodes is older than {KERNEL[0]}.{KERNEL[1]}.",
    "The node agent cannot write its rules there: labelled Services are not served on these nodes.",
    "the versions of the kernels",
    "Upgrade the kernel, or remove the label from the Services.",
)
OLD_NFT = Kind(
    "nft-old",
    Severity.INFO,
    f"The nft command of nodes may be older than {NFT[0]}.{NFT[1]}.{NFT[2]}.",
    "Old versions of nft cannot list the tables of the node agent, and programs that use them may fail. The node agent "
    "itself is not affected: it uses the nft of its image.",
    "the operating systems, and the version of nft that comes with them; versions on nodes are not in the API",
    "To look at the rules, use the nft of the agent: `kubectl -n wao-node exec ds/wao-lb-agent -- nft list ruleset`",
)
BYPASSED = Kind(
    "data-path-bypasses-agent",
    Severity.WARNING,
    "The network of Pods bypasses the packet filter.",
    "With Cilium as kube-proxy replacement, traffic of Pods to Services does not reach the rules of the node agent.",
    "the setting of Cilium",
    "Use the weights with Cilium, Envoy or HAProxy (docs/deployment.md), and remove wao-lb-agent.",
)
NO_POD_NETWORK = Kind(
    "pod-network-unknown",
    Severity.WARNING,
    "The node agent does not know the networks of Pods.",
    "These nodes have no pod CIDR (IPAM of Calico, for example). The agent then cannot distinguish Pods from other "
    "clients, and does not masquerade traffic that needs it.",
    "the number of such nodes",
    "Set --cluster-cidr or --pod-interface of wao-lb-agent.",
)
NODE_KINDS = (OLD_KERNEL, OLD_NFT, BYPASSED, NO_POD_NETWORK, KUBERNETES_OLD)


def check_proxies(facts: Facts, settings: DoctorSettings) -> Outcome:
    """Examine who serves the Services that kube-proxy ignores."""
    services = known(facts.services).objects
    sets = known(facts.daemon_sets).objects
    agent = next((item for item in sets if item.name == AGENT), None)
    name = (agent.argument(PROXY_FLAG) if agent is not None else None) or settings.proxy_name
    ours = [item for item in services if item.label(PROXY_LABEL) == name]
    others = Counter(item.label(PROXY_LABEL) for item in services if item.label(PROXY_LABEL) != name)
    found: list[Finding] = []
    if ours and (agent is None or not agent.status.number_ready):
        why = "there is no DaemonSet wao-lb-agent" if agent is None else "no Pod of wao-lb-agent is ready"
        found.append(NO_PROXY.found([item.key for item in ours], f"{plural(len(ours), 'Service')}: {why}"))
    found += [
        RIVAL.found(f"DaemonSet {item.key}", item.containers[0].image)
        for item in sets
        if item.name != AGENT and item.containers and _is_rival(item, name)
    ]
    if others:
        text = ", ".join(f"{value} ({count})" for value, count in others.most_common(5))
        found.append(OTHER_NAME.found(PROXY_LABEL, text, proxy_name=name))
    return Outcome(f"{plural(len(ours), 'Service')} with the label {name}", found)


def _is_rival(item: Workload, name: str) -> bool:
    """Return whether a DaemonSet is the load balancer of the reference, or serves our label by one of its flags."""
    words = [item.name, *(container.image.rpartition("/")[2] for container in item.containers)]
    named = any(re.search(r"(service-)?proxy-name=", flag) and flag.endswith(f"={name}") for flag in item.arguments)
    return named or any("wao-loadbalancer" in word or word.startswith("wao-lb") for word in words)


def check_nodes(facts: Facts) -> Outcome:
    """Examine kernels, networks of Pods and versions of the nodes."""
    nodes = [node for node in known(facts.nodes).objects if node.status.node_info.operating_system in ("", "linux")]
    sets = () if isinstance(facts.daemon_sets, Missing) else facts.daemon_sets.objects
    agent = next((item for item in sets if item.name == AGENT), None)
    found = [*_kernels(nodes, agent), *(_nft(nodes) if agent is not None else ())]
    if agent is not None and agent.argument(CLUSTER_CIDR) is None and agent.argument(POD_INTERFACE) is None:
        lacking = [node.name for node in nodes if not node.spec.pod_cidrs]
        if lacking:
            found.append(
                NO_POD_NETWORK.found(lacking, f"{len(lacking)} of {plural(len(nodes), 'node')} have no podCIDRs")
            )
    replaces = _setting(facts, CILIUM, "kube-proxy-replacement")
    if agent is not None and replaces in ("true", "strict"):
        found.append(BYPASSED.found(f"ConfigMap {CILIUM}", f"kube-proxy-replacement: {replaces}"))
    if old := {
        node.name: node.status.node_info.kubelet_version
        for node in nodes
        if is_old(node.status.node_info.kubelet_version)
    }:
        found.append(KUBERNETES_OLD.found(old, f"kubelet {', '.join(sorted(set(old.values()))[:3])}"))
    kernels = sorted({node.status.node_info.kernel_version for node in nodes} - {""}, key=kernel)
    oldest = f", kernel {kernels[0]}" + (" and newer" if len(kernels) > 1 else "") if kernels else ""
    return Outcome(f"{plural(len(nodes), 'node')}{oldest}, {network(facts)}", found)


def _kernels(nodes: list[Node], agent: Workload | None) -> Iterator[Finding]:
    old = {
        node.name: node.status.node_info.kernel_version
        for node in nodes
        if (0, 0) < kernel(node.status.node_info.kernel_version) < KERNEL
    }
    if old:
        severity = Severity.ERROR if agent is not None else Severity.INFO
        yield OLD_KERNEL.found(old, f"kernel {', '.join(sorted(set(old.values()))[:3])}", severity=severity)


def _nft(nodes: list[Node]) -> Iterator[Finding]:
    old = {
        node.name: f"{system} has nft {nft}"
        for node in nodes
        for system, nft in NFT_OF_SYSTEM.items()
        if f"{node.status.node_info.os_image} ".startswith((f"{system} ", f"{system}."))
    }
    if old:
        yield OLD_NFT.found(old, ", ".join(sorted(set(old.values()))[:3]))


def kernel(version: str) -> tuple[int, int]:
    """Return major and minor version of a kernel; (0, 0) if it cannot be read.

    Examples
    --------
    >>> kernel("5.14.0-362.el9.x86_64"), kernel("kwok-v0.8.0")
    ((5, 14), (0, 0))
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found is not None else (0, 0)


NETWORKS = ("cilium", "calico", "flannel", "weave", "antrea", "kindnet", "ovn", "aws-node", "kube-router")
"""Words in the names of DaemonSets that set up the network of Pods."""


def network(facts: Facts) -> str:
    """Return the network of Pods and the mode of kube-proxy, as far as they can be seen."""
    sets = () if isinstance(facts.daemon_sets, Missing) else facts.daemon_sets.objects
    found = sorted({word for item in sets for word in NETWORKS if word in item.name})
    mode = _setting(facts, KUBE_PROXY, "config.conf")
    shown = ""
    if mode is not None:
        try:
            config = (plain_values(mode) or [None])[0]
            shown = str((config or {}).get("mode") or "iptables") if isinstance(config, dict) else ""
        except ManifestError:
            shown = ""
    words = [f"network {', '.join(found)}" if found else "network not recognised"]
    return ", ".join([*words, *([f"kube-proxy in mode {shown}"] if shown else [])])


def _setting(facts: Facts, place: str, key: str) -> str | None:
    held = None if isinstance(facts.config_maps, Missing) else facts.config_maps.get(place)
    return (held.data or {}).get(key) if isinstance(held, ConfigMap) else None
