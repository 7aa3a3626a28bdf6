"""Templates and nodes to NodeConfigs: a pure function."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wao_core.cluster.records import Node, NodeConfigTemplate
from wao_core.crds.desired import Makers, plan

FAKE = {"type": "Fake", "endpoint": ""}


def template(
    name: str, *, created: float = 1.0, selector: Any = None, endpoint: str = "{{ .Hostname }}", namespace: str = "w"
) -> NodeConfigTemplate:
    body = {
        "metricsCollector": {"inletTemp": {"type": "Redfish", "endpoint": endpoint}, "deltaP": FAKE},
        "predictor": {"powerConsumption": FAKE},
    }
    return NodeConfigTemplate(
        name=name, namespace=namespace, created=created, node_selector=selector or {}, template=body
    )


def node(name: str, **labels: str) -> Node:
    return Node(name=name, labels={"kubernetes.io/hostname": name, **labels})


def test_each_matching_node_gets_one() -> None:
    made = plan([template("t", selector={"matchLabels": {"a": "1"}})], [node("x", a="1"), node("y")])
    assert list(made.desired) == ["w/t-x"]
    assert made.desired["w/t-x"].record.node_name == "x"
    assert made.desired["w/t-x"].record.metrics["inlet_temp"].endpoint == "x"


def test_of_several_templates_the_oldest_wins_and_the_others_are_told() -> None:
    made = plan([template("young", created=2.0), template("old", created=1.0)], [node("x")])
    assert list(made.desired) == ["w/old-x"]
    assert made.outcomes["w/young"].lost == {"x": "w/old"}
    assert made.outcomes["w/old"].matched == 1


def test_names_that_would_clash_are_made_distinct() -> None:
    first = template("a", created=1.0, selector={"matchLabels": {"k": "1"}})
    second = template("a-b", created=2.0, selector={"matchLabels": {"k": "2"}})
    made = plan([first, second], [node("b-c", k="1"), node("c", k="2")])
    assert len(made.desired) == 2
    assert "w/a-b-c" in made.desired
    assert {item.record.node_name for item in made.desired.values()} == {"b-c", "c"}


def test_a_secrets_name_is_checked_once_it_is_rendered() -> None:
    record = template("t", endpoint="https://bmc")
    sensor = record.template["metricsCollector"]["inletTemp"]  # type: ignore[index]
    sensor["basicAuthSecret"] = {"name": "{{ .Labels.login }}"}
    made = plan([record], [node("x", login="../../wao-system/secrets/bmc-login"), node("y", login="bmc")])
    assert list(made.desired) == ["w/t-y"]
    assert "basicAuthSecret" in made.outcomes["w/t"].errors["x"]


def test_a_template_error_is_told_for_its_node_and_spoils_no_other() -> None:
    made = plan([template("t", endpoint="{{ .Labels.site }}")], [node("x"), node("y", site="s")])
    assert list(made.desired) == ["w/t-y"]
    assert "metricsCollector.inletTemp.endpoint" in made.outcomes["w/t"].errors["x"]
    assert made.unrendered == {"w/t"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Near"}]}, False),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
    ],
)
def test_selectors_are_those_of_the_api(selector: dict[str, Any], matches: bool) -> None:
    assert bool(plan([template("t", selector=selector)], [node("x", a="1")]).desired) is matches


def test_a_node_is_rendered_again_only_when_what_the_template_sees_of_it_has_changed() -> None:
    makers, one = Makers(), template("t", endpoint="https://{{ .Name }}")
    first = plan([one], [node("x", a="1")], maker=makers).desired["w/t-x"]
    other = msgspec.structs.replace(node("x", a="1"), ready=False)
    assert plan([one], [other], maker=makers).desired["w/t-x"] is first
    assert plan([one], [node("x", a="2")], maker=makers).desired["w/t-x"] is not first
    makers.keep([])
    assert len(makers) == 0
