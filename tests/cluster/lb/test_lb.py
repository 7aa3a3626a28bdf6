"""Weights on a real control plane: from measured load to the kernel of a node, and what happens when parts go away."""

from __future__ import annotations

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import wait_for
from tests.cluster.lb.site import LABEL, NODES, PODS, SERVICES, SLICES, Site, crowd_pod, service, slice_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
CROWD, EACH = 1000, 5
EQUAL = 100.0 / len(NODES.names)


def in_kernel(site: Site, name: str) -> bool:
    """Whether the kernel splits as the weight service says, within the agent's tolerance."""
    served, written = site.shares(name), site.node.shares(name)
    return bool(served) and all(written.get(ip, 0.0) == pytest.approx(share, rel=0.03) for ip, share in served.items())


def equal_in_kernel(site: Site) -> bool:
    written = site.node.shares("web")
    return len(written) == len(NODES.names) and all(value == pytest.approx(EQUAL) for value in written.values())


def test_weights_are_laid_out_by_measured_load_and_cost_less_than_equal_ones(site: Site) -> None:
    def laid_out() -> bool:
        document = site.document("web")
        return bool(document) and document["rule"] == "lookahead" and len(site.shares("web")) == len(NODES.names)

    wait_for(laid_out, f"look-ahead: {site.document('web')}", pause=0.5)
    (port,) = site.document("web")["ports"]
    by_node = {item["nodeName"]: item["weight"] for item in port["endpoints"]}
    assert by_node.keys() == set(NODES.names)
    assert site.watts(by_node) < site.watts(dict.fromkeys(NODES.names, 1.0)) - 100.0


def test_the_agent_writes_them_into_the_kernel(site: Site) -> None:
    wait_for(lambda: in_kernel(site, "web"), "the weights in the kernel", pause=0.5)


def test_no_right_is_missing(site: Site) -> None:
    for container in site.deployment.running:
        assert "forbidden" not in container.text().lower(), container.text()


@pytest.mark.parametrize(
    ("namespace", "name"), [("wao-system", "wao-lb"), ("wao-node", "wao-lb-agent"), ("wao-system", "wao-controller")]
)
def test_pod_security_admits_each_part(bed: ControlPlane, site: Site, namespace: str, name: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io%2Fname%3D{name}"
    wait_for(lambda: bed.admin.get(path)["items"], f"pods of {name}", pause=0.5)


def test_the_label_is_followed_when_it_comes_and_when_it_goes(bed: ControlPlane, site: Site) -> None:
    bed.admin.create(SERVICES, service("labelled", labels={}, selector={"app": "web"}))
    wait_for(lambda: bed.admin.get(f"{SLICES}?labelSelector=kubernetes.io%2Fservice-name%3Dlabelled")["items"], "slice")
    for _ in range(2):
        bed.admin.patch(f"{SERVICES}/labelled", {"metadata": {"labels": LABEL}})
        wait_for(lambda: len(site.shares("labelled")) == len(NODES.names), "weighed")
        wait_for(lambda: in_kernel(site, "labelled"), "in the kernel", pause=0.2)
        bed.admin.patch(f"{SERVICES}/labelled", {"metadata": {"labels": dict.fromkeys(LABEL)}})
        wait_for(lambda: site.document("labelled") is None, "not weighed")
        wait_for(lambda: not site.node.shares("labelled"), "not in the kernel", pause=0.2)
    bed.admin.delete(f"{SERVICES}/labelled")


def test_a_bad_annotation_is_reported_on_the_service(bed: ControlPlane, site: Site) -> None:
    bed.admin.patch(f"{SERVICES}/web", {"metadata": {"annotations": {"waok8s.github.io/cpu-per-request": "lots"}}})
    path = "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=reason%3DBadAnnotation"

    def reported() -> bool:
        return any(
            item["regarding"]["name"] == "web" and item["type"] == "Warning" and "'lots'" in item["note"]
            for item in bed.admin.get(path)["items"]
        )

    wait_for(reported, "the Event")
    assert site.document("web")["cpuPerRequestCores"] == 0.1
    bed.admin.patch(f"{SERVICES}/web", {"metadata": {"annotations": {"waok8s.github.io/cpu-per-request": None}}})


def test_without_the_weight_service_the_kernel_splits_evenly_until_it_is_back(site: Site) -> None:
    wait_for(lambda: in_kernel(site, "web"), "the weights in the kernel", pause=0.5)
    assert not equal_in_kernel(site)
    site.weights.stop(kill=True)
    wait_for(lambda: equal_in_kernel(site), "equal weights", pause=0.2)
    site.weights = site.start_weights()
    wait_for(lambda: not equal_in_kernel(site) and in_kernel(site, "web"), "weights again", pause=0.5)


def test_a_thousand_services_are_weighed_and_written(bed: ControlPlane, site: Site) -> None:
    bed.admin.create_all(PODS, [crowd_pod(row) for row in range(40)])
    path = f"{PODS}?labelSelector=app%3Dcrowd"

    def pods() -> list[dict[str, dict[str, str]]]:
        return [item for item in bed.admin.get(path)["items"] if item.get("status", {}).get("podIP")]

    wait_for(lambda: len(pods()) == 40, "addresses of the pods", pause=0.5)
    there = pods()
    names = [f"crowd-{number}" for number in range(CROWD)]
    bed.admin.create_all(SERVICES, [service(name) for name in names])
    slices = [
        slice_of(name, [there[(number + 7 * step) % 40] for step in range(EACH)]) for number, name in enumerate(names)
    ]
    bed.admin.create_all(SLICES, slices)

    def weighed() -> bool:
        listed = site.listed("crowd-")
        return len(listed) == CROWD and all(
            item["endpoints"] == EACH and item["rule"] == "lookahead" for item in listed
        )

    wait_for(weighed, "all of them weighed", pause=1.0)
    for name in names[::97]:
        assert sum(site.shares(name).values()) == pytest.approx(100.0, abs=0.01)
    wait_for(lambda: site.node.maps("crowd-") == CROWD, "all of them in the kernel", pause=1.0)
    wait_for(lambda: in_kernel(site, names[500]), "one of them with its weights", pause=0.5)


def test_a_restart_of_the_api_server_changes_no_weight_and_what_is_new_is_seen(bed: ControlPlane, site: Site) -> None:
    before, written = site.shares("web"), site.node.shares("web")
    bed.stop_apiserver()
    assert before.keys() == site.shares("web").keys()
    assert written.keys() == site.node.shares("web").keys()
    bed.start_apiserver()
    bed.admin.create(SERVICES, service("late", selector={"app": "web"}))
    wait_for(lambda: len(site.shares("late")) == len(NODES.names), "the new Service weighed", pause=0.2)
    wait_for(lambda: in_kernel(site, "late"), "and in the kernel", pause=0.5)
    assert len(site.listed("crowd-")) == CROWD
