"""Pods as the API sends them, with what a drain needs to know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wao_core.errors import ManifestError
from wao_fleet.drain.pods import FLEET_PODS, FleetPod, NodeTerm, Requirement, Toleration, decode_fleet_pod

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def decode(spec: dict[str, Any] | None = None, **metadata: Any) -> FleetPod:
    return decode_fleet_pod(
        json.dumps({"metadata": {"name": "p", "namespace": "n", **metadata}, "spec": spec}).encode()
    )


def container(**requests: str) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {key.replace("__", "/"): value for key, value in requests.items()}}}


def test_it_has_the_fields_of_a_pod_and_those_that_decide_about_a_move() -> None:
    pod = decode(
        {
            "nodeName": "node-1",
            "containers": [container(cpu="500m", memory="1Gi"), container(memory="1Gi")],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "priorityClassName": "system-node-critical",
        }
    )
    assert (pod.key, pod.node_name, pod.cpu_request) == ("n/p", "node-1", 0.5)
    assert pod.memory_request == 2 * 2**30
    assert pod.node_selector == {"disk": "ssd"}
    assert pod.tolerations == (Toleration(key="a", operator="Exists"),)
    assert pod.critical


def test_a_plain_pod_is_free_of_all_of_them() -> None:
    pod = decode({"containers": [container()], "volumes": None, "affinity": None})
    assert pod == FleetPod(name="p", namespace="n")


@pytest.mark.parametrize(
    ("volume", "local"),
    [
        ({"emptyDir": {}}, ("emptyDir",)),
        ({"hostPath": {"path": "/"}}, ("hostPath",)),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, ("ephemeral",)),
        ({"configMap": {"name": "c"}}, ()),
        ({"persistentVolumeClaim": {"claimName": "data"}}, ()),
    ],
)
def test_volumes_whose_data_would_be_lost_are_named(volume: dict[str, Any], local: tuple[str, ...]) -> None:
    pod = decode({"volumes": [{"name": "v", **volume}]})
    assert pod.local_volumes == local
    assert pod.claims == (("data",) if "persistentVolumeClaim" in volume else ())


@pytest.mark.parametrize(
    ("spec", "tied"),
    [
        ({"affinity": {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}}, True),
        ({"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}}, True),
        (
            {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}},
            False,
        ),
        ({"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]}, True),
        ({"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]}, False),
    ],
)
def test_a_pod_whose_place_depends_on_other_pods_is_tied(spec: dict[str, Any], tied: bool) -> None:
    assert decode(spec).tied_to_pods is tied


def test_required_node_affinity_is_kept_as_terms() -> None:
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    pod = decode({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}})
    assert pod.node_terms == (NodeTerm(match_expressions=(Requirement("disk", "In", ("ssd",)),)),)


def test_extended_resources_and_claims_on_devices_are_named() -> None:
    assert decode({"containers": [container(cpu="1", nvidia__com="1")]}).extended == ("nvidia/com",)
    assert decode({"resourceClaims": [{"name": "gpu"}]}).extended == ("a ResourceClaim",)


def test_a_static_pod_is_known_by_its_annotation_and_other_annotations_are_dropped() -> None:
    pod = decode({}, annotations={"kubernetes.io/config.mirror": "x", "waok8s.github.io/evictable": "false"})
    assert pod.mirror
    assert pod.annotations == {"waok8s.github.io/evictable": "false"}


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ManifestError, match=r"spec\.containers.*memory|'much' is not a quantity"):
        decode({"containers": [container(memory="much")]})


def test_all_pods_are_listed() -> None:
    assert (FLEET_PODS.path, FLEET_PODS.key("n", "p")) == ("/api/v1/pods", "n/p")
