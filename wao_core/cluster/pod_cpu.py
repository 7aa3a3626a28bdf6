"""The CPU of a Pod as the Kubernetes scheduler counts it. Pure functions.

Source: k8s.io/component-helpers/resource (PodRequests), KEP-753 (sidecars), KEP-2837 (pod-level resources).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from wao_predict.quantity import cores


class Cores(float):
    """A CPU quantity of the API, decoded to cores."""

    __slots__ = ()


def decode_cores(type_: type, value: object) -> Cores:
    """Decode a CPU quantity: the `dec_hook` of msgspec for `Cores`, which adds the path of the field to errors.

    Raises
    ------
    QuantityError
        Not a CPU quantity.
    """
    return _known_cores(value) if isinstance(value, str) else Cores(cores(value))  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def _known_cores(text: str) -> Cores:
    """Return the same object for the same text: the Pods of a cluster use only a few sizes."""
    return Cores(cores(text))


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """A list of resource quantities; CPU is the only one read."""

    cpu: Cores | None = None


class Resources(msgspec.Struct, frozen=True, gc=False):
    """Requests and limits of a container or Pod."""

    requests: Amounts = Amounts()
    limits: Amounts = Amounts()


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The parts of a container that determine CPU."""

    resources: Resources = Resources()
    restart_policy: str = ""

    @property
    def sidecar(self) -> bool:
        """Whether an init container keeps running next to the containers."""
        return self.restart_policy == "Always"


class PodResources(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The parts of a Pod's spec that determine CPU."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Amounts = Amounts()
    resources: Resources = Resources()


def cpu_request(spec: PodResources) -> float | None:
    """Return the CPU request of a Pod [cores], or None when nothing states one.

    The pod-level resources win. Otherwise it is the larger of the containers and sidecars together, and the largest
    init container together with the sidecars started before it. Overhead is added. A container counts with its
    request, else its limit.
    """
    own = _stated(spec.resources)
    total = own if own is not None else _of_containers(spec, lambda container: _stated(container.resources))
    overhead = spec.overhead.cpu
    return total if overhead is None else (total or 0.0) + overhead


def cpu_limit(spec: PodResources) -> float | None:
    """Return the CPU limit of a Pod [cores], or None when it or one of its long-running containers has none."""
    own = spec.resources.limits.cpu
    if own is not None:
        return own
    running = [*spec.containers, *(item for item in spec.init_containers if item.sidecar)]
    limits = [item.resources.limits.cpu for item in running]
    if not limits or any(limit is None for limit in limits):
        return None
    return sum(limit for limit in limits if limit is not None)


def _of_containers(spec: PodResources, cpu: Callable[[Container], float | None]) -> float | None:
    apps = [cpu(container) for container in spec.containers]
    sidecars: float = 0.0
    largest: float = 0.0
    stated = any(value is not None for value in apps)
    for container in spec.init_containers:
        value = cpu(container)
        stated |= value is not None
        if container.sidecar:
            sidecars += value or 0.0
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + (value or 0.0))
    total = sum(value for value in apps if value is not None) + sidecars
    return max(total, largest) if stated else None


def _stated(resources: Resources) -> float | None:
    request = resources.requests.cpu
    return resources.limits.cpu if request is None else request
