"""The weights of Services: which endpoints, which rule, which version, and what is reported."""

from __future__ import annotations

import asyncio

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.lb_cluster import Cluster, endpoint, part, service
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Endpoint, EndpointPort, Kind, Pod, PodMetrics, ServicePort
from wao_core.serving.frame import ServerFrame
from wao_lb.app import create_app
from wao_lb.documents import ServiceWeights
from wao_lb.outputs import eds
from wao_lb.outputs.haproxy import AgentCheckServer, reply
from wao_lb.settings import CPU_PER_REQUEST, PROXY_LABEL, RULE, LbSettings


def test_traffic_moves_to_the_cheaper_node() -> None:
    cluster = Cluster()
    cluster.settle()
    weights = cluster.weights()
    assert weights["10.1.0.1"] > 90
    assert sum(weights.values()) == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(("text", "rule"), [("proportional", "proportional"), ("lookahead", "lookahead")])
def test_the_rule_is_chosen_by_annotation(text: str, rule: str) -> None:
    found = Cluster(annotations={RULE: text}).book.get("default/web")
    assert found is not None
    assert found.rule == rule


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({CPU_PER_REQUEST: "lots"}, "'lots' is not a quantity"),
        ({CPU_PER_REQUEST: "0"}, "not a positive quantity of CPU"),
        ({CPU_PER_REQUEST: "-1"}, "negative"),
        ({RULE: "cheapest"}, "write proportional or lookahead"),
    ],
)
async def test_a_bad_annotation_is_a_warning_event_and_the_default(annotations: dict[str, str], words: str) -> None:
    cluster = Cluster(annotations=annotations)
    cluster.look()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (event,) = cluster.source.events
    assert event[0].kind == "Service"
    assert event[3]
    assert words in event[2]
    found = cluster.book.get("default/web")
    assert found is not None
    assert found.cpu_per_request_cores == 0.1


def test_all_slices_of_all_ports_and_families_are_merged() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-2", endpoint(2, "b"), endpoint(3, "b")))
    six = Endpoint(addresses=("fd00::1", "fd00::2"), node_name="a")
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-6", six, address_type="IPv6"))
    found = cluster.book.get("default/web")
    assert found is not None
    by_family = {port.family: [item.address for item in port.endpoints] for port in found.ports}
    assert by_family == {"IPv4": ["10.1.0.1", "10.1.0.2", "10.1.0.3"], "IPv6": ["fd00::1"]}


def test_endpoints_that_are_not_ready_get_nothing() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a", ready=False), endpoint(2, "b")))
    assert cluster.weights() == {"10.1.0.1": 0.0, "10.1.0.2": 100.0}


def test_with_none_ready_those_that_still_serve_are_used() -> None:
    cluster = Cluster()
    ending = endpoint(1, "a", ready=False, serving=True, terminating=True)
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", ending, endpoint(2, "b", ready=False)))
    assert cluster.weights() == {"10.1.0.1": 100.0, "10.1.0.2": 0.0}


@pytest.mark.parametrize(
    ("settings", "labels", "chosen"),
    [
        (LbSettings(), {}, False),
        (LbSettings(), {PROXY_LABEL: "wao-loadbalancer"}, True),
        (LbSettings(), {PROXY_LABEL: "wao-loadbalancer", "service.kubernetes.io/headless": ""}, False),
        (LbSettings(proxy_name=None), {}, True),
        (LbSettings(proxy_name="wao"), {}, False),
        (LbSettings(proxy_name="wao"), {PROXY_LABEL: "wao"}, True),
        (LbSettings(proxy_name="wao"), {PROXY_LABEL: "other"}, False),
    ],
)
def test_services_are_chosen_by_label(settings: LbSettings, labels: dict[str, str], chosen: bool) -> None:
    assert (Cluster(settings, labels=labels).book.get("default/web") is not None) is chosen


