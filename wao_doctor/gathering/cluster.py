"""Facts of a cluster, from its API server. Only access reviews are written, which the API server does not keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from wao_core.cluster.names import GROUP
from wao_core.collector.metrics_feed import values_path
from wao_core.crds.yaml_files import RESOURCES as CUSTOM_RESOURCES
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import NODE_CONFIG_TEMPLATES, NODE_CONFIGS, NODE_METRICS, NODES, SERVICES, api_path
from wao_doctor import wire
from wao_doctor.extenders import scheduler_config
from wao_doctor.facts import CertificatePlace, Facts, Listed, Missing, Probe, Right, Server
from wao_doctor.gathering.certificates import decoded, described, load
from wao_doctor.gathering.probing import reach
from wao_doctor.manifests import rights_of
from wao_doctor.reading import Reader, answer_of, fact
from wao_doctor.settings import LEADERS, DoctorSettings
from wao_lb.settings import PROXY_LABEL
from wao_metrics_api.names import GROUPS as OUR_GROUPS
from wao_predict.timestamps import parse_rfc3339

T = TypeVar("T")

REVIEWS_AT_ONCE = 16
SAMPLED = ("inlet_temp", "delta_p", "power_watts")
"""Metrics whose ages are read."""
GROUPS = (*OUR_GROUPS, "metrics.k8s.io")
"""Groups whose APIServices are examined."""
_PART_OF_WAO = (("labelSelector", "app.kubernetes.io/part-of=wao"),)


class ClusterFacts:
    """Reads facts once each; a fact that needs another one waits for it.

    Parameters
    ----------
    clock
        Seconds since the epoch, by the clock of this machine.
    """

    def __init__(self, client: KubeClient, settings: DoctorSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._client, self._settings, self._clock = client, settings, clock
        self._read = Reader(client, settings.timeout)
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    async def gather(self, names: Iterable[str]) -> Facts:
        """Return the facts of these names, read at the same time."""
        wanted = dict.fromkeys(["server", *names])
        try:
            found = dict(zip(wanted, await asyncio.gather(*map(self._fact, wanted)), strict=True))
        finally:
            for task in self._tasks.values():
                task.cancel()
        server = found["server"]
        now = self._clock() + (0.0 if isinstance(server, Missing) else server.skew)
        return Facts(now=now, **found)

    def _fact(self, name: str) -> asyncio.Task[Any]:
        """Return the read of a fact, which is begun once."""
        if name not in self._tasks:
            work: Awaitable[Any] = getattr(self, name)()
            self._tasks[name] = asyncio.create_task(fact(work, 3 * self._settings.timeout))
        return self._tasks[name]

    async def server(self) -> Server:
        """Return version and clock of the API server."""
        began = self._clock()
        body, date = await self._client.date(timeout=self._settings.timeout)
        ended = self._clock()
        version = answer_of(body, ServerVersion, "GET /version").git
        try:
            stated = parsedate_to_datetime(date).timestamp() + 0.5  # whole seconds, cut
        except (ValueError, TypeError):
            raise SourceError("the API server states no time (header Date)") from None
        return Server(self._client.host, version, stated - (began + ended) / 2, uncertainty=0.5 + (ended - began) / 2)

    async def crds(self) -> Mapping[str, wire.Crd | None]:
        """Return the definitions of our custom resources."""
        names = [f"{resource.plural}.{GROUP}" for resource in CUSTOM_RESOURCES]
        path = "apiextensions.k8s.io/v1", "customresourcedefinitions"
        return await self._by_name(names, wire.Crd, lambda name: api_path(*path, name=name))

    async def api_services(self) -> Listed[wire.ApiService]:
        """Return the registrations of the groups of metrics."""
        listed = await self._read.list(api_path("apiregistration.k8s.io/v1", "apiservices"), wire.ApiService)
        return Listed(tuple(item for item in listed.objects if item.spec.group in GROUPS), truncated=listed.truncated)

    async def config_maps(self) -> Mapping[str, wire.ConfigMap | Missing | None]:
        """Return ConfigMaps by name; each may be missing on its own."""
        names = self._settings.config_maps
        reads = [
            fact(self._read.get(_namespaced("v1", "configmaps", name), wire.ConfigMap), self._settings.timeout)
            for name in names
        ]
        return dict(zip(names, await asyncio.gather(*reads), strict=True))

    async def workloads(self) -> Listed[wire.Workload]:
        """Return the Deployments and DaemonSets of WAO."""
        lists = [
            await self._read.list(api_path("apps/v1", plural), wire.Workload, query=_PART_OF_WAO)
            for plural in ("deployments", "daemonsets")
        ]
        return Listed(tuple(item for listed in lists for item in listed.objects if self._is_ours(item)))

    async def daemon_sets(self) -> Listed[wire.Workload]:
        """Return all DaemonSets: service proxies and networks are among them."""
        return await self._read.list(api_path("apps/v1", "daemonsets"), wire.Workload)

    async def pods(self) -> Listed[wire.Pod]:
        """Return the Pods of WAO."""
        listed = await self._read.list(api_path("v1", "pods"), wire.Pod, query=_PART_OF_WAO)
        return replace(listed, objects=tuple(filter(self._is_ours, listed.objects)))

    def _is_ours(self, item: wire.WireObject) -> bool:
        """Return whether an object is in a namespace of WAO: elsewhere, anybody can give it the label."""
        return item.metadata.namespace in (self._settings.namespace, self._settings.node_namespace)

    async def nodes(self) -> Listed[wire.Node]:
        """Return all Nodes."""
        return await self._read.list(NODES.path(), wire.Node)

    async def node_configs(self) -> Listed[wire.NodeConfig]:
        """Return all NodeConfigs."""
        return await self._read.list(NODE_CONFIGS.path(), wire.NodeConfig)

    async def templates(self) -> Listed[wire.Template]:
        """Return all NodeConfigTemplates."""
        return await self._read.list(NODE_CONFIG_TEMPLATES.path(), wire.Template)

    async def services(self) -> Listed[wire.ProxiedService]:
        """Return the Services that another proxy than the cluster's own serves."""
        return await self._read.list(SERVICES.path(), wire.ProxiedService, query=(("labelSelector", PROXY_LABEL),))

    async def node_metrics(self) -> Listed[wire.NodeMetrics]:
        """Return the CPU use of nodes."""
        return await self._read.list(NODE_METRICS.path(), wire.NodeMetrics)

    async def node_leases(self) -> Listed[wire.Lease]:
        """Return the heartbeats of nodes."""
        path = api_path("coordination.k8s.io/v1", "leases", namespace="kube-node-lease")
        return await self._read.list(path, wire.Lease)

    async def leases(self) -> Mapping[str, wire.Lease | None]:
        """Return the Leases by which replicas lead."""
        names = [f"{self._settings.namespace}/{name}" for name in LEADERS]
        return await self._by_name(
            names, wire.Lease, lambda name: _namespaced("coordination.k8s.io/v1", "leases", name)
        )

    async def samples(self) -> Mapping[str, Mapping[str, float]]:
        """Return by metric the time of each node's value."""
        found = {}
        for metric in SAMPLED:
            path = values_path(metric)
            try:
                body = await self._client.get(path, timeout=self._settings.timeout)
            except SourceError as error:
                if error.status_code != 404:  # no node has this metric
                    raise
                continue
            found[metric] = _times(body, path)
        return found

    async def certificates(self) -> tuple[CertificatePlace, ...]:
        """Return certificates: of authorities, of servers and of clients."""
        maps, apis = await self._fact("config_maps"), await self._fact("api_services")
        bundle = {} if isinstance(maps, Missing) else {name: _bundle(maps, name) for name in self._bundles}
        ours = bundle.get(self._settings.bundle)
        authorities = load(ours) if isinstance(ours, bytes) else []
        places = [
            CertificatePlace(
                f"ConfigMap {name}",
                "authority",
                pem if isinstance(pem, Missing) else described(pem, None),
                agrees=isinstance(pem, Missing) or load(pem) == authorities or not authorities,
            )
            for name, pem in bundle.items()
        ]
        for item in () if isinstance(apis, Missing) else apis.objects:
            if item.spec.service is not None and item.spec.service.namespace == self._settings.namespace:
                pem = decoded(item.spec.ca_bundle or "")
                agrees = not authorities or all(held in load(pem) for held in authorities)
                places.append(
                    CertificatePlace(f"APIService {item.name}", "caBundle", described(pem, None), agrees=agrees)
                )
        return (*places, *await self._mounted(authorities))

    @property
    def _bundles(self) -> tuple[str, str]:
        return self._settings.bundle, self._settings.bundle_copy

    async def _mounted(self, authorities: list[Any]) -> list[CertificatePlace]:
        """Return the certificates in the Secrets that workloads of WAO mount."""
        workloads = await self._fact("workloads")
        if isinstance(workloads, Missing):
            return [CertificatePlace("Secrets of WAO", "server", workloads)]
        mounted = {
            f"{item.metadata.namespace}/{secret}": "client" if item.name == "wao-kube-scheduler" else "server"
            for item in workloads.objects
            for secret in item.secrets
        }
        reads = [fact(self._certificate(name), self._settings.timeout) for name in mounted]
        places = []
        for (name, used_for), found in zip(mounted.items(), await asyncio.gather(*reads), strict=True):
            if isinstance(found, Missing):
                remedy = "wao doctor needs no right to Secrets: look at it as an administrator."
                content: Any = Missing(found.reason, remedy)
            elif found is None:
                content = ()
            else:
                content = described(decoded(found.data.certificate), authorities or None)
            places.append(CertificatePlace(f"Secret {name}", used_for, content))
        return places

    async def _certificate(self, name: str) -> wire.CertificateSecret | None:
        return await self._read.get(_namespaced("v1", "secrets", name), wire.CertificateSecret)

    async def probes(self) -> Mapping[str, Probe | Missing]:
        """Return by URL whether the extenders in the scheduler's configuration are ready."""
        maps = await self._fact("config_maps")
        if isinstance(maps, Missing):
            return {}
        config, bundle = maps.get(self._settings.scheduler_config), _bundle(maps, self._settings.bundle)
        if not isinstance(config, wire.ConfigMap):
            return {}
        authorities = bundle.decode(errors="replace") if isinstance(bundle, bytes) else ""
        found: dict[str, Probe | Missing] = {}
        for extender in scheduler_config(config).extenders:
            work = reach(self._client, extender.url, authorities, extender.server_name, self._settings.timeout)
            found[extender.url] = await fact(work, 3 * self._settings.timeout)
        return found

    async def rights(self) -> tuple[Right, ...] | Missing:
        """Return the rights that the installed parts need."""
        workloads: Listed[wire.Workload] | Missing = await self._fact("workloads")
        if isinstance(workloads, Missing):
            return workloads
        accounts = {
            f"{item.metadata.namespace}/{item.spec.template.spec.service_account_name}" for item in workloads.objects
        }
        return tuple(rights_of(accounts, [flag for item in workloads.objects for flag in item.arguments]))

    async def refused(self) -> tuple[Right, ...] | Missing:
        """Return those that the API server refuses."""
        rights: tuple[Right, ...] | Missing = await self._fact("rights")
        if isinstance(rights, Missing):
            return rights
        gate = asyncio.Semaphore(REVIEWS_AT_ONCE)

        async def refused(right: Right) -> bool:
            async with gate:
                return not await self._allowed(right)

        if rights and await refused(rights[0]):  # alone: where reviews are not allowed, one error is enough
            first = [rights[0]]
        else:
            first = []
        answers = await asyncio.gather(*map(refused, rights[1:]))
        return (*first, *(right for right, no in zip(rights[1:], answers, strict=True) if no))

    async def _allowed(self, right: Right) -> bool:
        namespace, _, name = right.account.partition("/")
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": right.resource,
            "subresource": right.subresource,
            "namespace": right.namespace,
            "name": right.name,
        }
        spec = {
            "user": f"system:serviceaccount:{namespace}:{name}",
            "groups": groups,
            "resourceAttributes": {key: value for key, value in attributes.items() if value},
        }
        version = "authorization.k8s.io/v1"
        body = {"apiVersion": version, "kind": "SubjectAccessReview", "spec": spec}
        path = api_path(version, "subjectaccessreviews")
        answer = await self._client.send("POST", path, body=body, timeout=self._settings.timeout)
        return answer_of(answer, AccessReview, f"POST {path}").status.allowed

    async def _by_name(self, names: Iterable[str], kind: type[T], path: Callable[[str], str]) -> dict[str, T | None]:
        listed = list(names)
        reads = [self._read.get(path(name), kind) for name in listed]  # type: ignore[type-var]
        return dict(zip(listed, await asyncio.gather(*reads), strict=True))


