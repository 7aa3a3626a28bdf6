"""A KubeSchedulerConfiguration of the Go reference as settings of the extender."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import yaml

from wao_core.errors import ManifestError
from wao_scheduler.config import ProfileSettings, SchedulerSettings, parse_settings

DEPLOYED = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {qps: 150, burst: 300}
leaderElection: {leaderElect: false}
profiles:
- schedulerName: wao-scheduler
  plugins:
    multiPoint:
      enabled:
      - {name: MinimizePower, weight: 20}
      - {name: PodSpread}
  pluginConfig:
  - name: MinimizePower
    args: {metricsCacheTTL: 15s, predictorCacheTTL: 15m, podUsageAssumption: 0.8, cpuUsageFormat: Percent}
"""
"""wao-scheduler/config/base/cm.yaml of waok8s."""


def parsed(*profiles: Any, **more: Any) -> SchedulerSettings:
    return parse_settings({"kind": "KubeSchedulerConfiguration", "profiles": list(profiles), **more})


def profile(name: str = "wao-scheduler", **points: dict[str, list[str]]) -> dict[str, Any]:
    """Return a profile with lists of names by extension point and side."""
    plugins = {
        point: {side: [{"name": name} for name in names] for side, names in lists.items()}
        for point, lists in points.items()
    }
    return {"schedulerName": name, "plugins": plugins}


BOTH = {"enabled": ["MinimizePower", "PodSpread"]}


def test_the_configuration_that_the_reference_deploys() -> None:
    settings = parse_settings(yaml.safe_load(DEPLOYED))
    expected = ProfileSettings(pod_usage_assumption=0.8, minimize_power=True, pod_spread=True)
    assert settings.profiles == {"wao-scheduler": expected, "default": expected}
    assert (settings.metrics_cache_ttl, settings.predictor_cache_ttl, settings.cpu_usage_format) == (15, 900, "Percent")


@pytest.mark.parametrize(
    ("points", "power", "spread"),
    [
        ({"multiPoint": BOTH}, True, True),
        ({"multiPoint": {"enabled": ["MinimizePower"]}}, True, False),
        ({"multiPoint": {"enabled": ["PodSpread"]}}, False, True),
        ({"filter": {"enabled": ["PodSpread"]}}, False, True),
        ({"score": {"enabled": ["MinimizePower"]}}, True, False),
        ({"multiPoint": BOTH, "score": {"disabled": ["MinimizePower"]}}, False, True),
        ({"multiPoint": BOTH, "score": {"disabled": ["*"]}}, False, True),
        ({"multiPoint": BOTH, "score": {"disabled": ["*"], "enabled": ["MinimizePower"]}}, True, True),
        ({"multiPoint": BOTH, "filter": {"disabled": ["PodSpread"]}}, True, False),
        ({"multiPoint": BOTH, "preFilter": {"disabled": ["PodSpread"]}}, True, True),
        ({"multiPoint": {**BOTH, "disabled": ["PodSpread"]}}, True, False),
        ({"multiPoint": {**BOTH, "disabled": ["*"]}}, True, True),
        ({"multiPoint": BOTH, "score": {"disabled": ["NodeResourcesFit"]}}, True, True),
    ],
)
def test_a_plugin_is_enabled_or_disabled_as_in_kube_scheduler(
    points: dict[str, Any], power: bool, spread: bool
) -> None:
    """`*` under multiPoint.disabled is for the default plugins only."""
    found = parsed(profile(**points)).profiles["wao-scheduler"]
    assert (found.minimize_power, found.pod_spread) == (power, spread)


@pytest.mark.parametrize("points", [{}, {"score": {"enabled": ["NodeResourcesFit"]}}, {"multiPoint": {}}])
def test_a_file_without_a_plugin_of_wao_is_refused_with_the_remedy(points: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="no profile enables MinimizePower or PodSpread: list them under plugins"):
        parsed(profile(**points))


def test_of_several_profiles_the_extender_handles_the_pods_of_the_one_with_the_plugins() -> None:
    settings = parsed(profile("default-scheduler"), profile("green", multiPoint=BOTH), profile("blue", multiPoint=BOTH))
    assert settings.profiles["default"].scheduler_names == ("green",)
    assert not settings.profiles["default-scheduler"].minimize_power
    assert settings.by_scheduler()["green"].minimize_power
    assert set(settings.profiles) == {"default-scheduler", "green", "blue", "default"}


def test_arguments_without_a_list_of_plugins_enable_their_plugin() -> None:
    found = parsed({"pluginConfig": [{"name": "MinimizePower", "args": None}]}).profiles["default-scheduler"]
    assert (found.minimize_power, found.pod_spread, found.pod_usage_assumption) == (True, False, 0.5)


def test_arguments_of_a_disabled_plugin_change_nothing_for_the_others() -> None:
    off = {**profile("off"), "pluginConfig": [{"name": "MinimizePower", "args": {"metricsCacheTTL": "1s"}}]}
    assert parsed(profile("on", multiPoint=BOTH), off).metrics_cache_ttl == 30.0


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"profiles": "x"}, r"profiles: it must be a list"),
        ({"profiles": ["x"]}, r"profiles\[0\]: it must be a mapping \(got 'x'\)"),
        ({"profiles": [{"plugins": []}]}, r"profiles\[0\].plugins: it must be a mapping"),
        ({"profiles": [{"plugins": {"multiPoint": 1}}]}, r"profiles\[0\].plugins.multiPoint: it must be a mapping"),
        (
            {"profiles": [{"plugins": {"score": {"enabled": ["MinimizePower"]}}}]},
            r"plugins.score.enabled\[0\]: it must be a mapping \(got 'MinimizePower'\)",
        ),
        ({"profiles": [{"pluginConfig": [{"name": "MinimizePower", "args": 5}]}]}, r"pluginConfig\[0\].args"),
    ],
)
def test_a_part_of_another_form_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        parse_settings({"kind": "KubeSchedulerConfiguration", **document})


def test_an_argument_that_is_not_known_is_named() -> None:
    arguments = [{"name": "MinimizePower", "args": {"colour": "red"}}]
    with pytest.raises(ManifestError, match="colour"):
        parsed({**profile(multiPoint=BOTH), "pluginConfig": arguments})


def test_what_is_for_kube_scheduler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        parsed(profile(multiPoint=BOTH), leaderElection={}, extenders=[])
    assert (
        "only the profiles' MinimizePower and PodSpread are used; leaderElection, extenders, the other" in caplog.text
    )


def test_a_config_map_is_refused_with_where_the_text_is() -> None:
    with pytest.raises(ManifestError, match=r"kind: the settings are a ConfigMap: .* a ConfigMap has under `data:`"):
        parse_settings({"apiVersion": "v1", "kind": "ConfigMap", "data": {"scheduler-config.yaml": DEPLOYED}})
