"""Settings: the reference's names, ours, and errors that name every wrong field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wao_core.errors import ManifestError
from wao_scheduler.config import load_settings, parse_settings

REFERENCE = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: wao-scheduler
  pluginConfig:
  - name: MinimizePower
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: MinimizePowerArgs
      metricsCacheTTL: 15s
      predictorCacheTTL: 15m
      podUsageAssumption: 0.8
      cpuUsageFormat: Percent
  - name: PodSpread
    args: {}
"""


def test_a_configuration_of_the_reference_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(REFERENCE)
    settings = load_settings(file)
    assert settings.profiles["wao-scheduler"].pod_usage_assumption == 0.8
    assert settings.profiles["default"].pod_usage_assumption == 0.8
    assert (settings.metrics_cache_ttl, settings.predictor_cache_ttl) == (15.0, 900.0)
    assert settings.cpu_usage_format == "Percent"


def test_what_the_reference_leaves_out_has_its_defaults() -> None:
    profiles = [{"schedulerName": "x", "pluginConfig": [{"name": "MinimizePower", "args": {}}]}]
    settings = parse_settings({"kind": "KubeSchedulerConfiguration", "profiles": profiles})
    assert settings.profiles["x"].pod_usage_assumption == 0.5
    assert settings.cpu_usage_format == "Raw"
    assert settings.predictor_cache_ttl == 1800.0


def test_a_zero_of_the_reference_means_its_default_and_is_no_share_of_ours() -> None:
    profiles = [{"pluginConfig": [{"name": "MinimizePower", "args": {"podUsageAssumption": 0}}]}]
    settings = parse_settings({"kind": "KubeSchedulerConfiguration", "profiles": profiles})
    assert settings.profiles["default-scheduler"].pod_usage_assumption == 0.5
    with pytest.raises(ManifestError, match="podUsageAssumption"):
        parse_settings({"profiles": {"default": {"podUsageAssumption": 0}}})


def test_without_a_file_there_are_defaults() -> None:
    settings = load_settings(None)
    assert settings.profiles["default"].rule == "lookahead"
    assert settings.profiles["default"].score_mode == "ordinal"


def test_several_profiles() -> None:
    settings = parse_settings({"profiles": {"default": {}, "greedy": {"rule": "marginal", "defaultCpu": "250m"}}})
    assert settings.profiles["greedy"].rule == "marginal"
    assert settings.profiles["greedy"].default_cpu == 0.25


def test_every_wrong_field_is_named_in_one_error(tmp_path: Path) -> None:
    document: dict[str, Any] = {
        "metricsCacheTTL": "soon",
        "profiles": {"default": {"rule": "greedy", "podUsageAssumption": 2, "colour": "red"}},
    }
    with pytest.raises(ManifestError) as raised:
        parse_settings(document, file="config.yaml")
    for words in ("config.yaml", "metricsCacheTTL", "rule", "podUsageAssumption", "colour"):
        assert words in str(raised.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just text"])
def test_a_file_that_is_no_mapping_is_reported(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ManifestError, match=r"config\.yaml"):
        load_settings(file)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml")


def test_a_floor_history_names_its_server() -> None:
    settings = parse_settings(
        {"floorHistory": {"url": "https://prometheus/prom", "tokenFile": "/token", "timeout": "5s"}}
    )
    assert settings.floor_history is not None
    source = settings.floor_history.source()
    assert (source.url, source.label, source.token_file) == ("https://prometheus/prom", "instance", Path("/token"))
    assert source.timeout == 5.0


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ({"url": "prometheus:9090"}, "is not an http or https URL"),
        ({"url": "https://user:secret-word@prometheus"}, "remove the user and the password"),
        ({"url": "http://prometheus", "tokenFile": "/token"}, "a token is sent by https only"),
        ({"url": "https://prometheus", "label": "a-b"}, "floorHistory.label"),
        ({"query": "x"}, "floorHistory.url: Field required"),
    ],
)
def test_a_floor_history_that_cannot_be_used_is_refused(history: dict[str, Any], words: str) -> None:
    with pytest.raises(ManifestError, match=words) as raised:
        parse_settings({"floorHistory": history})
    assert "secret-word" not in str(raised.value)
