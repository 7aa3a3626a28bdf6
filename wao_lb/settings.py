"""What Services are weighted, and what their annotations say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wao_core.cluster.records import Kind, Service
from wao_predict.errors import QuantityError
from wao_predict.quantity import cores
from wao_predict.traffic.damping import Pace
from wao_predict.traffic.lookahead import Limits
from wao_predict.traffic.weights import Rule

CPU_PER_REQUEST = "waok8s.github.io/cpu-per-request"
RULE = "waok8s.github.io/lb-rule"
DEFAULT_CPU_PER_REQUEST = 0.1
"""Cores, the reference's default of 100m."""
PROXY_LABEL = "service.kubernetes.io/service-proxy-name"
PROXY_NAME = "wao-loadbalancer"
"""Default value of that label."""
HEADLESS_LABEL = "service.kubernetes.io/headless"
CHOICE = (Rule.PROPORTIONAL, Rule.LOOKAHEAD)


@dataclass(frozen=True, slots=True)
class LbSettings:
    """What Services are weighted, and how where they do not say. Times are in seconds."""

    proxy_name: str | None = PROXY_NAME  # None: every Service with endpoints
    rule: Rule = Rule.LOOKAHEAD
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    max_sample_age: float = 900.0  # older CPU samples count as unknown


def is_label_value(text: str) -> bool:
    """Return whether a text can be the value of a label; the empty one is left out, as it names nobody."""
    return re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", text) is not None


def selectors_of(proxy_name: str | None) -> Mapping[Kind, tuple[tuple[str, str], ...]]:
    """Return what restricts the watches of an API server to the Services of a proxy name.

    Slices are not chosen by that label: those made by hand do not carry it.
    """
    slices = {Kind.ENDPOINT_SLICE: (("labelSelector", f"!{HEADLESS_LABEL}"),)}
    if proxy_name is None:
        return slices
    return {**slices, Kind.SERVICE: (("labelSelector", f"{PROXY_LABEL}={proxy_name},!{HEADLESS_LABEL}"),)}


@dataclass(frozen=True, slots=True)
class Choice:
    """A Service's rule and CPU per request [cores], and what is wrong with its annotations: (annotation, reason)."""

    rule: Rule
    cpu_per_request: float
    wrong: tuple[tuple[str, str], ...] = ()


def is_chosen(service: Service, settings: LbSettings) -> bool:
    """Return whether a Service is weighted: it carries the label, and has an address that traffic goes to."""
    headless = not service.cluster_ips or service.cluster_ips[0] in ("", "None") or HEADLESS_LABEL in service.labels
    if service.type == "ExternalName" or headless:
        return False
    return settings.proxy_name is None or service.labels.get(PROXY_LABEL) == settings.proxy_name


def choice(service: Service, settings: LbSettings) -> Choice:
    """Return what a Service's annotations choose; a bad one counts as not there and is told."""
    rule, per_request = settings.rule, DEFAULT_CPU_PER_REQUEST
    wrong = []
    if (text := service.annotations.get(RULE)) is not None:
        if text in CHOICE:
            rule = Rule(text)
        else:
            wrong.append((RULE, f"{text!r:.40} is not a rule: write {' or '.join(CHOICE)}"))
    if (text := service.annotations.get(CPU_PER_REQUEST)) is not None:
        try:
            per_request = _cpu(text)
        except QuantityError as error:
            wrong.append((CPU_PER_REQUEST, str(error)))
    return Choice(rule, per_request, tuple(wrong))


def _cpu(text: str) -> float:
    value = cores(text)
    if not 0.0 < value <= 1024.0:
        raise QuantityError(f"{text!r:.40} is not a positive quantity of CPU, such as 100m")
    return value
