"""Check `scheduler`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.fakes.healthy_cluster import EXTENDER, SETTINGS, config_map, found_by, healthy, kinds_of, outcome_of, shipped
from wao_doctor.facts import Missing, Probe
from wao_doctor.findings import NotKnown


def maps(change: Callable[[dict[str, Any]], object], settings: str | None = None) -> dict[str, Any]:
    document = yaml.safe_load((shipped("wao-kube-scheduler").data or {})["config.yaml"])
    change(document)
    held = shipped("wao-scheduler") if settings is None else config_map("wao-scheduler", **{"config.yaml": settings})
    return {
        SETTINGS.scheduler_config: config_map("wao-kube-scheduler", **{"config.yaml": yaml.safe_dump(document)}),
        SETTINGS.extender_settings: held,
    }


def extender(**fields: Any) -> dict[str, Any]:
    return maps(lambda document: document["extenders"][0].update(fields))


def test_the_shipped_configuration_is_fine() -> None:
    outcome = outcome_of("scheduler", healthy())
    assert (outcome.summary, list(outcome.findings)) == ("the extender is ready, and its weight is 150", [])


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"weight": 0}, ["extender-without-weight"]),
        ({"prioritizeVerb": ""}, ["extender-without-weight"]),
        ({"tlsConfig": {"insecure": True, "serverName": "wao-scheduler"}}, ["extender-unverified"]),
        ({"nodeCacheCapable": False}, ["extender-gets-whole-nodes"]),
        ({"ignorable": None}, ["extender-not-ignorable"]),
        ({"weight": "150"}, ["extender-without-weight"]),
    ],
)
def test_a_field_that_spoils_the_extender_is_reported(fields: dict[str, Any], kinds: list[str]) -> None:
    assert kinds_of("scheduler", config_maps=extender(**fields)) == kinds


def test_a_scheduler_without_our_extender_is_an_error() -> None:
    assert kinds_of("scheduler", config_maps=maps(lambda document: document.pop("extenders"))) == ["extender-missing"]
    others = [{"urlPrefix": "https://gpu.example"}, {"urlPrefix": "https://storage.example"}]
    (found,) = found_by("scheduler", config_maps=maps(lambda document: document.update(extenders=others)))
    assert found.evidence == "2 extenders of other programs"


def test_scorers_that_outvote_the_extender_are_a_note() -> None:
    def change(document: dict[str, Any]) -> None:
        document["extenders"][0]["weight"] = 1
        document["profiles"][0].pop("plugins")

    (found,) = found_by("scheduler", config_maps=maps(change))
    assert (found.kind, found.evidence) == ("extender-outweighed", "weight 1, that of other scorers 12")


@pytest.mark.parametrize(
    ("probe", "kind", "evidence"),
    [
        (Probe(EXTENDER, None, "connection refused"), "extender-unreachable", "connection refused"),
        (Probe(EXTENDER, 503, "curves: no curve"), "extender-not-ready", "status 503: curves: no curve"),
        (Missing("blocked by a policy"), "not-known", "blocked by a policy"),
    ],
)
def test_the_answer_of_the_extender_is_shown(probe: Any, kind: str, evidence: str) -> None:
    (found,) = found_by("scheduler", probes={EXTENDER: probe})
    assert (found.kind, found.evidence) == (kind, evidence)


def test_a_profile_that_the_settings_do_not_have_is_an_error() -> None:
    url = EXTENDER.replace("/default", "/edge")
    probes = {url: Probe(url, 200, "")}
    (found,) = found_by("scheduler", config_maps=extender(urlPrefix=url), probes=probes)
    assert (found.kind, found.evidence) == ("extender-profile-unknown", "profile edge; the settings have default")


def test_settings_that_are_not_valid_are_an_error_with_the_field() -> None:
    (found,) = found_by("scheduler", config_maps=maps(lambda _: None, "profiles: {default: {rule: best}}"))
    assert found.kind == "extender-settings-invalid"
    assert "profiles.default.rule" in found.evidence


@pytest.mark.parametrize(
    "held", [None, config_map("x"), config_map("x", a="kind: Other"), config_map("x", a="{"), Missing("403")]
)
def test_without_a_configuration_it_is_not_known_who_calls_the_extender(held: Any) -> None:
    facts = healthy(config_maps={SETTINGS.scheduler_config: held})
    with pytest.raises(NotKnown):
        outcome_of("scheduler", facts)