@pytest.mark.parametrize(("cluster_ips", "chosen"), [((), True), (("None",), False)])
def test_a_service_of_a_folder_without_a_cluster_ip_has_weights(cluster_ips: tuple[str, ...], chosen: bool) -> None:
    """Envoy and HAProxy send traffic to its endpoints."""
    cluster = Cluster(labels={PROXY_LABEL: "wao-loadbalancer"}, cluster_ips=cluster_ips)
    assert (cluster.book.get("default/web") is not None) is chosen


def test_a_label_taken_away_and_a_service_deleted_are_followed() -> None:
    cluster = Cluster(LbSettings(proxy_name="wao"), labels={PROXY_LABEL: "wao"})
    assert cluster.book.get("default/web") is not None
    cluster.state.put(Kind.SERVICE, service())
    assert cluster.book.get("default/web") is None
    cluster.state.put(Kind.SERVICE, service(labels={PROXY_LABEL: "wao"}))
    assert cluster.book.get("default/web") is not None
    cluster.state.remove(Kind.SERVICE, "default/web")
    assert cluster.book.get("default/web") is None


def test_the_version_changes_exactly_when_a_weight_does() -> None:
    cluster = Cluster()
    cluster.settle()
    first = cluster.book.get("default/web")
    cluster.look()
    second = cluster.book.get("default/web")
    assert first is second
    cluster.look((2.0, 1.0))
    third = cluster.book.get("default/web")
    assert first is not None
    assert third is not None
    assert third.version != first.version


def test_weights_move_in_slow_steps() -> None:
    cluster = Cluster()
    cluster.settle()
    assert cluster.weights() == {"10.1.0.1": 100.0, "10.1.0.2": 0.0}
    cluster.look((2.0, 1.0), later=1.0)
    assert cluster.weights()["10.1.0.2"] == 0.0
    cluster.look((2.0, 1.0), later=4.0)
    first = cluster.weights()["10.1.0.2"]
    assert 20 < first < 35
    cluster.look((2.0, 1.0), later=1.0)
    assert cluster.weights()["10.1.0.2"] == first
    cluster.settle((2.0, 1.0))
    assert cluster.weights()["10.1.0.2"] > 98


def test_an_endpoint_over_its_ceiling_is_relieved_at_once() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.load(1, 3.5)
    cluster.look(usage=[4.0, 1.5], later=1.0)
    assert cluster.weights()["10.1.0.1"] == pytest.approx(100 * 2.8 / 4.5, abs=0.01)


@given(st.lists(st.floats(0.2, 8.0), min_size=2, max_size=12), st.sampled_from([1.0, 6.0, 40.0]))
def test_published_weights_keep_to_the_ceilings_while_load_rises_and_falls(loads: list[float], later: float) -> None:
    """Whatever weights stood before: none drives an endpoint over its ceiling, 2.8 cores, while another has room."""
    cluster = Cluster()
    shares: tuple[float, ...] = (0.5, 0.5)
    for load in loads:
        used = [share * load for share in shares]
        for number, cores in enumerate(used, start=1):
            cluster.load(number, cores)
        cluster.look((2.0, 1.0) if load > 3.0 else (1.0, 2.0), usage=[0.5 + cores for cores in used], later=later)
        shares = tuple(weight / 100.0 for weight in cluster.weights().values())
        driven = [share * load for share in shares]
        assert max(driven) <= 2.8 + 0.01 or min(driven) >= 2.8 - 0.01 or "saturated" in cluster.document().reason


def test_of_a_fall_of_load_a_part_is_believed_so_that_noise_drives_nobody_over_its_ceiling() -> None:
    cluster = Cluster()
    for number in (1, 2):
        cluster.load(number, 2.0)
    cluster.settle(usage=[2.5, 2.5])
    assert cluster.weights()["10.1.0.1"] == pytest.approx(70.0)
    for number in (1, 2):
        cluster.load(number, 1.5)
    cluster.look(usage=[2.0, 2.0])
    assert 70.0 < cluster.weights()["10.1.0.1"] < 280.0 / 3.8
    cluster.settle(usage=[2.0, 2.0])
    assert cluster.weights()["10.1.0.1"] == pytest.approx(280.0 / 3.0, rel=0.03)


