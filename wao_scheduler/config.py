"""The extender's settings: one file, several profiles, the reference's names where it has them.

The file is YAML. `profiles` maps names to settings; the scheduler addresses a profile by URL prefix
(`https://host/<profile>`), and the profile `default` without a prefix. A KubeSchedulerConfiguration of the reference is
accepted too, see `wao_scheduler.reference_config`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from wao_core.cluster.durations import parse_duration
from wao_core.errors import DurationError, ManifestError
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.prediction.floor_history import LABEL_NAME, HistorySource
from wao_core.source.plain_values import plain_values
from wao_predict.connection import TlsPolicy
from wao_predict.errors import QuantityError, UsageError
from wao_predict.increase import Rule
from wao_predict.quantity import cores
from wao_scheduler.reference_config import KIND, settings_of, unused

log = logging.getLogger("wao.scheduler")


def _duration(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except DurationError as error:
            raise ValueError(str(error)) from None
    return value


def _cpu(value: object) -> object:
    if isinstance(value, str):
        try:
            return cores(value)
        except QuantityError as error:
            raise ValueError(str(error)) from None
    return value


Seconds = Annotated[float, BeforeValidator(_duration), Field(gt=0, json_schema_extra={"format": "duration"})]
Cores = Annotated[float, BeforeValidator(_cpu), Field(gt=0, le=4096, json_schema_extra={"format": "quantity"})]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class PowerCap(_Settings):
    """A cap on the predicted power of a group of nodes."""

    label: str = Field(
        min_length=1, description="node label whose value identifies the group, such as topology.example.com/rack"
    )
    watts: dict[str, Annotated[float, Field(gt=0)]] = Field(
        description="power limit [W] by group; '*' for every other group"
    )


class CoolingSettings(_Settings):
    """Cooling plants and prices, which make a watt cost more on some nodes."""

    file: Path = Field(description="plant file, see docs/cooling.md")
    label: str = Field(min_length=1, description="node label whose value is the group of a plant, such as its room")

    def source(self) -> PlantSource:
        """Return the plants."""
        return PlantSource(self.file, self.label)


class FloorHistorySettings(_Settings):
    """A Prometheus server with the CPU use of the nodes before the scheduler began."""

    url: str = Field(description="URL of the server: https://host[:port][/prefix]")
    query: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        description="PromQL of the CPU use in cores, with one series for each node; default: that of node_exporter",
    )
    label: str = Field("instance", pattern=LABEL_NAME, description="label whose value is the name of the node")
    ca_file: Path | None = Field(
        None, description="PEM file of the certificate authorities of the server; default: those of the system"
    )
    token_file: Path | None = Field(None, description="file with a bearer token for the server, which needs https")
    timeout: Annotated[Seconds, Field(le=600)] = Field(30.0, description="time limit of the query")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            self.source().check()
        except UsageError as error:
            raise ValueError(str(error)) from None
        return self

    def source(self) -> HistorySource:
        """Return where the history is."""
        return HistorySource(
            url=self.url,
            query=self.query,
            label=self.label,
            tls=TlsPolicy(ca_file=self.ca_file),
            token_file=self.token_file,
            timeout=self.timeout,
        )


class ProfileSettings(_Settings):
    """How one profile scores and filters."""

    rule: Rule = Field(
        "lookahead",
        description="lookahead: best average increase over further identical pods; marginal: of this pod alone; floor: "
        "as a part of the load above the node's floor, which may end",
    )
    score_mode: Literal["ordinal", "proportional"] = Field(
        "ordinal", description="ordinal: scores 10, 9, ... by rank; proportional: points per watt (use weight 1)"
    )
    points_per_watt: float = Field(100.0, gt=0, le=10_000, description="score points per watt in proportional mode")
    default_cpu: Cores = Field(0.1, description="CPU of a pod without request and limit [cores], such as 100m")
    pod_usage_assumption: float = Field(
        1.0, gt=0, le=1, description="fraction of its request that a pod is assumed to use"
    )
    scheduler_names: tuple[str, ...] = Field(
        (), description="score only pods with one of these schedulerNames; empty: all pods"
    )
    minimize_power: bool = Field(True, description="score nodes by power; false: only spread and apply limits")
    pod_spread: bool = Field(True, description="apply the annotation waok8s.github.io/podspread-rate")
    inlet_temp_ceiling: float | None = Field(
        None, gt=-20, le=70, description="refuse nodes at or above this inlet temperature [degC]"
    )
    power_cap: PowerCap | None = Field(None, description="refuse nodes whose group would exceed its power limit")

    @property
    def has_limits(self) -> bool:
        """Whether nodes are refused, for which kube-scheduler must call `filter`."""
        return self.inlet_temp_ceiling is not None or self.power_cap is not None


class SchedulerSettings(_Settings):
    """The whole file."""

    profiles: dict[str, ProfileSettings] = Field(
        default_factory=lambda: {"default": ProfileSettings()},
        description="profiles by name; default: one named `default`",
    )
    metrics_cache_ttl: Seconds = Field(15.0, alias="metricsCacheTTL", description="period for reading metrics")
    predictor_cache_ttl: Seconds = Field(
        900.0,
        alias="predictorCacheTTL",
        description="age after which a power curve is predicted again even if its inputs did not change",
    )
    cpu_usage_format: Literal["Raw", "Percent"] = Field(
        "Percent",
        description="unit of cpu_usage that models expect: cores (Raw) or percent of capacity; models with knots in "
        "their metadata always get percent",
    )
    sensors: Literal["metricsAPI", "direct"] = Field(
        "metricsAPI",
        description="in a cluster: read inlet_temp and delta_p from the metrics API, or from the sensors; with a "
        "folder of manifests always from the sensors",
    )
    max_sample_age: Seconds = Field(900.0, description="age after which a CPU sample is no longer used")
    floor_window: Annotated[Seconds, Field(ge=3600)] = Field(
        86_400.0,
        description="time over which the rule floor uses the lowest load of a node as the part that stays, from 1h",
    )
    floor_history: FloorHistorySettings | None = Field(
        None,
        description="Prometheus server from which the floors are restored after a restart; without it, they begin at "
        "the present loads",
    )
    cooling: CoolingSettings | None = Field(
        None, description="count cooling and prices too: scores are by watts times what a watt costs on the node"
    )
    events: bool = Field(True, description="report the reason of each choice as an Event on the pod")
    decisions: int = Field(1000, ge=0, le=100_000, description="number of decisions kept for wao explain")

    def by_scheduler(self) -> dict[str, ProfileSettings]:
        """Return the profile of each schedulerName: the first that lists it, else the profile of that name."""
        found = dict(self.profiles)
        for profile in reversed(list(self.profiles.values())):
            found |= dict.fromkeys(profile.scheduler_names, profile)
        return found


def load_settings(path: Path | None) -> SchedulerSettings:
    """Return the settings in a file, or the defaults without one.

    Raises
    ------
    ManifestError
        The file cannot be read, or settings are wrong; the message lists all of them.
    """
    if path is None:
        return SchedulerSettings()
    try:
        documents = plain_values(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ManifestError) as error:
        raise ManifestError(f"the settings cannot be read: {error}", file=str(path)) from None
    if len(documents) > 1:
        raise ManifestError(f"the settings are one document, and this file has {len(documents)}", file=str(path))
    return parse_settings((documents or [None])[0] or {}, file=str(path))


def parse_settings(document: object, *, file: str = "") -> SchedulerSettings:
    """Return the settings in a decoded document; see `load_settings`."""
    if not isinstance(document, Mapping):
        raise ManifestError("the settings are not a mapping: write `profiles:` and its settings", file=file)
    kind = document.get("kind")
    if kind == KIND:
        log.warning(
            "%s: only the profiles' MinimizePower and PodSpread are used; %s belong to the configuration of the "
            "kube-scheduler that calls this extender",
            file or KIND,
            unused(document),
        )
        document = settings_of(document, file=file)
    elif kind is not None:
        raise ManifestError(
            f"the settings are a {kind!s:.60}: write `profiles:` and its settings, or the text of a {KIND}, which a "
            "ConfigMap has under `data:`",
            file=file,
            field="kind",
        )
    try:
        return SchedulerSettings.model_validate(document)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}{_received(item['input'])}"
            for item in error.errors()
        )
        raise ManifestError(wrong, file=file) from None


def _received(given: object) -> str:
    """Return what was given, for a message; a mapping is not shown, because a URL in it may have a password."""
    return "" if isinstance(given, Mapping) else f" (got {given!r:.60})"
