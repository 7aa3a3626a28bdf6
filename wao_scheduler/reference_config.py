"""The settings in a KubeSchedulerConfiguration of the Go reference. Pure.

The arguments of the plugins MinimizePower and PodSpread become settings of profiles. A plugin is enabled or disabled by
the rules of kube-scheduler (https://kubernetes.io/docs/reference/scheduling/config/): the lists of an extension point
take precedence over `multiPoint`. Everything else in the file is for kube-scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wao_core.errors import ManifestError

KIND = "KubeSchedulerConfiguration"
POWER, SPREAD = "MinimizePower", "PodSpread"
_POINTS = {POWER: ("score", "preScore"), SPREAD: ("filter", "preFilter")}
"""Extension points of the plugins, the one that decides first."""
_GLOBALS = ("metricsCacheTTL", "predictorCacheTTL", "cpuUsageFormat")
_DEFAULTS = {"metricsCacheTTL": "30s", "predictorCacheTTL": "30m", "cpuUsageFormat": "Raw"}
_USAGE = 0.5
"""The reference's default of podUsageAssumption."""
_IGNORED_ARGS = ("apiVersion", "kind")
_OURS = ("apiVersion", "kind", "profiles")


def settings_of(document: Mapping[str, Any], *, file: str = "") -> dict[str, Any]:
    """Return the settings in a KubeSchedulerConfiguration, in the form of the settings file.

    Each profile has the name of its schedulerName. The profile `default`, which the extender serves without a prefix,
    is the first one with a plugin of WAO. If there are several profiles, it handles only pods of its schedulerName.

    Raises
    ------
    ManifestError
        A part does not have the form of a KubeSchedulerConfiguration, or no profile has a plugin of WAO.
    """
    result: dict[str, Any] = {"profiles": {}, **_DEFAULTS}
    active = []
    profiles = list(_items(document, "profiles", file, "profiles"))
    for where, profile in profiles:
        name = str(profile.get("schedulerName") or "default-scheduler")
        arguments = _arguments(profile, file, where)
        settings = _settings(profile, arguments, file, where)
        result |= {key: arguments[key] for key in _GLOBALS if key in arguments and settings["minimizePower"]}
        result["profiles"][name] = settings
        if settings["minimizePower"] or settings["podSpread"]:
            active.append(name)
    if not active:
        raise ManifestError(
            f"no profile enables {POWER} or {SPREAD}: list them under plugins.multiPoint.enabled, or write `profiles:` "
            "and their settings instead of this file",
            file=file,
            field="profiles",
        )
    only = {"schedulerNames": [active[0]]} if len(profiles) > 1 else {}
    result["profiles"].setdefault("default", {**result["profiles"][active[0]], **only})
    return result


def _settings(profile: Mapping[str, Any], arguments: Mapping[str, Any], file: str, where: str) -> dict[str, Any]:
    configured = {str(entry.get("name")) for _, entry in _items(profile, "pluginConfig", file, where)}
    plugins = _mapping(profile.get("plugins"), file, f"{where}.plugins")
    enabled = {}
    for plugin, points in _POINTS.items():
        stated = _is_enabled(plugin, points, plugins, file, where)
        enabled[plugin] = stated if profile.get("plugins") is not None else plugin in configured
    own = {key: value for key, value in arguments.items() if key not in _GLOBALS and value != 0}  # 0 is its default
    return {
        "podUsageAssumption": _USAGE,
        **own,
        "minimizePower": enabled[POWER],
        "podSpread": enabled[SPREAD],
    }


def _arguments(profile: Mapping[str, Any], file: str, where: str) -> dict[str, Any]:
    """Return the arguments of MinimizePower; PodSpread has none."""
    found: dict[str, Any] = {}
    for path, entry in _items(profile, "pluginConfig", file, where):
        if entry.get("name") == POWER:
            found |= _mapping(entry.get("args"), file, f"{path}.args")
    return {key: value for key, value in found.items() if key not in _IGNORED_ARGS}


def _is_enabled(plugin: str, points: Sequence[str], plugins: Mapping[str, Any], file: str, where: str) -> bool:
    names = {
        (point, side): _names(plugins, point, side, file, f"{where}.plugins.{point}")
        for point in ("multiPoint", *points)
        for side in ("enabled", "disabled")
    }
    point = points[0]
    if plugin in names[point, "enabled"]:
        return True
    if {plugin, "*"} & names[point, "disabled"] or plugin in names["multiPoint", "disabled"]:
        return False
    return plugin in names["multiPoint", "enabled"]


def _names(plugins: Mapping[str, Any], point: str, side: str, file: str, where: str) -> set[str]:
    lists = _mapping(plugins.get(point), file, where)
    return {str(entry.get("name")) for _, entry in _items(lists, side, file, where)}


def _items(parent: Mapping[str, Any], key: str, file: str, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the mappings in a list with their paths; an absent list is empty."""
    value = parent.get(key)
    path = key if where == key else f"{where}.{key}"
    if value is None:
        return
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ManifestError("it must be a list", file=file, field=path)
    for number, item in enumerate(value):
        yield f"{path}[{number}]", _mapping(item, file, f"{path}[{number}]")


def _mapping(value: object, file: str, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ManifestError(f"it must be a mapping (got {value!r:.60})", file=file, field=where)
    return value


def unused(document: Mapping[str, Any]) -> str:
    """Return which parts of a KubeSchedulerConfiguration are for kube-scheduler only, for the log."""
    others = [key for key in document if key not in _OURS]
    return ", ".join([*map(str, others), "the other plugins", "weights"])
