"""Templates and nodes to NodeConfigs: a pure function."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.templates import node, template
from wao_core.crds.desired import RenderCache, desired_node_configs


def test_each_matching_node_gets_one() -> None:
    made = desired_node_configs([template("t", selector={"matchLabels": {"a": "1"}})], [node("x", a="1"), node("y")])
    assert list(made.configs) == ["w/t-x"]
    assert made.configs["w/t-x"].record.node_name == "x"
    assert made.configs["w/t-x"].record.metrics["inlet_temp"].endpoint.url == "x"


def test_of_several_templates_the_oldest_wins_and_the_results_of_the_others_name_it() -> None:
    made = desired_node_configs([template("young", created=2.0), template("old", created=1.0)], [node("x")])
    assert list(made.configs) == ["w/old-x"]
    assert made.results["w/young"].lost_nodes == {"x": "w/old"}
    assert made.results["w/old"].nodes == 1


def test_names_that_would_clash_are_made_distinct() -> None:
    first = template("a", created=1.0, selector={"matchLabels": {"k": "1"}})
    second = template("a-b", created=2.0, selector={"matchLabels": {"k": "2"}})
    made = desired_node_configs([first, second], [node("b-c", k="1"), node("c", k="2")])
    assert len(made.configs) == 2
    assert "w/a-b-c" in made.configs
    assert {item.record.node_name for item in made.configs.values()} == {"b-c", "c"}


def test_a_secrets_name_is_checked_once_it_is_rendered() -> None:
    record = template("t", endpoint="https://bmc")
    sensor = record.template["metricsCollector"]["inletTemp"]  # type: ignore[index]
    sensor["basicAuthSecret"] = {"name": "{{ .Labels.login }}"}
    made = desired_node_configs(
        [record], [node("x", login="../../wao-system/secrets/bmc-login"), node("y", login="bmc")]
    )
    assert list(made.configs) == ["w/t-y"]
    assert "basicAuthSecret" in made.results["w/t"].errors["x"]


def test_a_template_error_is_reported_for_its_node_and_affects_no_other() -> None:
    made = desired_node_configs([template("t", endpoint="{{ .Labels.site }}")], [node("x"), node("y", site="s")])
    assert list(made.configs) == ["w/t-y"]
    assert "metricsCollector.inletTemp.endpoint" in made.results["w/t"].errors["x"]


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
    assert bool(desired_node_configs([template("t", selector=selector)], [node("x", a="1")]).configs) is matches


def test_a_node_is_rendered_again_only_when_what_the_template_sees_of_it_has_changed() -> None:
    cache, one = RenderCache(), template("t", endpoint="https://{{ .Name }}")
    first = desired_node_configs([one], [node("x", a="1")], render=cache).configs["w/t-x"]
    other = msgspec.structs.replace(node("x", a="1"), ready=False)
    assert desired_node_configs([one], [other], render=cache).configs["w/t-x"] is first
    assert desired_node_configs([one], [node("x", a="2")], render=cache).configs["w/t-x"] is not first
    cache.keep([])
    assert len(cache) == 0


def test_an_error_that_may_pass_is_not_kept() -> None:
    cache, greedy = RenderCache(), template("t", endpoint='{{ printf "%[5]*[1]d" 1 2 3 4 999999999 }}')
    result = desired_node_configs([greedy], [node("x"), node("y")], render=cache).results["w/t"]
    assert result.errors["x"].startswith("metricsCollector.inletTemp.endpoint: it needs more than 64 MiB of memory")
    assert "is not tried again for 60 s" in result.errors["y"]
    assert len(cache) == 1
