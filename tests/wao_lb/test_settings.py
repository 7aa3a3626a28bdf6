"""Which Services are weighed, and the settings that they make by annotations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.lb_cluster import service
from wao_core.cluster.records import Kind
from wao_lb.settings import (
    CPU_PER_REQUEST,
    DEFAULT_CPU_PER_REQUEST,
    HEADLESS_LABEL,
    PROXY_LABEL,
    RULE,
    LbSettings,
    is_chosen,
    selectors_of,
    service_settings,
)
from wao_predict.traffic.reasons import Rule

OURS = {PROXY_LABEL: "wao-loadbalancer"}
EVERY = LbSettings(proxy_name=None)


@pytest.mark.parametrize(
    ("settings", "fields", "chosen"),
    [
        (LbSettings(), {}, False),
        (LbSettings(), {"labels": OURS}, True),
        (LbSettings(), {"labels": {PROXY_LABEL: "other"}}, False),
        (LbSettings(proxy_name="other"), {"labels": {PROXY_LABEL: "other"}}, True),
        (EVERY, {}, True),
        (EVERY, {"labels": {HEADLESS_LABEL: ""}}, False),
        (EVERY, {"cluster_ips": ()}, True),
        (EVERY, {"cluster_ips": ("None",)}, False),
        (EVERY, {"cluster_ips": ("",)}, True),
        (EVERY, {"type": "ExternalName"}, False),
        (EVERY, {"type": "LoadBalancer"}, True),
    ],
)
def test_a_service_is_chosen_by_its_label_unless_it_is_headless(
    settings: LbSettings, fields: dict[str, Any], chosen: bool
) -> None:
    assert is_chosen(service(**fields), settings) is chosen


def test_watches_are_restricted_to_the_services_of_the_proxy() -> None:
    assert selectors_of("wao")[Kind.SERVICE] == (("labelSelector", f"{PROXY_LABEL}=wao,!{HEADLESS_LABEL}"),)
    assert Kind.SERVICE not in selectors_of(None)
    for name in ("wao", None):
        assert selectors_of(name)[Kind.ENDPOINT_SLICE] == (("labelSelector", f"!{HEADLESS_LABEL}"),)


@pytest.mark.parametrize(
    ("annotations", "rule", "cores"),
    [
        ({}, Rule.LOOKAHEAD, DEFAULT_CPU_PER_REQUEST),
        ({RULE: "proportional"}, Rule.PROPORTIONAL, DEFAULT_CPU_PER_REQUEST),
        ({CPU_PER_REQUEST: "250m"}, Rule.LOOKAHEAD, 0.25),
        ({CPU_PER_REQUEST: "1024"}, Rule.LOOKAHEAD, 1024.0),
    ],
)
def test_annotations_set_rule_and_cpu(annotations: dict[str, str], rule: Rule, cores: float) -> None:
    found = service_settings(service(annotations=annotations), LbSettings())
    assert (found.rule, found.cpu_per_request, found.invalid) == (rule, cores, ())


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (RULE, "cheapest", "write proportional or lookahead"),
        (RULE, "equal", "is not a rule"),
        (CPU_PER_REQUEST, "lots", "'lots' is not a quantity"),
        (CPU_PER_REQUEST, "0", "not a positive quantity"),
        (CPU_PER_REQUEST, "1025", "not a positive quantity"),
    ],
)
def test_an_invalid_annotation_is_reported_and_the_default_used(annotation: str, value: str, words: str) -> None:
    found = service_settings(service(annotations={annotation: value}), LbSettings(rule=Rule.PROPORTIONAL))
    assert (found.rule, found.cpu_per_request) == (Rule.PROPORTIONAL, DEFAULT_CPU_PER_REQUEST)
    ((name, reason),) = found.invalid
    assert name == annotation
    assert words in reason


def test_each_invalid_annotation_is_reported() -> None:
    annotations = {RULE: "x", CPU_PER_REQUEST: "y"}
    assert len(service_settings(service(annotations=annotations), LbSettings()).invalid) == 2