class ServerVersion(msgspec.Struct):
    """The answer to GET /version."""

    git: str = msgspec.field(name="gitVersion", default="")


class _ReviewStatus(msgspec.Struct):
    allowed: bool = False


class AccessReview(msgspec.Struct):
    """The answer to a SubjectAccessReview."""

    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)


class _Described(msgspec.Struct):
    name: str = ""


class _Value(msgspec.Struct):
    timestamp: str
    described: _Described = msgspec.field(name="describedObject", default_factory=_Described)


class MetricValues(msgspec.Struct):
    """The answer to a list of custom metrics."""

    items: list[_Value] | None = None


def _times(body: bytes, path: str) -> dict[str, float]:
    items = answer_of(body, MetricValues, f"GET {path}").items or []
    times = {item.described.name: parse_rfc3339(item.timestamp) for item in items}
    return {name: at for name, at in times.items() if at is not None}


def _namespaced(version: str, plural: str, key: str) -> str:
    namespace, _, name = key.partition("/")
    return api_path(version, plural, namespace=namespace, name=name)


def _bundle(maps: Mapping[str, wire.ConfigMap | Missing | None], name: str) -> bytes | Missing:
    found = maps.get(name)
    if isinstance(found, Missing):
        return found
    return b"" if found is None else (found.data or {}).get("ca.crt", "").encode()