def test_the_split_stays_when_a_service_grows_by_pods_that_are_not_measured_yet() -> None:
    cluster = Cluster()
    for number in (1, 2):
        cluster.load(number, 1.2)
    cluster.settle(usage=[1.7, 1.7])
    assert cluster.weights() == {"10.1.0.1": 100.0, "10.1.0.2": 0.0}
    more = [endpoint(number, "b") for number in range(3, 13)]
    for number in range(3, 13):
        cluster.pod(number)
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a"), endpoint(2, "b"), *more))
    for _ in range(6):
        cluster.look(usage=[1.7, 1.7], later=5.0)
        assert (cluster.document().rule, cluster.document().reason) == ("lookahead", "")
        assert cluster.weights()["10.1.0.1"] > 95.0


def test_the_split_stays_through_a_rollout() -> None:
    """Pods are replaced one after the other, and none of the new ones is measured."""
    cluster = Cluster()
    for number in (1, 2):
        cluster.load(number, 1.2)
    cluster.settle(usage=[1.7, 1.7])
    for number in (3, 4):
        cluster.pod(number)
    for present in ((endpoint(2, "b"), endpoint(3, "a")), (endpoint(3, "a"), endpoint(4, "b"))):
        cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", *present))
        cluster.look(usage=[1.7, 1.7], later=5.0)
        assert cluster.document().rule == "lookahead"
    cluster.settle(usage=[1.7, 1.7], later=5.0)
    assert cluster.weights()["10.1.0.3"] > 98.0


def test_a_saturated_endpoint_spreads_its_service_at_once() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.load(1, 3.9)
    cluster.look(usage=[4.4, 1.5], later=1.0)
    assert cluster.weights() == {"10.1.0.1": 50.0, "10.1.0.2": 50.0}
    assert "split by free capacity" in cluster.document().reason


def test_the_first_curves_count_at_once() -> None:
    cluster = Cluster()
    cluster.look((float("nan"), float("nan")))
    fresh = cluster.make_book()
    fresh.update(snapshot(["a", "b"], slopes=[float("nan")] * 2, usage=[1.5, 1.5], usage_at=cluster.now))
    found = fresh.get("default/web")
    assert found is not None
    assert (found.rule, found.reason) == ("equal", "no endpoint's node has a power curve and a CPU sample with room")
    cluster.book = fresh
    cluster.look(later=0.1)
    assert cluster.weights()["10.1.0.1"] == 100.0


def test_a_sample_that_is_too_old_is_unknown() -> None:
    cluster = Cluster()
    cluster.look(later=1000.0)
    assert cluster.document().rule == "proportional"
    assert "too few pods is measured" in cluster.document().reason


def notes(cluster: Cluster) -> dict[str, str]:
    return {item.address: item.reason for port in cluster.document().ports for item in port.endpoints}


def test_a_pod_with_neither_limit_nor_request_has_the_limit_of_the_others() -> None:
    cluster = Cluster()
    cluster.pod(1, cpu_limit=None)
    cluster.look()
    assert cluster.document().rule == "lookahead"
    assert "neither a CPU limit nor a request" in notes(cluster)["10.1.0.1"]
    cluster.pod(1, cpu_limit=None, cpu_request=2.0)
    cluster.look()
    assert notes(cluster)["10.1.0.1"] != notes(cluster)["10.1.0.2"] == ""


def test_a_service_whose_pods_have_no_limit_is_split_in_proportion() -> None:
    cluster = Cluster()
    for number in (1, 2):
        cluster.pod(number, cpu_limit=None)
    cluster.settle()
    assert (cluster.document().rule, cluster.document().reason) == ("proportional", "no pod has a CPU limit or request")
    assert cluster.weights()["10.1.0.1"] == pytest.approx(200.0 / 3.0, abs=1.0)


