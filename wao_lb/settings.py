"""Settings of the weight service, and those that Services make by annotations. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from wao_core.cluster.records import Kind, Service
from wao_core.cluster.selector import Selectors
from wao_predict.errors import QuantityError
from wao_predict.quantity import cores
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.reasons import Rule
from wao_predict.traffic.steps import Pace

CPU_PER_REQUEST = "waok8s.github.io/cpu-per-request"
RULE = "waok8s.github.io/lb-rule"
DEFAULT_CPU_PER_REQUEST = 0.1
"""The reference's default of 100m [cores]."""
WEIGHTS_OF = "waok8s.github.io/weights-of"
"""Annotation of a Service whose EndpointSlices this service writes, for Cilium: the Service that has the endpoints."""
PROXY_LABEL = "service.kubernetes.io/service-proxy-name"
PROXY_NAME = "wao-loadbalancer"
"""Default value of that label."""
HEADLESS_LABEL = "service.kubernetes.io/headless"
CHOICES = (Rule.PROPORTIONAL, Rule.LOOKAHEAD)
"""Rules that a Service may choose."""


@dataclass(frozen=True, slots=True)
class LbSettings:
    """Settings of the weight service.

    Parameters
    ----------
    proxy_name
        Value of the label service.kubernetes.io/service-proxy-name of the Services to weigh; None weighs every Service.
    rule
        Rule of Services without the annotation waok8s.github.io/lb-rule.
    limits, pace
        Floor, ceilings and damping of all Services.
    max_sample_age
        Age from which a CPU sample counts as unknown [s].
    max_plan_share
        Part of one core that planning all Services may take; plans are made less often if they take longer.
    """

    proxy_name: str | None = PROXY_NAME
    rule: Rule = Rule.LOOKAHEAD
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    max_sample_age: float = 900.0
    max_plan_share: float = 0.05


def selectors_of(proxy_name: str | None) -> Selectors:
    """Return the label selectors that restrict watches to the Services of a proxy name.

    EndpointSlices are not selected by that label: manually created ones do not have it.
    """
    slices = {Kind.ENDPOINT_SLICE: (("labelSelector", f"!{HEADLESS_LABEL}"),)}
    if proxy_name is None:
        return slices
    return {**slices, Kind.SERVICE: (("labelSelector", f"{PROXY_LABEL}={proxy_name},!{HEADLESS_LABEL}"),)}


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """A Service's rule and CPU per request [cores], and its invalid annotations as (annotation, reason)."""

    rule: Rule
    cpu_per_request: float
    invalid: tuple[tuple[str, str], ...] = ()


def is_chosen(service: Service, settings: LbSettings) -> bool:
    """Return whether a Service is weighted: it has the label, is not headless, and has endpoints of its own.

    A Service without a cluster IP is weighted: in a folder of manifests, nobody assigns one.
    """
    headless = service.cluster_ips[:1] == ("None",) or HEADLESS_LABEL in service.labels
    if service.type == "ExternalName" or headless or WEIGHTS_OF in service.annotations:
        return False
    return settings.proxy_name is None or service.labels.get(PROXY_LABEL) == settings.proxy_name


def service_settings(service: Service, settings: LbSettings) -> ServiceSettings:
    """Return the settings of a Service; an invalid annotation is reported and the default used."""
    rule, per_request = settings.rule, DEFAULT_CPU_PER_REQUEST
    invalid = []
    if (text := service.annotations.get(RULE)) is not None:
        if text in CHOICES:
            rule = Rule(text)
        else:
            invalid.append((RULE, f"{text!r:.40} is not a rule: write {' or '.join(CHOICES)}"))
    if (text := service.annotations.get(CPU_PER_REQUEST)) is not None:
        try:
            per_request = _cpu(text)
        except QuantityError as error:
            invalid.append((CPU_PER_REQUEST, str(error)))
    return ServiceSettings(rule, per_request, tuple(invalid))


def _cpu(text: str) -> float:
    value = cores(text)
    if not 0.0 < value <= 1024.0:
        raise QuantityError(f"{text!r:.40} is not a positive quantity of CPU, such as 100m")
    return value
