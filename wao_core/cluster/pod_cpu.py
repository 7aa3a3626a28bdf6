"""The CPU and memory of a Pod as the Kubernetes scheduler counts them. Pure functions.

Source: k8s.io/component-helpers/resource (PodRequests), KEP-753 (sidecars), KEP-2837 (pod-level resources).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from wao_predict.quantity import cores, parse_quantity


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
    """A list of resource quantities; those that are read."""

    cpu: Cores | None = None
    memory: str | int | float | None = None
    pods: str | int | float | None = None


@lru_cache(maxsize=1024)
def amount(quantity: str | int | float) -> float:
    """Return a quantity as a number, such as memory in bytes.

    Raises
    ------
    QuantityError
        Not a quantity.
    """
    return float(parse_quantity(quantity))


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
    return _request(spec, lambda amounts: amounts.cpu)


def memory_request(spec: PodResources) -> float | None:
    """Return the memory request of a Pod [bytes], counted as `cpu_request`, or None when nothing states one.

    Raises
    ------
    QuantityError
        An amount is not a quantity.
    """
    return _request(spec, lambda amounts: None if amounts.memory is None else amount(amounts.memory))


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


Of = Callable[[Amounts], float | None]


def _request(spec: PodResources, of: Of) -> float | None:
    own = _stated(spec.resources, of)
    total = own if own is not None else _of_containers(spec, lambda container: _stated(container.resources, of))
    overhead = of(spec.overhead)
    return total if overhead is None else (total or 0.0) + overhead


def _of_containers(spec: PodResources, request: Callable[[Container], float | None]) -> float | None:
    apps = [request(container) for container in spec.containers]
    sidecars: float = 0.0
    largest: float = 0.0
    stated = any(value is not None for value in apps)
    for container in spec.init_containers:
        value = request(container)
        stated |= value is not None
        if container.sidecar:
            sidecars += value or 0.0
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + (value or 0.0))
    total = sum(value for value in apps if value is not None) + sidecars
    return max(total, largest) if stated else None


def _stated(resources: Resources, of: Of) -> float | None:
    request = of(resources.requests)
    return of(resources.limits) if request is None else request
