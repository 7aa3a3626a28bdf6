"""The controller on a real API server, and how quick it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.bed.command import Wao
from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import wait_for
from tests.cluster.conftest import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
BASE = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system"
FAKE = {"type": "Fake", "endpoint": ""}


def template(name: str, label: str, endpoint: str = "https://{{ .IPv4.Address }}/{{ .Hostname }}") -> dict[str, Any]:
    """Return a template in the reference's own form: without template.nodeName."""
    body = {
        "metricsCollector": {
            "inletTemp": {"type": "Redfish", "endpoint": endpoint, "fetchInterval": "10s"},
            "deltaP": FAKE,
        },
        "predictor": {"powerConsumption": FAKE},
    }
    spec = {"nodeSelector": {"matchLabels": {"set": label}}, "template": body}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfigTemplate",
        "metadata": {"name": name},
        "spec": spec,
    }


def configs(bed: ControlPlane, prefix: str) -> dict[str, Any]:
    items = bed.admin.get(f"{BASE}/nodeconfigs")["items"]
    return {item["metadata"]["name"]: item for item in items if item["metadata"]["name"].startswith(prefix)}


def status(bed: ControlPlane, name: str) -> dict[str, Any]:
    found: dict[str, Any] = bed.admin.get(f"{BASE}/nodeconfigtemplates/{name}").get("status") or {}
    return found


def ready(bed: ControlPlane, name: str) -> dict[str, Any]:
    conditions = status(bed, name).get("conditions") or [{}]
    found: dict[str, Any] = conditions[0]
    return found


@pytest.fixture(scope="module")
def controller(bed: ControlPlane) -> Iterator[Wao]:
    made = Wao(bed, "controller")
    yield made
    made.stop()


