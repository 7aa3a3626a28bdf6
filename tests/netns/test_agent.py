"""The agent in a node of network namespaces: what clients and pods see, in both families."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bed.program import wait_for
from tests.netns.miniature import CLIENT_IPS, FOLLOWING, NODE_IPS, OPTIONS, PODS, SERVICES, Miniature, pod_ip

pytestmark = pytest.mark.netns
BOTH = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
SPLIT = {1: 58.0, 2: 100.0, 3: 77.0}
OLDER = Path(__file__).with_name("older.nft")
"""What `--print` said before endpoints stood in the maps themselves, for four of the Services."""
NOBODY = 0.7
"""Seconds after which nobody will answer any more."""


def vip(name: str, six: bool) -> str:
    number = SERVICES[name][0]
    return f"fd00:96::{number}" if six else f"10.96.0.{number}"


def ingress(name: str, six: bool) -> str:
    number = SERVICES[name][0]
    return f"2001:db8:5::{number}" if six else f"203.0.113.{number}"


def weights(split: dict[int, float]) -> dict[str, float]:
    return {pod_ip(pod, six=six): weight for pod, weight in split.items() for six in (False, True)}


def refusals(node: Miniature) -> list[str]:
    """Return what the agent that runs says of transactions that the kernel did not take."""
    return [line for line in node.running.log.read_text().splitlines() if "rules were refused" in line]


def reweigh(node: Miniature, split: dict[int, float]) -> None:
    """Have these weights of the Service "weighted" in the kernel."""
    last = max(split)
    share = round((1.0 - split[last] / sum(split.values())) * (1 << 24))
    node.weigh({"default/weighted": weights(split)})

    def written() -> bool:
        texts = [node.map("split-", six=six, of="default/weighted") for six in (False, True)]
        return all(any(f"{first}-16777215" in text for first in range(share - 2, share + 3)) for text in texts)

    wait_for(written, f"weights {split}", seconds=15)


@BOTH
def test_connections_are_split_by_weight(node: Miniature, six: bool) -> None:
    reweigh(node, SPLIT)
    count = 3000
    expected = {f"pod{pod}": count * weight / sum(SPLIT.values()) for pod, weight in SPLIT.items()}

    def chi_square() -> float:
        pods = node.connect("client", vip("weighted", six), 80, count=count)["pods"]
        assert expected.keys() == pods.keys()
        return sum((int(pods[name]) - wanted) ** 2 / wanted for name, wanted in expected.items())

    # p = 0.001 for two degrees of freedom; a right split fails that once in a thousand times, twice in a million
    assert chi_square() < 13.82 or chi_square() < 13.82


@BOTH
def test_no_connection_is_lost_while_weights_change(node: Miniature, six: bool) -> None:
    table = node.listed("table", "ip6" if six else "ip", "wao-loadbalancer")
    words = {word.rstrip(",") for word in table.split()}
    (name,) = (word for word in words if word.startswith("split-") and word.endswith("default/weighted/tcp/http"))
    pods = [pod_ip(number, six=six) for number in PODS]
    with node.loading("client", vip("weighted", six), 80, count=10_000) as found, node.churning(name, pods):
        pass
    assert {"pod1", "pod2", "pod3"} == found["pods"].keys()
    assert 10_000 <= sum(found["pods"].values())
    reweigh(node, {1: 1.0, 2: 1.0, 3: 3.0 if six else 2.0})  # other ones than the agent knows to be written


@BOTH
def test_no_connection_is_lost_while_endpoints_come_and_go(node: Miniature, six: bool) -> None:
    def split() -> str:
        return node.map("split-", of="default/weighted", six=six)

    second, third = (f": {pod_ip(number, six=six)} . 8080" for number in (2, 3))
    with node.loading("client", vip("weighted", six), 80, count=10_000) as found:
        for _ in range(3):
            node.serve("weighted", [1, 2], number=10)
            wait_for(lambda: second in split() and third not in split(), "two pods", seconds=20)
            node.serve("weighted", [1], number=10)
            wait_for(lambda: not split(), "one pod without a map, which is swept", seconds=20)
            node.serve("weighted", [1, 2, 3], number=10)
            wait_for(lambda: third in split(), "three pods", seconds=20)
    assert {"pod1", "pod2", "pod3"} == found["pods"].keys()
    assert 10_000 <= sum(found["pods"].values())


@BOTH
def test_no_connection_is_lost_while_affinity_comes_and_goes(node: Miniature, six: bool) -> None:
    def maps() -> list[bool]:
        return [bool(node.map(prefix, of="default/weighted", six=six)) for prefix in ("split-", "weights-")]

    with node.loading("client", vip("weighted", six), 80, count=10_000) as found:
        for _ in range(3):
            node.serve("weighted", [1, 2, 3], number=10, sessionAffinity="ClientIP")
            wait_for(lambda: maps() == [False, True], "chains in place of addresses", seconds=20)
            node.serve("weighted", [1, 2, 3], number=10)
            wait_for(lambda: maps() == [True, False], "addresses in place of chains", seconds=20)
    assert {"pod1", "pod2", "pod3"} >= found["pods"].keys()
    assert 10_000 <= sum(found["pods"].values())


def test_no_connection_is_lost_while_the_agent_starts_again(node: Miniature) -> None:
    with node.loading("client", vip("weighted", False), 80, count=10_000) as found:
        node.restart_agent()
        node.running.kill()
        node.restart_agent()
        wait_for(lambda: "null" not in node.get("/livez"), "its first sync")
    assert not refusals(node)
    assert {"pod1", "pod2", "pod3"} == found["pods"].keys()
    assert 10_000 <= sum(found["pods"].values())


@BOTH
def test_rules_of_an_older_version_are_replaced_without_losing_a_connection(node: Miniature, six: bool) -> None:
    """Its maps held verdicts, and each endpoint had a chain; what a map holds cannot change its type."""
    node.running.stop()
    node.clean_up()
    node.nft(OLDER.read_text())
    assert 3 == node.map("weights-", of="default/weighted", six=six).count("goto endpoint-")
    first = node.connect("client", vip("sticky", six), 80, count=20)["pods"]
    assert 1 == len(first)
    with node.loading("client", vip("weighted", six), 80, count=10_000) as found:
        node.agent(*FOLLOWING)
        node.settled("default/node-port/", absent=["default/weighted/tcp/http__"])  # swept, too
    assert not refusals(node)
    assert {"pod1", "pod2", "pod3"} == found["pods"].keys()
    assert 10_000 <= sum(found["pods"].values())
    assert not node.map("weights-", of="default/weighted", six=six)
    assert 3 == node.map("split-", of="default/weighted", six=six).count(" . 8080")
    assert first.keys() == node.connect("client", vip("sticky", six), 80, count=20)["pods"].keys()
    test_a_pod_reaches_itself_through_its_service(node, six)


def test_without_the_weight_service_weights_become_equal_and_come_back(node: Miniature) -> None:
    reweigh(node, {1: 1.0, 2: 1.0, 3: 8.0})
    node.weights.stop()
    wait_for(lambda: "11184811-16777215" in node.map("split-", of="default/weighted"), "equal weights", seconds=20)
    assert '"weights":"equal: no-answer"' in node.get("/healthz")
    assert 'wao_lb_agent_equal_weights{reason="no-answer"} 1.0' in node.get("/metrics")
    node.weights.start(lambda: "ready" in node.weights.tail())
    wait_for(lambda: "3355443-16777215" in node.map("split-", of="default/weighted"), "its weights", seconds=20)
    assert '"weights":"of the weight service"' in node.get("/healthz")


@BOTH
def test_a_client_with_affinity_stays_with_its_pod_also_over_a_restart(node: Miniature, six: bool) -> None:
    first = node.connect("client", vip("sticky", six), 80, count=60)["pods"]
    assert 1 == len(first)
    node.restart_agent()
    assert first.keys() == node.connect("client", vip("sticky", six), 80, count=60)["pods"].keys()


@BOTH
def test_pods_are_seen_as_themselves_and_outsiders_as_the_node(node: Miniature, six: bool) -> None:
    inside = node.connect("pod2", vip("alone", six), 80)
    assert [pod_ip(2, six=six)] == inside["sources"]
    outside = node.connect("client", vip("alone", six), 80)
    assert {"pod1": 1} == outside["pods"]
    assert [CLIENT_IPS[six]] != outside["sources"]


@BOTH
def test_a_pod_reaches_itself_through_its_service(node: Miniature, six: bool) -> None:
    found = node.connect("pod1", vip("alone", six), 80)
    assert {"pod1": 1} == found["pods"]
    assert [pod_ip(1, six=six)] != found["sources"]


@BOTH
@pytest.mark.parametrize("entrance", ["cluster IP", "ingress of policy Local"])
def test_a_pod_is_one_of_those_that_it_reaches(node: Miniature, entrance: str, six: bool) -> None:
    reweigh(node, SPLIT)
    target = vip("weighted", six) if entrance == "cluster IP" else ingress("local", six)
    found = node.connect("pod1", target, 80, count=60)
    assert {"pod1", "pod2", "pod3"} == found["pods"].keys()
    # the others see it as itself, it sees the node
    assert 2 == len(found["sources"])
    assert pod_ip(1, six=six) in found["sources"]


@BOTH
def test_a_pod_of_two_services_reaches_itself_through_the_one_that_is_left(node: Miniature, six: bool) -> None:
    for name, number in (("first", 31), ("second", 32)):
        node.serve(name, [3], number=number, sessionAffinity="ClientIP")
    # a pod of another node would never come by itself; this one's node is not known
    for name in ("first", "second"):
        path = node.manifests / f"{name}.yaml"
        path.write_text(path.read_text().replace("nodeName: node-3", "hostname: pod-3"))
    node.settled("default/first/", "default/second/", f"{pod_ip(3)} . {pod_ip(3)}")
    node.withdraw("first")
    node.settled("default/second/", absent=["default/first/"])
    found = node.connect("pod3", f"fd00:96::{32}" if six else "10.96.0.32", 80)
    assert {"pod3": 1} == found["pods"]
    assert [pod_ip(3, six=six)] != found["sources"]
    node.withdraw("second")
    node.settled(absent=["default/second/", f"{pod_ip(3)} . {pod_ip(3)}"])


@BOTH
def test_the_node_itself_reaches_services(node: Miniature, six: bool) -> None:
    found = node.connect("node", vip("weighted", six), 80, count=20)
    assert 20 == sum(count for pod, count in found["pods"].items() if pod.startswith("pod"))


@BOTH
@pytest.mark.parametrize("source", ["client", "node", "pod2"])
def test_node_ports_are_served_from_everywhere(node: Miniature, source: str, six: bool) -> None:
    found = node.connect(source, NODE_IPS[six], 30011, count=30)
    assert {"pod1", "pod2", "pod3"} >= found["pods"].keys(), found
    assert 1 < len(found["pods"])


@BOTH
@pytest.mark.parametrize("entrance", ["ingress", "node port"])
def test_external_policy_local_keeps_the_client_and_stays_on_the_node(
    node: Miniature, entrance: str, six: bool
) -> None:
    target, port = (ingress("local", six), 80) if entrance == "ingress" else (NODE_IPS[six], 30014)
    found = node.connect("client", target, port, count=20)
    assert {"pod1": 20} == found["pods"]
    assert [CLIENT_IPS[six]] == found["sources"]
    assert 1 < len(node.connect("pod2", target, port, count=40)["pods"])  # pods reach all endpoints


@BOTH
def test_external_policy_local_without_local_endpoints_drops_clients_only(node: Miniature, six: bool) -> None:
    for target, port in ((ingress("elsewhere", six), 80), (NODE_IPS[six], 30015)):
        assert {"TimeoutError": 1} == node.connect("client", target, port, timeout=NOBODY)["pods"]
        for source in ("pod1", "node"):
            assert {"pod2", "pod3"} >= node.connect(source, target, port, count=4)["pods"].keys()


@BOTH
def test_internal_policy_local_stays_on_the_node_or_drops(node: Miniature, six: bool) -> None:
    assert {"pod1": 20} == node.connect("pod2", vip("inside", six), 80, count=20)["pods"]
    assert {"TimeoutError": 1} == node.connect("pod2", vip("outside", six), 80, timeout=NOBODY)["pods"]


def refused_within(node: Miniature, source: str, target: str, port: int) -> float:
    """Return the longest time of three refusals [s]; a machine that is busy may be late once."""
    found = node.connect(source, target, port, count=3)
    assert {"ConnectionRefusedError": 3} == found["pods"]
    return float(found["longest"])


@BOTH
@pytest.mark.parametrize("source", ["client", "node", "pod2"])
@pytest.mark.parametrize("what", ["no endpoints", "no endpoints at the node port", "no such port"])
def test_what_leads_nowhere_is_refused_at_once(node: Miniature, source: str, what: str, six: bool) -> None:
    target, port = {
        "no endpoints": (vip("empty", six), 80),
        "no endpoints at the node port": (NODE_IPS[six], 30018),
        "no such port": (vip("weighted", six), 81),
    }[what]
    assert refused_within(node, source, target, port) < 0.1 or refused_within(node, source, target, port) < 0.1


def test_it_refuses_whichever_table_was_loaded_first(node: Miniature) -> None:
    node.load_kube_proxy()
    assert refused_within(node, "client", vip("empty", False), 80) < 1.0


@BOTH
def test_source_ranges_let_only_those_through(node: Miniature, six: bool) -> None:
    assert {"pod1", "pod2"} >= node.connect("client", ingress("open", six), 80, count=4)["pods"].keys()
    assert {"TimeoutError": 1} == node.connect("client", ingress("closed", six), 80, timeout=NOBODY)["pods"]
    assert {"pod1", "pod2"} >= node.connect("client", vip("closed", six), 80, count=4)["pods"].keys()


@BOTH
def test_udp_is_split_and_a_socket_moves_when_its_pod_goes(node: Miniature, six: bool) -> None:
    found = node.connect("client", vip("names", six), 53, count=60, protocol="udp")
    assert {"pod1", "pod2"} == found["pods"].keys()
    ports = SERVICES["names"][2]["ports"]
    with subprocess.Popen(node.command("client", "tests.netns.udp_client", vip("names", six), "53"),
                          stdout=subprocess.PIPE, text=True) as client:  # fmt: skip
        try:
            assert client.stdout is not None
            first = client.stdout.readline().strip()
            other = {"pod1": 2, "pod2": 1}[first]
            node.serve("names", [other], number=21, ports=ports)
            assert f"pod{other}" == client.stdout.readline().strip()
            node.serve("names", [], number=21, ports=ports)
            assert client.stdout.readline().strip() in ("ConnectionRefusedError", "nobody")
            node.serve("names", [1, 2], number=21, ports=ports)
            wait_for(lambda: client.stdout is not None and client.stdout.readline().startswith("pod"), "an answer")
        finally:
            client.kill()


def test_health_ports_show_where_the_endpoints_are(node: Miniature) -> None:
    def ask(port: int) -> tuple[str, str]:
        code = f"import urllib.request,sys\ntry: r=urllib.request.urlopen('http://{NODE_IPS[0]}:{port}/',timeout=3)\n"
        code += (
            "except urllib.error.HTTPError as e: r=e\nprint(r.status, r.headers['X-Load-Balancing-Endpoint-Weight'])"
        )
        done = subprocess.run([*node.enter("client"), "python3", "-c", code],
                              capture_output=True, text=True, check=True, timeout=20)  # fmt: skip
        status, weight = done.stdout.split()
        return status, weight

    assert ("200", "1") == ask(31014)
    assert ("503", "0") == ask(31015)


def test_a_service_that_gets_the_label_is_served_and_one_that_loses_it_is_not(node: Miniature) -> None:
    node.serve("late", [1], number=30)
    node.settled("default/late")
    assert {"pod1": 1} == node.connect("client", "10.96.0.30", 80)["pods"]
    path = node.manifests / "late.yaml"
    path.write_text(path.read_text().replace("wao-loadbalancer", "another-proxy"))
    node.settled(absent=["default/late", "10.96.0.30"])
    node.withdraw("late")


@pytest.mark.parametrize("how", ["delete", "flush"])
def test_a_table_that_others_delete_or_empty_is_written_again(node: Miniature, how: str) -> None:
    node.nft(f"{how} table ip wao-loadbalancer\n")
    wait_for(lambda: "dnat to" in node.listed("table", "ip", "wao-loadbalancer"), "its rules again", seconds=20)
    node.settled("default/weighted", "10.96.0.10")
    assert {"pod1": 1} == node.connect("client", vip("alone", False), 80)["pods"]


def test_weights_reach_the_kernel_again_after_it_refused_some(node: Miniature) -> None:
    reweigh(node, SPLIT)
    node.nft("delete table ip wao-loadbalancer\n")
    reweigh(node, {1: 1.0, 2: 1.0, 3: 4.0})  # there is no map for these
    reweigh(node, SPLIT)


def test_printed_rules_load_on_a_node_without_tables_and_replace_tables_of_another_configuration(
    node: Miniature, empty_namespace: list[str]
) -> None:
    def load(*options: str) -> None:
        printed = subprocess.run([*node.wao, *options, "--print"], capture_output=True, check=True, timeout=60)
        loading = [*empty_namespace, "nft", "-f", "-"]
        loaded = subprocess.run(loading, input=printed.stdout, capture_output=True, check=False, timeout=60)
        assert (0, b"") == (loaded.returncode, loaded.stderr)

    load("--node-name=node-1", "--cluster-cidr=10.1.0.0/24")
    load(*OPTIONS)  # its range 10.1.0.0/16 overlaps
    table = subprocess.run([*empty_namespace, "nft", "list", "table", "ip", "wao-loadbalancer"],
                           capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    assert "10.1.0.0/16" in table.stdout
    assert "10.1.0.0/24" not in table.stdout


def test_once_and_clean_up_touch_no_table_but_ours(node: Miniature) -> None:
    def foreign() -> str:
        return node.listed("table", "ip", "kube-proxy") + node.listed("table", "ip6", "kube-proxy")

    before = foreign()
    node.running.stop()
    assert node.listed("table", "ip", "wao-loadbalancer")  # the rules outlive the agent
    node.clean_up()
    assert "" == node.listed("table", "ip", "wao-loadbalancer") + node.listed("table", "ip6", "wao-loadbalancer")
    subprocess.run([*node.wao, *OPTIONS, "--once"], check=True, timeout=60)
    assert {"pod1": 1} == node.connect("client", vip("alone", True), 80)["pods"]
    node.restart_agent()
    assert before == foreign()
    assert before


def test_the_agent_needs_no_more_than_net_admin(node: Miniature) -> None:
    """As in the DaemonSet: no capability but that one, no new privileges; it makes tables, weights and UDP follow."""
    node.running.stop()
    node.clean_up()
    node.agent(*FOLLOWING, least_rights=True)
    node.settled(*(f"default/{name}/" for name in SERVICES if name not in ("empty", "outside")))
    status = Path(f"/proc/{node.running.pid}/status").read_text()
    assert {"0000000000001000"} == {line.split()[1] for line in status.splitlines() if line[:6] in ("CapPrm", "CapBnd")}
    reweigh(node, {1: 1.0, 2: 1.0, 3: 5.0})
    test_udp_is_split_and_a_socket_moves_when_its_pod_goes(node, six=False)
    assert "ERROR" not in node.running.log.read_text().upper()
    node.restart_agent()


def test_node_ports_stay_open_when_the_node_object_is_deleted(node: Miniature) -> None:
    """The machine still runs: its Node was deleted by hand, or by a controller that lost sight of it."""
    log = node.running.log
    node.withdraw("node")
    try:
        wait_for(lambda: "Node node-1 was deleted" in log.read_text(), "the deletion in the log", seconds=15)
        node.serve("later", [1, 2], number=30)  # rules are written again after the deletion
        node.settled("default/later/")
        for six in (False, True):
            found = node.connect("client", NODE_IPS[six], 30011, count=20)["pods"]
            assert 20 == sum(found.values())
        assert '"nodeEligible":true' in node.get("/healthz")
    finally:
        node.register()
        node.withdraw("later")
        node.settled(absent=["default/later/"])
    wait_for(lambda: "Node node-1 exists again" in log.read_text(), "its return in the log", seconds=15)


def test_health_and_metrics_are_reported(node: Miniature) -> None:
    assert '"nodeEligible":true' in node.get("/healthz")
    assert "lastSyncSecondsAgo" in node.get("/livez")
    figures: dict[str, Any] = dict(
        line.rsplit(" ", 1) for line in node.get("/metrics").splitlines() if line[:3] == "wao"
    )
    assert len(SERVICES) == float(figures["wao_lb_agent_services"])
    assert 0.0 == float(figures["wao_lb_agent_sync_proxy_rules_nftables_sync_failures_total"])