def test_ports_and_families_share_the_load_of_their_pods() -> None:
    ports = (ServicePort(port=80, name="http"), ServicePort(port=443, name="https"))
    cluster = Cluster(ports=ports)
    both = (EndpointPort(name="http", port=8080), EndpointPort(name="https", port=8443))
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a"), endpoint(2, "b"), ports=both))
    for number in (1, 2):
        cluster.load(number, 2.0)
    cluster.settle(usage=[2.5, 2.5])
    shares = {(port.name, item.address): item.weight for port in cluster.document().ports for item in port.endpoints}
    assert shares["http", "10.1.0.1"] == pytest.approx(70.0, abs=1.0)  # its ceiling: 2.8 of 4 cores
    assert shares["https", "10.1.0.1"] == pytest.approx(70.0, abs=1.0)


def test_services_are_planned_together() -> None:
    """Each alone would fill node a; together they stay below its ceiling of 7 cores."""
    cluster = Cluster()
    cluster.state.put(Kind.SERVICE, service(name="api"))
    others = [
        Endpoint(addresses=(f"10.2.0.{n}",), node_name=node, target_kind="Pod", target_name=f"api-{n}")
        for n, node in ((1, "a"), (2, "b"))
    ]
    cluster.state.put(Kind.ENDPOINT_SLICE, part("api-1", *others, service="api"))
    for name in ("web", "api"):
        for number in (1, 2):
            cluster.state.put(Kind.POD, Pod(name=f"{name}-{number}", namespace="default", uid=name, cpu_limit=20.0))
            used = PodMetrics(name=f"{name}-{number}", namespace="default", cpu_cores=2.0, timestamp=cluster.now + 1e4)
            cluster.state.put(Kind.POD_METRICS, used)
    cluster.settle(usage=[4.5, 4.5])
    entries = cluster.book.entries()
    assert sum(float(entry.rows.planned[0]) for entry in entries.values()) == pytest.approx(6.5, abs=0.01)


def test_nodes_that_come_and_go_are_followed() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.look((3.0, 2.0), names=["b", "a"])
    assert cluster.weights()["10.1.0.1"] > 90
    cluster.look((1.0,), names=["a"])
    assert cluster.document().rule == "lookahead"
    assert "equal share" in notes(cluster)["10.1.0.2"]
    cluster.settle((1.0,), names=["a"])
    assert cluster.weights() == pytest.approx({"10.1.0.1": 50.0, "10.1.0.2": 50.0}, abs=1.0)


def test_a_slice_that_changes_between_snapshots_is_followed_at_once() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.pod(3)
    cluster.load(3, 1.0)
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(2, "b"), endpoint(3, "b")))
    assert sum(cluster.weights().values()) == pytest.approx(100.0, abs=0.001)
    assert set(cluster.weights()) == {"10.1.0.2", "10.1.0.3"}
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1"))
    assert cluster.document().reason == "the Service has no endpoints"


async def test_a_slice_that_changes_while_the_book_rests_wakes_those_who_wait() -> None:
    """Plans of all Services are some time apart; a change of one does not wait for the next."""
    cluster = Cluster()
    cluster.settle()
    cluster.plan_seconds = 0.1
    cluster.look()
    version = cluster.book.changes.version
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(2, "b")))
    cluster.look(later=0.0)
    assert cluster.book.first() is not None
    assert cluster.book.changes.version != version
    cluster.book.close()


def test_each_plan_of_all_services_is_timed() -> None:
    cluster = Cluster()
    seconds: list[float] = []
    cluster.book.close()
    cluster.book = cluster.make_book(planned=seconds.append)
    cluster.plan_seconds = 0.25
    cluster.look()
    assert seconds == [0.25]