def test_a_node_gets_its_config_and_loses_it_with_its_label(bed: ControlPlane, controller: Wao) -> None:
    bed.admin.create("/api/v1/nodes", node("c-1", labels={"set": "one"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("one", "one"))
    wait_for(lambda: "one-c-1" in configs(bed, "one-"), "the NodeConfig")
    made = configs(bed, "one-")["one-c-1"]
    assert made["spec"]["nodeName"] == "c-1"
    assert made["spec"]["metricsCollector"]["inletTemp"]["endpoint"].endswith("/c-1")
    assert made["metadata"]["ownerReferences"][0]["kind"] == "NodeConfigTemplate"
    wait_for(lambda: ready(bed, "one").get("status") == "True", "the template's status")
    assert status(bed, "one")["nodes"] == 1
    bed.admin.patch("/api/v1/nodes/c-1", {"metadata": {"labels": {"set": None}}})
    wait_for(lambda: not configs(bed, "one-"), "the NodeConfig is gone")


def test_the_configs_of_a_deleted_node_and_of_a_deleted_template_go(bed: ControlPlane, controller: Wao) -> None:
    for number in (6, 7):
        bed.admin.create("/api/v1/nodes", node(f"c-{number}", labels={"set": "six"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("six", "six"))
    wait_for(lambda: len(configs(bed, "six-")) == 2, "both NodeConfigs")
    bed.admin.delete("/api/v1/nodes/c-6")
    wait_for(lambda: set(configs(bed, "six-")) == {"six-c-7"}, "that of the deleted node is gone")
    bed.admin.delete(f"{BASE}/nodeconfigtemplates/six")
    wait_for(lambda: not configs(bed, "six-"), "its owner is gone, and so is it")


def test_an_edit_by_hand_is_put_right_and_a_child_deleted_comes_back(bed: ControlPlane, controller: Wao) -> None:
    bed.admin.create("/api/v1/nodes", node("c-2", labels={"set": "two"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("two", "two"))
    wait_for(lambda: "two-c-2" in configs(bed, "two-"), "the NodeConfig")
    bed.admin.patch(f"{BASE}/nodeconfigs/two-c-2", {"spec": {"nodeName": "other"}})
    wait_for(lambda: configs(bed, "two-")["two-c-2"]["spec"]["nodeName"] == "c-2", "the edit is put right")
    uid = configs(bed, "two-")["two-c-2"]["metadata"]["uid"]
    bed.admin.delete(f"{BASE}/nodeconfigs/two-c-2")
    wait_for(lambda: configs(bed, "two-").get("two-c-2", {}).get("metadata", {}).get("uid", uid) != uid, "it is back")


def test_a_broken_template_leaves_what_it_made_and_says_so(bed: ControlPlane, controller: Wao) -> None:
    bed.admin.create("/api/v1/nodes", node("c-3", labels={"set": "three"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("three", "three"))
    wait_for(lambda: "three-c-3" in configs(bed, "three-"), "the NodeConfig")
    before = configs(bed, "three-")["three-c-3"]["spec"]
    bed.admin.patch(f"{BASE}/nodeconfigtemplates/three", template("three", "three", '{{ env "HOME" }}'))
    wait_for(lambda: ready(bed, "three").get("reason") == "TemplateError", "the condition")
    assert "inletTemp.endpoint" in ready(bed, "three")["message"]
    assert configs(bed, "three-")["three-c-3"]["spec"] == before
    events = bed.admin.get("/api/v1/namespaces/wao-system/events")["items"]
    assert any(item["reason"] == "TemplateError" and item["type"] == "Warning" for item in events)


def test_of_two_templates_the_older_wins_and_the_loser_says_so(bed: ControlPlane, controller: Wao) -> None:
    bed.admin.create("/api/v1/nodes", node("c-4", labels={"set": "four"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("four-a", "four"))
    wait_for(lambda: "four-a-c-4" in configs(bed, "four-"), "the NodeConfig")
    time_before = time.time()
    while time.time() - time_before < 1.1:  # creation times have whole seconds
        bed.admin.ready()
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("four-b", "four"))
    wait_for(lambda: ready(bed, "four-b").get("reason") == "Conflict", "the loser's condition")
    assert list(configs(bed, "four-")) == ["four-a-c-4"]
    bed.admin.delete(f"{BASE}/nodeconfigtemplates/four-a")
    wait_for(lambda: "four-b-c-4" in configs(bed, "four-"), "the other takes over")


def test_a_config_made_by_hand_is_left_alone(bed: ControlPlane, controller: Wao) -> None:
    spec = {"nodeName": "c-5", "metricsCollector": {"inletTemp": FAKE, "deltaP": FAKE}, "predictor": {}}
    body = {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": "five-c-5"},
        "spec": spec,
    }
    bed.admin.create(f"{BASE}/nodeconfigs", body)
    bed.admin.create("/api/v1/nodes", node("c-5", labels={"set": "five"}))
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("five", "five"))
    wait_for(lambda: ready(bed, "five").get("reason") == "NameTaken", "the condition")
    assert configs(bed, "five-")["five-c-5"]["spec"] == spec


def test_a_thousand_nodes_take_seconds(
    bed: ControlPlane, controller: Wao, record_property: Callable[[str, object], None]
) -> None:
    count = 1000
    nodes = [node(f"k-{number}", labels={"set": "many"}) for number in range(count)]
    bed.admin.create_all("/api/v1/nodes", nodes)
    others = bed.admin.count(f"{BASE}/nodeconfigs")
    began = time.monotonic()
    bed.admin.create(f"{BASE}/nodeconfigtemplates", template("many", "many"))
    wait_for(lambda: bed.admin.count(f"{BASE}/nodeconfigs") >= others + count, "all NodeConfigs", pause=0.2)
    first = time.monotonic() - began
    made = configs(bed, "many-")
    assert len(made) == count
    began = time.monotonic()
    bed.admin.patch(f"{BASE}/nodeconfigtemplates/many", template("many", "many", "https://new/{{ .Hostname }}"))

    def renewed(config: dict[str, Any]) -> bool:
        return "new" in config["spec"]["metricsCollector"]["inletTemp"]["endpoint"]

    for name in sorted(made)[::50]:  # some of them first, because a list of all is expensive
        path = f"{BASE}/nodeconfigs/{name}"
        wait_for(lambda path=path: renewed(bed.admin.get(path)), f"{name} renewed")  # type: ignore[misc]
    wait_for(lambda: all(map(renewed, configs(bed, "many-").values())), "all NodeConfigs renewed", pause=0.5)
    second = time.monotonic() - began
    times = []
    for number in range(10):
        path = f"{BASE}/nodeconfigs/many-k-{number}"
        uid = bed.admin.get(path)["metadata"]["uid"]
        bed.admin.delete(path)
        began = time.monotonic()

        def back(path: str = path, uid: str = uid) -> bool:
            answer = bed.admin.request("GET", path)
            return answer.status_code == 200 and answer.json()["metadata"]["uid"] != uid

        wait_for(back, "the child is back", pause=0.002)
        times.append(time.monotonic() - began)
    figures = f"from scratch {first:.1f} s, after an edit {second:.1f} s, child back {sorted(times)[5]:.3f} s"
    record_property("1,000 NodeConfigs", figures)
    sys.stderr.write(f"\n1,000 NodeConfigs: {figures}\n")
    assert "many-k-7" in kubectl(bed, "get", "nodeconfigs", "-n", "wao-system")
