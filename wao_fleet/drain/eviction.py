"""Evictions through the Eviction API, which respects PodDisruptionBudgets. Pods are never deleted directly.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction. 429 means that a budget does not allow the
eviction now, or that the API server is busy; 500 that several budgets cover the Pod.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import PODS
from wao_fleet.drain.pods import FleetPod
from wao_predict.backoff import Backoff

MAX_RETRY_AFTER = 60.0
"""Upper bound of a server's Retry-After [s]."""
ANSWER = 15.0
"""Time within which the API server must answer one request [s]."""


class EvictionResult(StrEnum):
    """What became of an eviction."""

    EVICTED = "evicted"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Eviction:
    """The result of an eviction, and why it was refused: `blocked` if a budget did not allow it in time."""

    result: EvictionResult
    reason: str = ""
    blocked: bool = False


async def evict(
    client: KubeClient, pod: FleetPod, *, deadline: float = 120.0, backoff: Backoff | None = None
) -> Eviction:
    """Evict one Pod; try again while a PodDisruptionBudget or a fault prevents it.

    Only the Pod with this uid is evicted, not one that replaced it under the same name.

    Parameters
    ----------
    deadline
        Time after which the eviction is given up [s].
    backoff
        Waits between attempts; a longer Retry-After of the server, up to a minute, is respected.

    Returns
    -------
    `GONE` if the Pod does not exist any more, and `REFUSED` if the eviction is not allowed at all or not in time. Every
    error of the API server is a refusal: nothing is raised.
    """
    waits = backoff or Backoff(initial=2.0, maximum=30.0)
    last = KubeError("no answer in time")
    try:
        async with asyncio.timeout(deadline):
            while True:
                try:
                    await client.send("POST", _path(pod, "eviction"), body=_body(pod), timeout=ANSWER)
                    return Eviction(EvictionResult.EVICTED)
                except KubeError as error:
                    if _is_gone(error):
                        return Eviction(EvictionResult.GONE)
                    if not _may_succeed_later(error):
                        return Eviction(EvictionResult.REFUSED, str(error))
                    last = error
                await asyncio.sleep(max(waits.next(), min(last.retry_after or 0.0, MAX_RETRY_AFTER)))
    except TimeoutError:
        reason = f"not evicted within {deadline:g} s: {last}"
        return Eviction(EvictionResult.REFUSED, reason, blocked=last.status_code == 429)


def _path(pod: FleetPod, subresource: str = "") -> str:
    return PODS.path(pod.namespace, pod.name, subresource)


def _body(pod: FleetPod) -> dict[str, object]:
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}} if pod.uid else {},
    }


def _is_gone(error: KubeError) -> bool:
    """Whether there is no such Pod, or another one has its name: 409 is a precondition that does not hold."""
    return error.status_code == 404 or (error.status_code == 409 and "uid" in str(error).lower())


def _may_succeed_later(error: KubeError) -> bool:
    if error.status_code == 500:  # more than one budget for a Pod is an error of configuration, not a fault
        return "disruption" not in str(error).lower()
    return error.status_code in (None, 409, 429, 502, 503, 504)