async def test_a_snapshot_that_comes_while_the_book_rests_is_weighed_when_the_rest_is_over() -> None:
    """The next snapshot may be ten seconds away; until then nobody must take old weights for the newest."""
    cluster = Cluster()
    cluster.settle((1.0, 2.0))
    cluster.plan_seconds = 0.005
    cluster.look((1.0, 2.0))
    before = cluster.weights()
    moved = snapshot(["a", "b"], slopes=[2.0, 1.0], usage=[1.5, 1.5], usage_at=cluster.now + 1000.0)
    cluster.book.update(moved)
    assert cluster.book.first() is not None
    assert cluster.weights() == before
    async with asyncio.timeout(5.0):
        while cluster.book.first() is not None:
            await asyncio.sleep(0.005)
    assert cluster.weights() != before
    cluster.book.close()


def test_an_address_counts_once_in_whatever_spelling() -> None:
    cluster = Cluster()
    six = [Endpoint(addresses=(text,), node_name="a") for text in ("fd00::1", "FD00:0:0::0001", "not an address")]
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-6", *six, address_type="IPv6"))
    assert [item.address for port in cluster.document().ports for item in port.endpoints if port.family == "IPv6"] == [
        "fd00::1"
    ]


def client(cluster: Cluster, frame: ServerFrame | None = None) -> httpx2.AsyncClient:
    app = create_app(cluster.book, frame or ServerFrame("lb"))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://lb")


