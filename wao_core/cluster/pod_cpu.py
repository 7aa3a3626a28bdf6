"""The CPU of a pod as the Kubernetes scheduler counts it. Pure functions.

Source: k8s.io/component-helpers/resource (PodRequests), KEP-753 (sidecars), KEP-2837 (pod-level resources).
"""

from __future__ import annotations

from collections.abc import Callable

from wao_core.cluster.wire import Container, PodSpec, Resources
from wao_predict.quantity import cores


def cpu_request(spec: PodSpec) -> float | None:
    """Return the CPU that counts for a pod [cores], None when nothing states any.

    The pod's own resources win. Otherwise the larger of: app containers and sidecars together, and the largest init
    container together with the sidecars started before it. Overhead comes on top. A container counts with its
    request, else its limit.
    """
    own = _stated(spec.resources)
    total = own if own is not None else _of_containers(spec, lambda container: _stated(container.resources))
    overhead = (spec.overhead or {}).get("cpu")
    if overhead is None:
        return total
    return (total or 0.0) + cores(overhead)


def cpu_limit(spec: PodSpec) -> float | None:
    """Return the CPU limit of a pod [cores], None when it or one of its long-running containers has none."""
    if spec.resources is not None and (own := (spec.resources.limits or {}).get("cpu")) is not None:
        return cores(own)
    running = [*(spec.containers or ()), *(item for item in spec.initContainers or () if _sidecar(item))]
    limits = [(item.resources.limits or {}).get("cpu") if item.resources else None for item in running]
    if not limits or any(limit is None for limit in limits):
        return None
    return sum(cores(limit) for limit in limits if limit is not None)


def _of_containers(spec: PodSpec, cpu: Callable[[Container], float | None]) -> float | None:
    apps = [cpu(container) for container in spec.containers or ()]
    sidecars: float = 0.0
    largest: float = 0.0
    stated = any(value is not None for value in apps)
    for container in spec.initContainers or ():
        value = cpu(container)
        stated |= value is not None
        if _sidecar(container):
            sidecars += value or 0.0
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + (value or 0.0))
    total = sum(value for value in apps if value is not None) + sidecars
    return max(total, largest) if stated else None


def _sidecar(container: Container) -> bool:
    return container.restartPolicy == "Always"


def _stated(resources: Resources | None) -> float | None:
    if resources is None:
        return None
    for quantities in (resources.requests, resources.limits):
        quantity = (quantities or {}).get("cpu")
        if quantity is not None:
            return cores(quantity)
    return None
