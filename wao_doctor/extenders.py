"""The extenders in the configuration of a kube-scheduler. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from wao_core.errors import ManifestError
from wao_core.source.plain_values import plain_values
from wao_doctor.wire import ConfigMap
from wao_scheduler.reference_config import KIND

DEFAULT_WEIGHTS = {
    "ImageLocality": 1,
    "InterPodAffinity": 2,
    "NodeAffinity": 2,
    "NodeResourcesBalancedAllocation": 1,
    "NodeResourcesFit": 1,
    "PodTopologySpread": 2,
    "TaintToleration": 3,
}
"""Scorers of kube-scheduler that are enabled by default, and their weights."""


@dataclass(frozen=True, slots=True)
class Extender:
    """One extender of a kube-scheduler that scores nodes.

    Attributes
    ----------
    scorers
        Sum of the weights of the scorers in the profile where it is the highest.
    server_name
        Name that its certificate must have; empty for the host of the URL.
    """

    url: str
    prioritize: bool = True
    weight: int = 0
    https: bool = True
    insecure: bool = False
    client_certificate: bool = False
    node_cache_capable: bool = False
    ignorable: bool = False
    server_name: str = ""
    scorers: int = 0

    @property
    def host(self) -> str:
        """The host of its URL."""
        return _parts(self.url).hostname or ""

    @property
    def profile(self) -> str:
        """The profile of WAO that its URL names; empty for the default."""
        return _parts(self.url).path.strip("/")


def _parts(url: str) -> SplitResult:
    """Return the parts of a URL, empty ones for a text that is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """The extenders of WAO, or why the text is no configuration."""

    extenders: tuple[Extender, ...] = ()
    others: int = 0
    problem: str = ""


def scheduler_config(found: ConfigMap) -> SchedulerConfig:
    """Return what the KubeSchedulerConfiguration in a ConfigMap says; `problem` if there is none."""
    for text in (found.data or {}).values():
        try:
            documents = plain_values(text)
        except ManifestError as error:
            return SchedulerConfig(problem=str(error))
        for document in documents:
            if isinstance(document, Mapping) and document.get("kind") == KIND:
                return _config(document)
    return SchedulerConfig(problem=f"it has no {KIND}")


def _config(document: Mapping[str, Any]) -> SchedulerConfig:
    scorers = max(
        (_scorers(profile) for profile in _items(document, "profiles")), default=sum(DEFAULT_WEIGHTS.values())
    )
    found = [_extender(item, scorers) for item in _items(document, "extenders")]
    ours = [item for item in found if item.host.split(".")[0] == "wao-scheduler" or item.server_name]
    ours = ours or (found if len(found) == 1 else [])  # an address instead of a name
    return SchedulerConfig(tuple(ours), len(found) - len(ours))


def _extender(item: Mapping[str, Any], scorers: int) -> Extender:
    tls = item.get("tlsConfig")
    tls = tls if isinstance(tls, Mapping) else {}
    url, weight = str(item.get("urlPrefix") or ""), item.get("weight")
    return Extender(
        url=url,
        prioritize=bool(item.get("prioritizeVerb")),
        weight=weight if isinstance(weight, int) else 0,
        https=url.startswith("https://"),
        insecure=tls.get("insecure") is True,
        client_certificate=bool(tls.get("certFile") or tls.get("certData")),
        node_cache_capable=item.get("nodeCacheCapable") is True,
        ignorable=item.get("ignorable") is True,
        server_name=str(tls.get("serverName") or ""),
        scorers=scorers,
    )


def _scorers(profile: Mapping[str, Any]) -> int:
    """Return the sum of the weights of the scorers of a profile, by the rules of kube-scheduler."""
    plugins = profile.get("plugins")
    score = plugins.get("score") if isinstance(plugins, Mapping) else None
    score = score if isinstance(score, Mapping) else {}
    weights = dict(DEFAULT_WEIGHTS)
    for item in _items(score, "disabled"):
        name = str(item.get("name"))
        if name == "*":
            weights.clear()
        weights.pop(name, None)
    for item in _items(score, "enabled"):
        weight = item.get("weight")
        weights[str(item.get("name"))] = weight if isinstance(weight, int) and weight > 0 else 1
    return sum(weights.values())


def _items(document: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = document.get(name)
    yield from (item for item in (found if isinstance(found, list) else ()) if isinstance(item, Mapping))