async def test_weights_are_served_with_an_etag() -> None:
    cluster = Cluster()
    async with client(cluster) as http:
        answer = await http.get("/v1/weights/default/web")
        document = answer.json()
        assert answer.headers["etag"] == f'"{document["version"]}"'
        assert document["ports"][0]["endpoints"][0]["nodeName"] == "a"
        again = await http.get("/v1/weights/default/web", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert (await http.get("/v1/weights/default/none")).status_code == 404
        assert (await http.get("/v1/weights/default/web?wait=soon")).status_code == 400
        assert (await http.get("/v1/weights")).json()["services"][0]["endpoints"] == 2


async def test_a_long_poll_ends_when_a_weight_changes() -> None:
    cluster = Cluster()
    cluster.settle()
    current = cluster.book.get("default/web")
    assert current is not None
    async with client(cluster) as http:
        headers = {"If-None-Match": f'"{current.version}"'}
        waiting = asyncio.create_task(http.get("/v1/weights/default/web?wait=30s", headers=headers))
        while "default/web" not in cluster.book.changes.waiting:
            await asyncio.sleep(0)
        cluster.look((3.0, 1.0))
        answer = await asyncio.wait_for(waiting, 5)
    assert answer.status_code == 200
    assert answer.json()["version"] != current.version


async def test_one_long_poll_follows_all_services() -> None:
    cluster = Cluster()
    cluster.settle()
    async with client(cluster) as http:
        first = await http.get("/v1/weights")
        headers = {"If-None-Match": first.headers["etag"]}
        assert (await http.get("/v1/weights?wait=10ms", headers=headers)).status_code == 304
        waiting = asyncio.create_task(http.get("/v1/weights?wait=30s", headers=headers))
        while not cluster.book.changes.waiting:
            await asyncio.sleep(0)
        cluster.state.put(Kind.SERVICE, service(name="api"))
        cluster.look()
        answer = await asyncio.wait_for(waiting, 5)
    assert {item["service"] for item in answer.json()["services"]} == {"web", "api"}
    old, new = ({item["service"]: item["version"] for item in answer.json()["services"]} for answer in (first, answer))
    assert old["web"] == new["web"]


async def test_nothing_is_reported_before_the_cluster_is_read() -> None:
    cluster = Cluster()
    app = create_app(cluster.book, ServerFrame("lb"), ready=lambda: False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://lb") as http:
        for answer in (
            await http.get("/v1/weights/default/web"),
            await http.get("/v1/weights"),
            await http.post("/v3/discovery:endpoints", json={}),
        ):
            assert answer.status_code == 503
            assert "keep the weights" in answer.json()["error"]
        assert (await http.get("/metrics")).status_code == 200
    async with AgentCheckServer(cluster.book, "127.0.0.1", 0, ready=lambda: False) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"default/web:http 10.1.0.1:8080\n")
        assert await reader.read() == b""
        writer.close()


async def test_a_long_poll_ends_in_time_when_nothing_changes() -> None:
    cluster = Cluster()
    cluster.settle()
    current = cluster.book.get("default/web")
    assert current is not None
    async with client(cluster) as http:
        answer = await http.get("/v1/weights/default/web?wait=10ms", headers={"If-None-Match": f'"{current.version}"'})
    assert answer.status_code == 304


@pytest.mark.parametrize("path", ["/v1/weights/default/web", "/v1/weights"])
async def test_long_polls_end_when_the_server_stops_and_send_readers_elsewhere(path: str) -> None:
    cluster, frame = Cluster(), ServerFrame("lb")
    cluster.settle()
    async with client(cluster, frame) as http:
        headers = {"If-None-Match": (await http.get(path)).headers["etag"]}
        waiting = asyncio.create_task(http.get(f"{path}?wait=60s", headers=headers))
        while not cluster.book.changes.waiting:
            await asyncio.sleep(0)
        frame.checks.stopping = True
        answer = await asyncio.wait_for(waiting, 5)
        assert 304 == answer.status_code
        assert "close" == answer.headers["connection"]
        assert 304 == (await http.get(f"{path}?wait=60s", headers=headers)).status_code


async def test_envoy_gets_assignments_with_whole_weights() -> None:
    cluster = Cluster()
    cluster.settle()
    async with client(cluster) as http:
        body = {"resource_names": ["default/web:http", "default/none:http"], "node": {"id": "e"}}
        first = await http.post("/v3/discovery:endpoints", json=body)
        document = first.json()
        known, unknown = document["resources"]
        assert known["cluster_name"] == "default/web:http"
        weights = [item["load_balancing_weight"] for item in known["endpoints"][0]["lb_endpoints"]]
        assert all(isinstance(weight, int) and weight >= 1 for weight in weights)
        assert unknown["endpoints"] == []
        again = await http.post("/v3/discovery:endpoints", json={**body, "version_info": document["version_info"]})
        assert again.status_code == 304
        assert (await http.post("/v3/discovery:endpoints", content=b"x")).status_code == 400
        assert (await http.post("/v3/discovery:endpoints", json={"type_url": "other"})).status_code == 400


async def test_endpoints_that_end_drain_unless_they_are_the_last() -> None:
    cluster = Cluster()
    ending = endpoint(1, "a", ready=False, serving=True, terminating=True)
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", ending, endpoint(2, "b")))

    def states() -> dict[str, str]:
        (cluster_ip,) = (eds.assignment("default/web:http", cluster.document().ports[0])["endpoints"],)
        listed = [item for zone in cluster_ip for item in zone["lb_endpoints"]]
        return {item["endpoint"]["address"]["socket_address"]["address"]: item["health_status"] for item in listed}

    assert states() == {"10.1.0.1": "DRAINING", "10.1.0.2": "HEALTHY"}
    assert reply("default/web:http 10.1.0.1:8080", cluster.book) == b"drain\n"
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-1", ending, endpoint(2, "b", ready=False)))
    assert states() == {"10.1.0.1": "HEALTHY"}
    assert reply("default/web:http 10.1.0.1:8080", cluster.book) == b"ready up 100%\n"


async def test_weights_are_gauges() -> None:
    cluster = Cluster()
    async with client(cluster) as http:
        text = (await http.get("/metrics")).text
    labels = 'namespace="default",service="web",port="http",endpoint="10.1.0.1:8080"'
    assert f"wao_lb_weight_ratio{{{labels}}} 1.0\n" in text
    assert f"wao_lb_planned_cpu_cores{{{labels}}} 2.0\n" in text
    assert 'wao_lb_service_info{namespace="default",service="web",rule="lookahead",reason=""} 1.0\n' in text


def test_the_json_is_what_agents_decode() -> None:

    found = Cluster().book.get("default/web")
    assert found is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=ServiceWeights) == found
